"""Addresses of labels, from the ELF files of the build."""
import functools
import subprocess

from lib.paths import BUILD


@functools.lru_cache
def symbols(elf):
    """All symbols of build/ELF, name -> address."""
    text = subprocess.run(["nm", str(BUILD / elf)], capture_output=True, text=True,
                          check=True).stdout
    fields = (line.split() for line in text.splitlines())
    return {field[2]: int(field[0], 16) for field in fields if len(field) == 3}


def label(name):
    """The address of a tour label, from whichever of the three ELF files has it."""
    for elf in ("stage1.elf", "stage2.elf", "kernel.elf"):
        if name in symbols(elf):
            return symbols(elf)[name]
    raise AssertionError(f"no label {name} in stage1.elf, stage2.elf, kernel.elf")
