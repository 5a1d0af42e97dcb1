#!/usr/bin/python3
"""Writes the loader's error table into docs/boot.md, from include/loader_errors.h."""
import re
import sys
from pathlib import Path

REPO = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPO / "tests"))
from lib.headers import loader_errors  # noqa: E402

BEGIN, END = r"<!-- errors:[^\n]*-->\n", r"<!-- end of errors -->"


def table():
    rows = "".join(f"| {error.code} | `{error.text}` | {error.advice} |\n" for error in loader_errors())
    return "| code | text | what it means, what to do |\n|---|---|---|\n" + rows


if __name__ == "__main__":
    path = REPO / "docs" / "boot.md"
    text = path.read_text()
    path.write_text(re.sub(rf"({BEGIN}).*?({END})", lambda match: match[1] + table() + match[2], text, flags=re.S))
