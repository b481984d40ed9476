"""What a step has left in results/<study>: the files that its run wrote, as run.json lists them.

A result is what its step made, and nothing else. What a step had left is removed before it runs
again. Its trainings stay, since an unchanged setting takes them up: a training writes its
checkpoint.json whenever it is opened, and what was not opened is removed when the step ends.
"""

import contextlib
import shutil

STATE = "/checkpoint.json"  # in the folder of every training


def written(folder, since, others):
    """Files under a folder that were written since a time, and all of the trainings opened since.

    `since` is in seconds since 1970; `others` are paths that are not looked at. Gives a dict of
    path, from the folder, to (bytes, time of change).
    """
    found = {}
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and name not in others:
            found[name] = (path.stat().st_size, path.stat().st_mtime)
    new = {name for name, (_, changed) in found.items() if changed >= since}
    opened = tuple(_trainings(new))
    return {n: facts for n, facts in found.items() if n in new or n.startswith(opened)}


def lacking(folder, files):
    """The first of the files of a finished step, path -> bytes, that is not there or cut, or ""."""
    for name, size in files.items():
        path = folder / name
        if not path.is_file() or path.stat().st_size < size:
            return name
    return ""


def clear(folder, files, finished, force):
    """Remove what a step has left, but for its trainings, and give the files of these.

    Of a finished step, a training that is not whole is removed, too: nothing else can make it whole
    again. With `force` all are removed.
    """
    kept = {}
    for training in () if force else _trainings(files):
        pieces = {name: size for name, size in files.items() if name.startswith(training)}
        if not (finished and lacking(folder, pieces)):
            kept |= pieces
    remove(folder, files.keys() - kept.keys())
    return kept


def remove(folder, names):
    """Remove files of a folder, with all of the trainings among them, and what is empty then."""
    for name in names:
        (folder / name).unlink(missing_ok=True)
    for training in _trainings(names):
        shutil.rmtree(folder / training, ignore_errors=True)
    for path in sorted(folder.rglob("*"), reverse=True):
        with contextlib.suppress(OSError):  # a file, or a folder that is not empty
            path.rmdir()


def _trainings(names):
    """Folders, with a slash at the end, of the trainings among some files."""
    return [name.removesuffix(STATE) + "/" for name in names if name.endswith(STATE)]
