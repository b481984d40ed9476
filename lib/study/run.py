"""Run a study: its notebooks in order, each with the parameters of one profile.

    python -m lib.study quick                        what is not up to date, in order
    python -m lib.study quick --set EPOCHS=3 --list  what would run, and why
    python -m lib.study quick --from 06              06_gan and what follows it
    python -m lib.study quick --only cnn             that notebook alone, in any case
    python -m lib.study quick --force                all of it, training included
    python -m lib.study quick --set SEEDS=[0,1,2]    the same training from three seeds
    python -m lib.study ablation                     one study for each of the profile's VARIANTS
    python -m lib.study report quick                 build results/quick/report.html again
    python -m lib.study report quick flickr8k        set studies side by side on one page
    python -m lib.study release quick                trained networks in 16 bits, to be shipped

A profile is notebooks/profiles/<name>.yaml, or the path of such a file. Each notebook is given the
parameters that it declares; its copy with outputs stands in results/<study>/notebooks, and what
was run, how and for how long in results/<study>/run.json. A step that has finished with the same
parameters, code and inputs is not run again, and a killed step goes on where it was. A study whose
folder holds a README.md is published: it is written to with --replace only. Exit status: 0 done;
1 a notebook failed; 2 a wrong argument or a missing file, one line says which; 130 interrupted.
Reference: papermill, https://papermill.readthedocs.io
"""

import argparse
import contextlib
import datetime
import logging
import os
import sys
import time
from pathlib import Path

from lib.files import read_json, write_json
from lib.study import outputs, provenance, series
from lib.study.parameters import UsageError, nearest
from lib.study.progress import Progress
from lib.study.steps import plan

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


def run(study, start=None, only=None, force=False, replace=False, repeats=(), out=None):
    """Run the notebooks of a study that are not up to date, as `steps.plan` says.

    `force` also removes what was trained before; `replace` also writes to a published study;
    `repeats` names studies that repeat it with other seeds, and have been run. Progress goes to
    `out`, a text stream. Raises UsageError before anything is written, for wrong arguments, a
    missing file or a study in use; StepError if a notebook fails: the later ones are not run.
    """
    out = out or sys.stdout
    if (study.folder / "README.md").is_file() and not replace:
        place = f"results/{study.name}"
        raise UsageError(f"{place} is a published study: give another STUDY, or --replace")
    plan(study, start, only, force)
    try:
        os.environ |= KERNEL | {"HOME": str(Path.home())}
    except RuntimeError:
        raise UsageError("HOME is not set, and this user has no home folder: set HOME") from None
    with _lock(study), contextlib.chdir(study.root):
        if not repeats:
            series.forget_seeds(study.folder)
        tasks = [task for task in plan(study, start, only, force) if task.selected]
        for number, task in enumerate(tasks, start=1):
            label = f"[{number}/{len(tasks)}] {task.step.name}"
            if task.reason:
                _run_step(study, task, label, force, out)
            else:
                print(f"{label} is up to date", file=out)
        if repeats:
            series.write_seeds(study.folder, repeats)


def _run_step(study, task, label, force, out):
    """Run one notebook, and write it down in run.json."""
    step, name, path = task.step, task.step.name, study.folder / "run.json"
    record = read_json(path)
    steps = {known: one for known, one in record.get("steps", {}).items() if known in study.values}
    begun, former = record.get("begun", {}), steps.pop(name, {}).get("seconds", 0)
    go = begun.get(name, {"spent": 0, "former": former})  # there is one if it was killed
    if "began" in go:
        go["spent"] += max(0, outputs.last_written(study, step) - go["began"])
    goes_on = go.get("fingerprint") == task.fingerprint and not force
    if not goes_on:
        go = {"spent": 0, "former": go["spent"] + go["former"]}
        begun.pop(name, None)
    _record(study, _header(study) | {"steps": steps, "begun": begun})
    go["began"] = path.stat().st_mtime  # by the clock of the disk
    if not goes_on:
        outputs.clear(study, step, trainings=force)
        go |= {"fingerprint": task.fingerprint, "first": go["began"]}
    outputs.drop_broken(study, step)
    _record(study, {"begun": begun | {name: go}})

    (study.folder / "notebooks").mkdir(exist_ok=True)
    copy = f"results/{study.name}/notebooks/{name}.ipynb"
    with Progress(label, out) as progress:
        _execute(name, study.values[name], copy, progress)
    outputs.drop_unopened(study, step, go["began"])
    lacking = outputs.missing(study, step)
    if lacking:
        raise StepError(f"{name} came to its end, but {lacking} is missing or cut")

    seconds = go["spent"] + time.time() - go["began"]
    seconds += go["former"] if outputs.took_up(study, step, go["first"]) else 0
    steps[name] = {
        "fingerprint": task.fingerprint,
        "seconds": round(seconds, 1),
        "finished": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "parts": task.parts,
    }
    begun.pop(name, None)
    parameters = {}
    for one in sorted(steps, reverse=True):
        parameters |= steps[one]["parts"]["parameters"]
    made = {"parameters": parameters, "seed": parameters.get("SEED")}
    made["data"] = read_json(study.folder / "data.json")
    made["seconds"] = round(sum(one["seconds"] for one in steps.values()), 1)
    _record(study, made | {"steps": dict(sorted(steps.items())), "begun": begun})


def _record(study, changes):
    """Write entries of run.json."""
    path = study.folder / "run.json"
    write_json(path, read_json(path) | changes)


def _header(study):
    """What run.json says of how a step was run."""
    return {
        "study": study.name,
        "profile": study.profile,
        "versions": provenance.versions(),
        "git": provenance.commit(study.root),
        "hardware": provenance.hardware(),
    }


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
            start_timeout=300,  # seconds; a busy computer is slow
            iopub_timeout=60,
        )
        return
    except papermill.PapermillExecutionError as error:
        what = f"in cell In [{error.exec_count}]: {error.ename}: {error.evalue}"
    except Exception as error:  # the kernel did not start, or died
        what = f"outside its code: {type(error).__name__}: {error}"
        if type(error).__name__ == "DeadKernelError":
            what = "because its kernel died: was there enough memory?"
    what = "\n".join(what.rstrip(": \n").splitlines()[:MESSAGE_LINES])
    raise StepError(f"{name} failed {what}\nThe notebook up to there: {copy}")


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
    """Build the report of a study again, or the page that compares several."""
    folders = [_known(name, root) for name in names]
    from lib import report
    from lib.report import comparison

    several = len(folders) > 1
    try:
        print(comparison.build(folders) if several else report.build(folders[0]))
    except (FileNotFoundError, ValueError) as error:
        raise UsageError(f"report {' '.join(names)}: {error}") from None


def _release(names, root):
    """Write the trained networks of studies in the form in which they are shipped."""
    for folder in [_known(name, root) for name in names]:
        trained = sorted(path.parent for path in folder.glob("*/model.keras"))
        if not trained:
            raise UsageError(f"release: no trained network in results/{folder.name}")
        from lib.colorize.released import write

        for place in trained:
            write(place)
            print(f"released: results/{folder.name}/{place.name}", flush=True)


def _known(name, root):
    """Folder of a study that has been run."""
    results = root / "results"
    if not (results / name / "run.json").is_file():
        known = sorted(path.parent.name for path in results.glob("*/run.json"))
        raise UsageError(f"no study {name}: {nearest(name, known)}")
    return results / name


class _Parser(argparse.ArgumentParser):
    def error(self, message):
        raise UsageError(message)


def _options(arguments):
    """Read the command line of a run."""
    parser = _Parser(
        "python -m lib.study",
        description="Run a study. Also: report STUDY..., release STUDY...",
    )
    parser.add_argument("profile", nargs="?", help="name in notebooks/profiles, or a YAML file")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--from", dest="start", metavar="NOTEBOOK", help="run it and later ones")
    which.add_argument("--only", metavar="NOTEBOOK", help="run it alone, in any case")
    parser.add_argument("--set", nargs="+", action="extend", default=[], metavar="NAME=VALUE")
    parser.add_argument("--force", action="store_true", help="run and train all anew")
    parser.add_argument("--replace", action="store_true", help="write to a published study, too")
    parser.add_argument("--list", action="store_true", help="say what would run, and why")
    options = parser.parse_args(arguments)
    if not options.profile:
        raise UsageError("expected the name of a profile")
    return options


def _study(arguments, root):
    """Run or list what a command line asks for."""
    options = _options(arguments)
    which = (options.start, options.only, options.force)
    done = []
    for study, repeats in series.expand(options.profile, options.set, root):
        if options.list:
            for task in plan(study, *which):
                left = "" if task.selected else "left alone; "
                print(f"{task.step.name}: {left}{task.reason or 'up to date'}")
            continue
        run(study, *which, options.replace, repeats)
        print(f"done: results/{study.name}")
        done += [study.name] if (study.folder / "report.html").is_file() else []
    if len(done) > 1:  # variants
        _report(done, root)


def main(arguments=None, root=ROOT):
    """Command line; returns the exit status."""
    command, *rest = (sys.argv[1:] if arguments is None else arguments) or [""]
    try:
        if command in ("report", "release"):
            if not rest:
                raise UsageError(f"{command}: expected the name of a study")
            (_report if command == "report" else _release)(rest, Path(root))
        else:
            _study([command, *rest] if command else [], Path(root))
        return 0
    except (UsageError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except StepError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted: start it again, and it goes on where it was", file=sys.stderr)
        return 130
