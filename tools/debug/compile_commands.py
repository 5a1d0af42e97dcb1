#!/usr/bin/python3
"""Turns `make --dry-run`, read from standard input, into compile_commands.json for clangd.

So the flags are the build's own, whatever part a file belongs to. A file of lib/ that several parts
compile has several entries; clangd takes the first.
"""
import json
import os
import shlex
import sys


def entries(lines):
    for line in lines:
        if " -c " not in line or "nasm" in line:
            continue
        words = shlex.split(line)
        sources = [word for word in words if word.endswith(".c")]
        if len(sources) == 1 and "-o" in words:
            yield {"directory": os.getcwd(), "file": sources[0], "output": words[words.index("-o") + 1],
                   "arguments": words}


if __name__ == "__main__":
    json.dump(list(entries(sys.stdin)), sys.stdout, indent=1)
    print()
