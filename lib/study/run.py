"""Run a study: its notebooks in order, each with the parameters of one profile.

    python -m lib.study quick                        what is not up to date, in order
    python -m lib.study quick --set EPOCHS=3 --list  what would run, and why
    python -m lib.study quick --from 06              06_gan and what follows it
    python -m lib.study quick --only cnn             that notebook alone, in any case
    python -m lib.study quick --set SEEDS=[0,1,2]    the same training from three seeds
    python -m lib.study ablation                     one study for each of the profile's VARIANTS
    python -m lib.study report quick                 build results/quick/report.html again
    python -m lib.study report quick flickr8k        and set studies side by side on one page

A profile is notebooks/profiles/<name>.yaml, or the path of such a file. Each notebook is given the
parameters that it declares; its copy with outputs stands in results/<study>/notebooks, and what
was run, how and for how long in results/<study>/run.json. A step that has finished with the same
parameters, code and inputs is not run again, so a killed run goes on where it was. Where TF_CONFIG
names several machines, `--only` with a training notebook runs on each, in one folder they share.
Exit status: 0 done; 1 a notebook failed; 2 a wrong argument or a missing file, one line says which;
130 interrupted. Reference: papermill, https://papermill.readthedocs.io
"""

import argparse
import contextlib
import datetime
import logging
import os
import sys
from pathlib import Path

from lib import files
from lib.study import profiles, provenance, series
from lib.study.profiles import UsageError
from lib.study.progress import Progress
from lib.study.steps import TRAINING, find_step, missing, plan, prepare

try:
    import fcntl
except ImportError:  # Windows: nothing keeps two runs of one study apart there
    fcntl = None

ROOT = Path(__file__).resolve().parents[2]
# What the kernels inherit; the second makes it this Python's kernel, not one of the user's.
KERNEL = {"PYTHONHASHSEED": "0", "JUPYTER_PREFER_ENV_PATH": "1"}
MESSAGE_LINES = 12  # of a cell's error; the notebook has all of it


class StepError(RuntimeError):
    """A notebook that failed."""


def run(profile, settings=(), start=None, only=None, force=False, root=ROOT, out=None):
    """Run the notebooks of a study that are not up to date.

    Parameters
    ----------
    profile, settings, root
        As for `profiles.read_profile`.
    start, only, force
        As for `steps.plan`.
    out : text stream, optional
        Where progress goes; standard output by default.

    Returns
    -------
    pathlib.Path
        results/<study>

    Raises
    ------
    UsageError
        Before anything is written: wrong arguments, a missing file, a study in use.
    StepError
        If a notebook fails; the later ones are not run.
    """
    out = out or sys.stdout
    study = prepare(profile, settings, root)
    plan(study, start, only, force)
    number = _machine(only)
    os.environ |= KERNEL
    if number:
        _follow(study, find_step(only, study.steps), number, out)
        return study.folder
    with _lock(study), contextlib.chdir(study.root):
        tasks = [task for task in plan(study, start, only, force) if task.selected]
        if any(task.due for task in tasks):
            (study.folder / "notebooks").mkdir(exist_ok=True)
            _record(study.folder, **_header(study))
        for number, task in enumerate(tasks, start=1):
            label = f"[{number}/{len(tasks)}] {task.step.name}"
            if task.due:
                _run_step(study, task, label, out)
            else:
                print(f"{label} is up to date", file=out)
    return study.folder


def _run_step(study, task, label, out):
    """Run one notebook, and write it down in run.json."""
    name = task.step.name
    records = files.read_json(study.folder / "run.json").get("steps", {})
    records = {known: record for known, record in records.items() if known in study.notebooks}
    records.pop(name, None)  # from here on its outputs are no longer those of the former run
    _record(study.folder, steps=records)
    copy = f"results/{study.name}/notebooks/{name}.ipynb"
    with Progress(label, out) as progress:
        _execute(name, task.values, copy, progress)
    lacking = missing(study, task.step)
    if lacking:
        raise StepError(f"{name} came to its end, but {lacking} is missing")
    records[name] = {
        "fingerprint": task.fingerprint,
        "seconds": round(progress.seconds(), 1),
        "finished": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "parts": task.parts,
    }
    _record(
        study.folder,
        data=files.read_json(study.folder / "data.json"),
        seconds=round(sum(record["seconds"] for record in records.values()), 1),
        steps=dict(sorted(records.items())),
    )


def _machine(only):
    """This machine's number among those of TF_CONFIG, which can do nothing but train together."""
    try:
        number, count = provenance.machines()
    except ValueError as error:
        raise UsageError(str(error)) from None
    if count > 1 and (not only or find_step(only).name not in TRAINING):
        names = ", ".join(name[:2] for name in TRAINING)
        raise UsageError(f"TF_CONFIG names {count} machines: give --only with one of {names}")
    return number


def _follow(study, step, number, out):
    """Run a training notebook together with the chief, which alone writes results and run.json."""
    copy = f"results/{study.name}/notebooks/machine-{number}/{step.name}.ipynb"
    (study.root / copy).parent.mkdir(parents=True, exist_ok=True)
    values = study.notebooks[step.name].values(study.given)
    with Progress(f"machine {number}: {step.name}", out) as progress, contextlib.chdir(study.root):
        _execute(step.name, values, copy, progress)


def _record(folder, **changes):
    """Write entries of run.json."""
    path = folder / "run.json"
    files.write_json(path, files.read_json(path) | changes)


def _execute(name, values, copy, progress):
    """Run one notebook with papermill; the current directory is the root of the project."""
    import papermill  # takes a second or two: not before everything has been checked

    for logger in ("papermill", "asyncio"):  # what they would say of an ended kernel is said here
        logging.getLogger(logger).setLevel("CRITICAL")
    try:
        papermill.execute_notebook(
            *(f"notebooks/{name}.ipynb", copy, values),
            kernel_name="python3",
            extra_arguments=["--log-level=CRITICAL"],  # of the kernel
            progress_bar=False,
            stdout_file=progress,
            **{"start_timeout": 300, "iopub_timeout": 60},  # seconds; a busy computer is slow
        )
        return
    except papermill.PapermillExecutionError as error:
        what = f"in cell In [{error.exec_count}]: {error.ename}: {error.evalue}"
    except Exception as error:  # the kernel did not start, or died
        what = f"outside its code: {type(error).__name__}: {error}"
        if type(error).__name__ == "DeadKernelError":
            what = "because its kernel died: was there enough memory?"
    lines = what.rstrip(": \n").splitlines()
    what = "\n".join(lines[:MESSAGE_LINES] + ["..."] * (len(lines) > MESSAGE_LINES))
    raise StepError(f"{name} failed {what}\nThe notebook up to there: {copy}")


def _header(study):
    """What run.json says of a whole run."""
    values = {}
    for notebook in reversed(study.notebooks.values()):
        values |= notebook.values(study.given)
    return {
        "study": study.name,
        "profile": study.profile,
        "parameters": values | study.given,
        "seed": values.get("SEED"),
        "versions": provenance.versions(),
        "git": provenance.commit(study.root),
        "hardware": provenance.hardware(),
    }


@contextlib.contextmanager
def _lock(study):
    """Hold results/<study>; the operating system lets go of it when the process ends."""
    study.folder.mkdir(parents=True, exist_ok=True)
    with (study.folder / ".lock").open("w") as file:
        try:
            if fcntl:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UsageError(f"results/{study.name} is in use by another run") from None
        yield


def _report(names, root):
    """Build the report of one study again, or of several only the page that compares them."""
    results = root / "results"
    known = sorted(path.parent.name for path in results.glob("*/run.json"))
    for name in names:
        if not (results / name / "run.json").is_file():
            raise UsageError(f"no study {name}: {profiles.nearest(name, known)}")
    if not names:
        raise UsageError("report: expected the name of a study")
    from lib import report
    from lib.report import comparison

    folders = [results / name for name in names]
    try:
        print(comparison.build(folders) if len(names) > 1 else report.build(*folders))
    except (FileNotFoundError, ValueError) as error:
        raise UsageError(f"report {' '.join(names)}: {error}") from None


class _Parser(argparse.ArgumentParser):
    def error(self, message):
        raise UsageError(message)


def _options(arguments):
    """Read the command line of a run."""
    parser = _Parser("python -m lib.study", description="Run a study; report STUDY: its report")
    parser.add_argument("profile", nargs="?", help="name in notebooks/profiles, or a YAML file")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--from", dest="start", metavar="NOTEBOOK", help="run it and later ones")
    which.add_argument("--only", metavar="NOTEBOOK", help="run it alone, in any case")
    parser.add_argument("--set", nargs="+", action="extend", default=[], metavar="NAME=VALUE")
    parser.add_argument("--force", action="store_true", help="run what is up to date, too")
    parser.add_argument("--list", action="store_true", help="say what would run, and why")
    options = parser.parse_args(arguments)
    words = [word for word in options.set if "=" not in word]
    if words and not options.profile:  # --set NAME=VALUE PROFILE
        options.profile = options.set.pop(options.set.index(words[0]))
    if not options.profile:
        raise UsageError("expected the name of a profile")
    return options


def _list(study, which):
    """Print what would run, and why."""
    for task in plan(study, *which):
        left = "" if task.selected else "left alone; "
        print(f"{task.step.name}: {left}{task.reason or 'up to date'}")


def main(arguments=None, root=ROOT):
    """Command line; returns the exit status."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    try:
        if arguments[:1] == ["report"]:
            _report(arguments[1:], Path(root))
            return 0
        options = _options(arguments)
        which = (options.start, options.only, options.force)
        done = []
        for settings, repeats in series.expand(options.profile, options.set, root):
            if options.list:
                _list(prepare(options.profile, settings, root), which)
                continue
            folder = run(options.profile, settings, *which, root)
            if repeats:
                series.write_seeds(folder, repeats)
            print(f"done: results/{folder.name}")
            done += [folder.name] if (folder / "report.html").is_file() else []
        if len(done) > 1:  # variants
            _report(done, Path(root))
        return 0
    except UsageError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except StepError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted: start it again, and it goes on where it was", file=sys.stderr)
        return 130
