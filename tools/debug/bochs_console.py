#!/usr/bin/python3
"""Runs Bochs without a window: its COM1 is this terminal. Ctrl-A x leaves, as in QEMU.

    bochs_console.py LOG COMMAND...     COMMAND starts Bochs; what it prints itself goes to the file LOG

Bochs can take a terminal as COM1 by itself, but then no key stops it, and it leaves the terminal in
raw mode. So COM1 is a TCP connection that Bochs opens to us, and we pass the bytes on.
"""
import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
import termios
import tty

START_SECONDS = 30  # for Bochs to open the connection
END_SECONDS = 3     # for Bochs to end once it is told to


@contextlib.contextmanager
def raw_terminal(stream):
    """Every key comes at once and unechoed; the terminal is as before afterwards."""
    if not stream.isatty():
        yield
        return
    saved = termios.tcgetattr(stream)
    tty.setraw(stream)
    try:
        yield
    finally:
        termios.tcsetattr(stream, termios.TCSADRAIN, saved)


def relay(connection):
    """Pass bytes on in both directions until Bochs or the person leaves."""
    sources, escaped = [connection, sys.stdin], False
    while True:
        for source in select.select(sources, [], [])[0]:
            if source is connection:
                data = connection.recv(65536)
                if not data:
                    return
                os.write(sys.stdout.fileno(), data)
                continue
            data = os.read(sys.stdin.fileno(), 1024)
            if not data:
                sources.remove(sys.stdin)
            if data == b"\x01" and not escaped:
                escaped = True
                continue
            if data in (b"x", b"\x01x") and (escaped or data[0] == 1):
                return
            escaped = False
            connection.sendall(data)


def main():
    log, command = sys.argv[1], sys.argv[2:]
    with socket.create_server(("127.0.0.1", 0)) as server, open(log, "wb") as output:
        port = server.getsockname()[1]
        bochs = subprocess.Popen(command + [f"com1: enabled=1, mode=socket-client, dev=127.0.0.1:{port}"],
                                 stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True)
        server.settimeout(START_SECONDS)
        try:
            connection = server.accept()[0]
            with raw_terminal(sys.stdin):
                relay(connection)
        except (TimeoutError, ConnectionResetError) as problem:
            print(f"Bochs: {problem}; see {log}", file=sys.stderr)
        bochs.send_signal(signal.SIGINT)  # breaks into the debugger, which ends where its input ends
        try:
            bochs.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            bochs.kill()
    print()


if __name__ == "__main__":
    main()
