"""What binutils say about addresses in kernel.elf."""
import re
import subprocess

from lib.paths import BUILD, REPO


def text_section(elf="kernel.elf"):
    """(start, size) of the kernel's code."""
    sections = subprocess.run(["readelf", "-SW", str(BUILD / elf)], capture_output=True, text=True, check=True).stdout
    start, size = re.search(r"\.text +PROGBITS +(\w+) \w+ (\w+)", sections).groups()
    return int(start, 16), int(size, 16)


def relative(path):
    """PATH as the kernel names it: from the top folder on."""
    path = re.sub(r".*//", "", path.removeprefix(str(REPO) + "/"))
    return re.sub(r"^(\./)+", "", path)


def addr2line(addresses, elf="kernel.elf"):
    """[(function, file, line)]: the function that has a symbol, and the innermost line (0: unknown)."""
    command = ["addr2line", "-a", "-f", "-i", "-e", str(BUILD / elf)]
    wanted = "".join(f"{address:x}\n" for address in addresses)
    text = subprocess.run(command, input=wanted, capture_output=True, text=True, check=True).stdout
    answers = []
    for part in re.split(r"^0x[0-9a-f]+\n", text, flags=re.M)[1:]:
        lines = part.splitlines()
        file, line = lines[1].split(" (discriminator")[0].rsplit(":", 1)
        answers.append((lines[-2], relative(file), int(line) if line.isdigit() else 0))
    return answers
