"""Files that are whole or not there: written beside their place, then renamed into it."""

import contextlib
import json
import os
from pathlib import Path


@contextlib.contextmanager
def replacing(path):
    """Give a temporary path with the same ending; what was written there becomes `path`.

    If the block raises, `path` stays as it was and the temporary file is deleted. After a kill at
    any moment `path` is the former file or the new one; what is left beside it is written over the
    next time. One writer at a time, but for machines that train together: the last one wins.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = f"{os.getpid()}-" if "TF_CONFIG" in os.environ else ""
    temporary = path.with_name(f".part-{writer}{path.name}")
    try:
        yield temporary
        with temporary.open("rb") as stream:
            os.fsync(stream.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path, text):
    """Write a text file (UTF-8, line ends as they are)."""
    with (
        replacing(path) as temporary,
        temporary.open("w", encoding="utf-8", errors="surrogateescape", newline="") as stream,
    ):
        stream.write(text)


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
