"""Refuse readers of the environment outside recsite/settings.py. Handing it on to a child process as a whole is no
reading."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("recsite", "feedback", "catalog", "ranking", "retrieval", "simulation", "benchmarks")
ALLOWED = {
    ROOT / "recsite" / "settings.py",
    ROOT / "simulation" / "clock_key.py",  # a client has no settings of ours to ask
}
WRITING = {"setdefault", "update"}


def offences(path: Path) -> Iterator[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        read = (
            (isinstance(node, ast.Attribute) and node.attr == "getenv")
            or (isinstance(node, ast.Attribute) and _is_environ(node.value) and node.attr not in WRITING)
            or (isinstance(node, ast.Subscript) and _is_environ(node.value) and isinstance(node.ctx, ast.Load))
            or (isinstance(node, ast.Compare) and any(_is_environ(side) for side in node.comparators))
        )
        if read:
            yield f"{path.relative_to(ROOT)}:{node.lineno}: reads the environment. Only recsite/settings.py does."


def _is_environ(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and node.attr == "environ"


def main() -> int:
    paths = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py") if path not in ALLOWED]
    found = [offence for path in paths for offence in offences(path)]
    print("\n".join(found), file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
