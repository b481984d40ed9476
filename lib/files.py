"""Files that are whole or not there, and the code that a result was made by.

What code a result depends on is found by following imports: a digest of every module that is
reached tells whether it has changed since. Comments, docstrings and layout do not count.
"""

import ast
import contextlib
import functools
import hashlib
import json
import os
import re
from pathlib import Path

LIB = Path(__file__).resolve().parent
BESIDE = (".j2", ".mplstyle", ".yaml")  # files in the folder of a module that count as its code
MAGIC = re.compile(r"^([ \t]*)([%!].*)$", re.MULTILINE)  # lines of IPython, not of Python


@contextlib.contextmanager
def replacing(path):
    """Give a temporary path with the same ending; what was written there becomes `path`.

    If the block raises, or after a kill at any moment, `path` is the former file or the new one.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".part-{path.name}")
    try:
        yield temporary
        with temporary.open("rb") as stream:
            os.fsync(stream.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path, text):
    """Write a text file (UTF-8, line ends as they are)."""
    with replacing(path) as temporary:
        temporary.write_bytes(text.encode("utf-8", "surrogateescape"))


def write_json(path, value):
    """Write a JSON file."""
    write_text(path, json.dumps(value, indent=1) + "\n")


def read_json(path):
    """Read a JSON file's dict; an empty one if it is missing, broken or holds something else."""
    try:
        found = json.loads(Path(path).read_text("utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def digest(value):
    """Hash anything that JSON can hold: the first 16 hexadecimal digits of its SHA-256."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


def code_of(*sources):
    """Hash the code that some Python sources run: their own, and all of `lib` that they reach.

    Sources are such as the code cells of a notebook, or "import lib.train". Gives a dict of digests
    in sorted order: `source`, and one entry for each file, such as `lib/models.py`. Imports are
    followed at any depth, also those within functions.
    """
    trees = [_parse(source) for source in sources]
    found = {"source": digest([ast.dump(tree) for tree in trees])}
    waiting, seen = set().union(*map(_imports, trees)), set()
    while waiting:
        name = waiting.pop()
        seen.add(name)
        stem = LIB.joinpath(*name.split(".")[1:])
        path = stem / "__init__.py" if stem.is_dir() else stem.with_name(f"{stem.name}.py")
        if path.is_file():
            place = f"lib/{path.relative_to(LIB).as_posix()}"
            found[place], imports = _read_module(path, path.stat().st_mtime_ns)
            waiting |= imports - seen
    return dict(sorted(found.items()))


@functools.lru_cache(maxsize=256)
def _read_module(path, _changed):
    """Digest of a module with the files that count as its code, and the modules it imports."""
    tree = _parse(path.read_text("utf-8"))
    beside = sorted(file for file in path.parent.iterdir() if file.suffix in BESIDE)
    return digest([ast.dump(tree), *(file.read_text("utf-8") for file in beside)]), _imports(tree)


def _parse(source):
    """Syntax tree without docstrings of a code cell or module; IPython's lines count as strings."""
    try:
        tree = ast.parse(source)
    except SyntaxError:
        tree = ast.parse(MAGIC.sub(lambda match: f"{match[1]}_ = {match[2]!r}", source))
    for node in ast.walk(tree):
        documented = isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Module)
        if documented and ast.get_docstring(node):
            del node.body[0]
    return tree


def _imports(tree):
    """Dotted names in `lib` that a syntax tree imports, with the packages that they stand in."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            start = f"{node.module}." if isinstance(node, ast.ImportFrom) else ""
            for parts in ((start + alias.name).split(".") for alias in node.names):
                if parts[0] == "lib":
                    names |= {".".join(parts[:depth]) for depth in range(1, len(parts) + 1)}
    return names
