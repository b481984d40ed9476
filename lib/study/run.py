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
import fcntl
import logging
import os
import sys
import time
from pathlib import Path

from lib import quiet_startup
from lib.files import read_json, write_json, write_text
from lib.study import outputs, profiles, provenance
from lib.study.parameters import UsageError, nearest
from lib.study.progress import Progress
from lib.study.steps import plan

ROOT = Path(__file__).resolve().parents[2]
# What kernels inherit: 2, to be this Python's, not one of the user's; 3, see colab.keep_memory.
KERNEL = {"PYTHONHASHSEED": "0", "JUPYTER_PREFER_ENV_PATH": "1", "MALLOC_ARENA_MAX": "1"}
RECORD, LOCK = "run.json", ".lock"
MESSAGE_LINES = 12  # of a cell's error; the notebook has all of it


class StepError(RuntimeError):
    """A notebook that failed."""


def run(study, start=None, only=None, force=False, replace=False):
    """Run the notebooks of a study that are not up to date, as `steps.plan` says.

    `force` also removes what was trained before; `replace` also writes to a published study. Raises
    UsageError before anything is written, for wrong arguments, a missing file or a study in use;
    StepError if a notebook fails: the later ones are not run.
    """
    if (study.folder / "README.md").is_file() and not replace:
        place = f"results/{study.name}"
        raise UsageError(f"{place} is a published study: give another STUDY, or --replace")
    plan(study, start, only, force)
    os.environ |= KERNEL | {"HOME": str(Path.home())}  # without HOME, drawing fails
    study.folder.mkdir(parents=True, exist_ok=True)
    with (study.folder / LOCK).open("w") as lock, contextlib.chdir(study.root):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # ends with this process
        except BlockingIOError:
            raise UsageError(f"results/{study.name} is in use by another run") from None
        tasks = [task for task in plan(study, start, only, force) if task.selected]
        for number, task in enumerate(tasks, start=1):
            label = f"[{number}/{len(tasks)}] {task.step}"
            if task.reason:
                _run_step(study, task, label, force)
            else:
                print(f"{label} is up to date")


def _run_step(study, task, label, force):
    """Run one notebook, and write it down in run.json: in `begun` until it has finished."""
    name, folder = task.step, study.folder
    record = {"steps": {}, "begun": {}} | read_json(folder / RECORD)
    steps, begun = record["steps"], record["begun"]
    done, killed = steps.pop(name, {}), begun.pop(name, {})
    known = [*steps.values(), *begun.values()]
    others = {RECORD, LOCK}.union(*(one.get("files", ()) for one in known))
    left, spent = done.get("files", {}), done.get("seconds", 0)
    if killed:  # or it failed
        files = outputs.written(folder, killed["began"], others)
        ended = max((changed for _, changed in files.values()), default=killed["began"])
        spent = _seconds(killed, files, ended)
        left = killed.get("files", {}) | {path: size for path, (size, _) in files.items()}
    goes_on = killed.get("fingerprint") == task.fingerprint and not force
    left = outputs.clear(folder, left, bool(done), force)
    (folder / LOCK).touch()
    go = {"began": (folder / LOCK).stat().st_mtime}  # by the clock of the disk
    go |= {"fingerprint": task.fingerprint, "goes_on": goes_on, "spent": spent, "files": left}
    record |= {
        "study": study.name,
        "profile": study.profile,
        "command": study.command,
        "seeds": list(study.seeds),
        "versions": provenance.versions(),
        "git": provenance.commit(study.root),
        "hardware": provenance.hardware(),
    }
    write_json(folder / RECORD, record | {"begun": begun | {name: go}})

    copy = f"results/{study.name}/notebooks/{name}.ipynb"
    (study.root / copy).parent.mkdir(exist_ok=True)
    if name == "09_report" and study.repeats:
        _write_seeds(study)
    with Progress(label) as progress:
        _execute(name, study.values[name], copy, progress)
    files = outputs.written(folder, go["began"], others)
    outputs.remove(folder, left.keys() - files.keys())

    steps[name] = {
        "fingerprint": task.fingerprint,
        "seconds": round(_seconds(go, files, time.time()), 1),
        "finished": datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds"),
        "parts": task.parts,
        "files": {path: size for path, (size, _) in files.items()},
    }
    parameters = {}
    for one in sorted(steps, reverse=True):
        parameters |= steps[one]["parts"]["parameters"]
    record |= {"parameters": parameters, "seed": parameters.get("SEED")}
    record["data"] = read_json(folder / "data.json")
    record["seconds"] = round(sum(one["seconds"] for one in steps.values()), 1)
    write_json(folder / RECORD, record | {"steps": dict(sorted(steps.items()))})


def _seconds(go, files, until):
    """Seconds that a step took up to a time: its last go, and those before that it builds on.

    It does where it goes on after a kill, or has taken up a training that had ended before.
    """
    kept = [name for name, (_, changed) in files.items() if changed < go["began"]]
    builds_on = go.get("goes_on") or any(name.endswith("/model.keras") for name in kept)
    return until - go["began"] + builds_on * go["spent"]


def _write_seeds(study):
    """Write seeds.csv of a study from its summary and those of its repeats."""
    import pandas as pd  # a second: only when it is needed

    from lib.report.seeds import over_seeds

    folders = [study.folder, *map(study.folder.with_name, study.repeats)]
    seeds = over_seeds([pd.read_csv(folder / "summary.csv") for folder in folders])
    write_text(study.folder / "seeds.csv", seeds.to_csv(index=False))


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


def _report(names, root):
    """Build the report of a study again, or the page that compares several."""
    folders = [_known(name, root) for name in names]
    from lib.report import build, comparison

    print(comparison.build(folders) if folders[1:] else build(*folders))


def _release(names, root):
    """Write the trained networks of studies in the form in which they are shipped."""
    for folder in [_known(name, root) for name in names]:
        trained = sorted(path.parent for path in folder.glob("*/model.keras"))
        if not trained:
            raise UsageError(f"release: no trained network in results/{folder.name}")
        with quiet_startup():
            from lib.colorize.released import write
        for place in trained:
            write(place, whole=place.name == "gan")  # the one that is used if none is named
            print(f"released: results/{folder.name}/{place.name}", flush=True)


def _known(name, root):
    """Folder of a study that has been run."""
    results = root / "results"
    if not (results / name / RECORD).is_file():
        known = [path.parent.name for path in results.glob(f"*/{RECORD}")]
        raise UsageError(f"no study {name}: {nearest(name, known)}")
    return results / name


class _Parser(argparse.ArgumentParser):
    def error(self, message):
        raise UsageError(message)


def _study(arguments, root):
    """Run or list what a command line asks for."""
    words = "Run a study. Also: report STUDY..., release STUDY..."
    parser = _Parser("python -m lib.study", description=words)
    parser.add_argument("profile", help="name in notebooks/profiles, or a YAML file")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--from", dest="start", metavar="NOTEBOOK", help="run it and later ones")
    which.add_argument("--only", metavar="NOTEBOOK", help="run it alone, in any case")
    parser.add_argument("--set", nargs="+", action="extend", default=[], metavar="NAME=VALUE")
    parser.add_argument("--force", action="store_true", help="run and train all anew")
    parser.add_argument("--replace", action="store_true", help="write to a published study, too")
    parser.add_argument("--list", action="store_true", help="say what would run, and why")
    options = parser.parse_args(arguments)
    which = (options.start, options.only, options.force)
    reports = []
    for study in profiles.expand(options.profile, options.set, root):
        if options.list:
            for task in plan(study, *which):
                left = "" if task.selected else "left alone; "
                print(f"{task.step}: {left}{task.reason or 'up to date'}")
            continue
        run(study, *which, options.replace)
        print(f"done: results/{study.name}")
        reports += [study.name] if (study.folder / "report.html").is_file() else []
    if len(reports) > 1:  # variants
        _report(reports, root)


def main(arguments=None, root=ROOT):
    """Command line; returns the exit status."""
    arguments, root = sys.argv[1:] if arguments is None else arguments, Path(root)
    command, *names = arguments or [""]
    try:
        if command in ("report", "release"):
            if not names:
                raise UsageError(f"{command}: expected the name of a study")
            (_report if command == "report" else _release)(names, root)
        else:
            _study(arguments, root)
        return 0
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except StepError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted: start it again, and it goes on where it was", file=sys.stderr)
        return 130
