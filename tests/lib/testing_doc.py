#!/usr/bin/python3
"""The two lists of docs/testing.md, made from the tests themselves.

Run as a program this writes them, and the table of fs_lines.py, into the documents anew (`make test-lists`); a test
compares.
"""
import ast
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from lib import fs_lines  # noqa: E402
from lib.hazards import covered  # noqa: E402
from lib.marked import replaced  # noqa: E402
from lib.paths import REPO  # noqa: E402

DOCUMENT = REPO / "docs" / "testing.md"


def _first_sentence(path):
    text = " ".join((ast.get_docstring(ast.parse(path.read_text())) or "").split())
    return re.split(r"(?<=\.)\s|$", text, maxsplit=1)[0].rstrip(".").replace("<", "&lt;")


def files_list():
    rows = [
        f"| `{path.name}` | {_first_sentence(path)} |"
        for path in sorted((REPO / "tests/scenario").glob("test_*.py"))
    ]
    return "\n".join(["| `tests/scenario/` | what |", "|---|---|", *rows])


def hazards_list():
    rows = [f"| {hazard} | {', '.join(names)} |" for hazard, names in covered().items()]
    return "\n".join(["| hazard | tested in |", "|---|---|", *rows])


def rewritten(text):
    """TEXT of the document with both lists as they should be."""
    for mark, made in (("files", files_list()), ("hazards", hazards_list())):
        text = replaced(text, mark, made)
    return text


if __name__ == "__main__":
    for document, anew in ((DOCUMENT, rewritten), (fs_lines.DOCUMENT, fs_lines.rewritten)):
        document.write_text(anew(document.read_text()))
