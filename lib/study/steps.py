"""The steps of a study, and which of them have to run.

A step is one notebook. It reads the results of the steps it needs, and is up to date when
results/<study>/run.json says that it finished after them, with the parts that it would have now,
and what it left is whole. Its parts are the values of its parameters, its code (what
`lib.files.code_of` reaches from its cells), the fingerprints of the steps it needs, the files that
it reads, and the versions of the numerical libraries. Equal parts have equal fingerprints.
"""

from dataclasses import dataclass
from pathlib import Path

from lib.files import code_of, digest, read_json
from lib.study import outputs, provenance
from lib.study.parameters import UsageError, is_path, nearest

_DATA = ("01_preprocess",)
_NETWORKS = (*_DATA, "03_cnn", "04_autoencoder", "05_xception", "06_gan")
STEPS = {  # name of a notebook: those whose results it reads
    "01_preprocess": (),
    "02_classical": _DATA,
    "03_cnn": _DATA,
    "04_autoencoder": _DATA,
    "05_xception": _DATA,
    "06_gan": _DATA,
    "07_evaluate": _NETWORKS,
    "08_colorize": _NETWORKS,
    "09_report": ("02_classical", "07_evaluate", "08_colorize"),
}
REFERENCE = "flickr8k"  # the study that every other study's report shows


@dataclass(frozen=True)
class Study:
    """A study whose parameters have been checked."""

    name: str
    profile: str
    root: Path
    code: dict  # name of a step -> sources of its notebook's code cells
    values: dict  # name of a step -> its parameters
    seeds: tuple = ()  # its own, and those of the studies that repeat it
    command: str = ""  # that runs it, and the others of its profile

    @property
    def folder(self):
        """Where its results go."""
        return self.root / "results" / self.name

    @property
    def repeats(self):
        """Names of the studies that repeat it with other seeds."""
        return [f"{self.name}-seed{seed}" for seed in self.seeds[1:]]


@dataclass(frozen=True)
class Task:
    """What is to be done about one step."""

    step: str
    parts: dict  # what the fingerprint is made of
    fingerprint: str
    reason: str  # why it has to run; "" if it is up to date
    selected: bool  # False: left alone, by --from or --only


def plan(study, start=None, only=None, force=False):
    """Decide for every step whether it has to run, and why; gives a list of Task.

    Steps before `start` are left alone; with `only`, all but that one, which runs in any case; with
    `force`, steps run that are up to date, too. Raises UsageError if there is no such step; or if a
    step needs one that is left alone and has not finished, or has run with other parameters.
    """
    first = find_step(only or start or next(iter(study.values)), study.values)
    records = read_json(study.folder / "run.json").get("steps", {})
    versions = provenance.versions(provenance.NUMERICS)
    tasks, unfit = {}, {}
    for step, values in study.values.items():
        code = code_of(*study.code[step])
        parts = {
            "parameters": values,
            "code": {name: code[name] for name in code if not name.startswith("lib/study/")},
            "inputs": {need: tasks[need].fingerprint for need in STEPS[step] if need in tasks},
            "files": _files(study, step),
            "versions": versions,
        }
        record, fingerprint = records.get(step), digest(parts)
        selected = step == first if only else step >= first
        wrong = _unfit(study.folder, parts, record)
        reason = wrong or _changed(parts, record, *parts) or _outdated(step, tasks, records)
        below = next((unfit[need] for need in STEPS[step] if need in unfit), "")
        if selected and below:
            raise UsageError(f"{step} needs {below}: run it first")
        if selected and (only or force):
            reason = reason or "asked for"
        if not selected and (wrong or below):
            unfit[step] = f"{step}, {wrong}" if wrong else below
        if not selected and record:
            fingerprint = record["fingerprint"]  # later steps read what is there
        tasks[step] = Task(step, parts, fingerprint, reason, selected)
    return list(tasks.values())


def find_step(text, steps=None):
    """Find a step, among all or those given, by its name, number or word: 03_cnn, 03 or cnn."""
    text = f"{text:02}" if isinstance(text, int) else text.removesuffix(".ipynb")  # YAML's 02
    steps = STEPS if steps is None else steps
    for step in steps:
        if text in (step, *step.split("_")):
            return step
    raise UsageError(f"no notebook {text}: {nearest(text, steps)}")


def _files(study, step):
    """Identities of the files that a step reads, besides the results of the steps it needs."""
    values = study.values[step]
    paths = {name: study.root / value for name, value in values.items() if is_path(name, value)}
    if step == "09_report":
        for name in {REFERENCE, *study.repeats} - {study.name}:
            paths[name] = study.folder.with_name(name) / "run.json"
    return {name: provenance.identity(path) for name, path in paths.items() if path.exists()}


def _unfit(folder, parts, record):
    """Say why what a step has left is not what the study asks for; "" if it is."""
    if not record or "files" not in record:
        return "never finished"
    lacking = outputs.lacking(folder, record["files"])
    return f"{lacking} is missing or cut" if lacking else _changed(parts, record, "parameters")


def _outdated(step, tasks, records):
    """Say which of the steps that a step reads from runs now, or has run since; "" if none."""
    for need in [tasks[need] for need in STEPS[step] if need in tasks]:
        if need.selected and need.reason:
            return f"{need.step} runs again"
        if need.step in records and records[need.step]["finished"] > records[step]["finished"]:
            return f"{need.step} has run since"
    return ""


def _changed(parts, record, *which):
    """Say which of a step's parts are others than before, by the first that is; "" if none is."""
    for part in which:
        before, now = record["parts"].get(part, {}), parts[part]
        names = [name for name in {**before, **now} if before.get(name, "-") != now.get(name, "-")]
        if names and part in ("parameters", "versions"):
            names = [f"{name} {before.get(name, '-')} -> {now.get(name, '-')}" for name in names]
        if names:
            return f"{part} changed: {', '.join(names)}"
    return ""
