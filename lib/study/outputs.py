"""What a step leaves in results/<study>: whether it is whole, when it was written, its removal.

A result is what its step made, and nothing else. Tables and pictures are removed when a step starts
anew. Its trainings stay, since an unchanged setting takes them up again: a training writes its
checkpoint.json whenever it is opened, and what has not been opened is removed when the step ends.
"""

import csv
import shutil
import zipfile

from lib.files import read_json

PNG_END = b"IEND\xaeB`\x82"


def missing(study, step):
    """Name the first thing that a finished step would have left and that is not there, or cut."""
    models = [folder / "model.keras" for name in step.trains for folder in [study.folder / name]]
    paths = [study.folder / f"notebooks/{step.name}.ipynb", *models]
    paths += [study.folder / name for name in step.outputs]
    paths += [path for training in _trainings(study, step) for path in _pieces(training)]
    for path in paths:
        if not _is_whole(path):
            return str(path.relative_to(study.folder))
    if "data.json" in step.outputs:  # the photos are outside: data.json tells where
        data = read_json(study.folder / "data.json")
        store = read_json(study.root / data.get("folder", "") / "dataset.json")
        if "fingerprint" not in store or store["fingerprint"] != data.get("fingerprint"):
            return f"the data set of data.json ({data.get('folder')})"
    return ""


def clear(study, step, trainings=False):
    """Remove a step's tables and pictures, and its trainings, too, if that is asked for."""
    folders = step.trains + step.may_train if trainings else ()
    for path in _found(study, step.outputs + step.may_leave + folders):
        _remove(path)


def drop_broken(study, step):
    """Remove finished trainings that are not whole: nothing else can make them whole again."""
    for training in _trainings(study, step):
        if not all(map(_is_whole, _pieces(training))):
            _remove(training)


def drop_unopened(study, step, since):
    """Remove what a step may train and has not opened since a time (seconds)."""
    for folder in _found(study, step.may_train):
        states = list(folder.rglob("checkpoint.json"))
        for state in states:
            if state.stat().st_mtime < since:
                _remove(state.parent)
        if not any(state.is_file() for state in states):
            _remove(folder)


def took_up(study, step, since):
    """Whether a training of a step had ended before a time (seconds), and was kept."""
    models = (training / "model.keras" for training in _trainings(study, step))
    return any(path.is_file() and path.stat().st_mtime < since for path in models)


def last_written(study, step):
    """When a step wrote its last file, in seconds since 1970; 0 if there is none."""
    patterns = (f"notebooks/{step.name}.ipynb", *step.outputs, *step.may_leave)
    patterns += tuple(f"{name}/**/*" for name in step.trains + step.may_train)
    return max((path.stat().st_mtime for path in _found(study, patterns)), default=0)


def _found(study, patterns):
    return [path for pattern in patterns for path in study.folder.glob(pattern)]


def _trainings(study, step):
    """Folders of a step that hold a training, in progress or finished."""
    patterns = [f"{name}/**/checkpoint.json" for name in step.trains + step.may_train]
    return [state.parent for state in _found(study, patterns)]


def _pieces(training):
    """Files that a training must have left; none if it has not ended."""
    if read_json(training / "checkpoint.json").get("finished"):
        yield training / "model.keras"
        if (training / "nogan.csv").is_file():
            yield training / "critic.keras"
            with (training / "nogan.csv").open(newline="") as file:
                for row in csv.DictReader(file):
                    yield training / "looks" / f"{int(row['step']):06d}.png"


def _is_whole(path):
    """Whether a file is there and has its end; a folder has to be there."""
    if path.suffix == ".keras":
        return path.is_file() and zipfile.is_zipfile(path)
    if path.suffix == ".png":
        return path.is_file() and path.read_bytes().endswith(PNG_END)
    return path.is_dir() or (path.is_file() and path.stat().st_size > 0)


def _remove(path):
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
