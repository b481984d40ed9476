"""The steps of a study, and which of them have to run.

A step is one notebook. It reads the results of the steps it needs, and is up to date when
results/<study>/run.json says that it finished with the parts it would have now, and what it left is
whole. Its parts are the values of its parameters, its code (what `lib.files.code_of` reaches from
its cells), the fingerprints of the steps it needs, the files that it reads, and the versions of the
numerical libraries. Equal parts have equal fingerprints.
"""

from dataclasses import dataclass
from pathlib import Path

from lib.files import code_of, digest, read_json
from lib.study import outputs, profiles, provenance
from lib.study.parameters import UsageError, check, is_path, nearest


@dataclass(frozen=True)
class Step:
    """A notebook, the steps whose results it reads, and what it leaves in results/<study>."""

    name: str
    needs: tuple = ()
    outputs: tuple = ()  # what it always leaves, trainings aside
    may_leave: tuple = ()  # patterns of what it leaves besides
    trains: tuple = ()  # folders of trainings that it always leaves, with their model.keras
    may_train: tuple = ()  # patterns of such folders that hang on its parameters


def _figures(names):
    return tuple(f"figures/{name}.png" for name in names.split())


DATA = ("01_preprocess",)
TRAINING = ("03_cnn", "04_autoencoder", "05_xception", "06_gan")
EVALUATED = ("metrics.csv", "summary.csv", "summary.json", "colors.csv", "ab_histograms.npz")
CHARTS = _figures("rmse_ab_bars rank error_by_color ab_histograms fig7_8_curves fig6_grid worst")
STEPS = (
    Step(
        DATA[0],
        outputs=("data.json",),
        may_leave=_figures("counts fig1_gray_sample fig2_samples fig3_flow lab_channels")
        + _figures("ab_histogram scenes_oracle rejected"),
    ),
    Step("02_classical", DATA, ("scribbles.csv",), _figures("scribbles classical_grid")),
    Step("03_cnn", DATA, (), _figures("fig4_cnn"), ("cnn",)),
    Step("04_autoencoder", DATA, (), _figures("fig5_autoencoder"), ("autoencoder",)),
    Step(
        *("05_xception", DATA, (), _figures("xception xception_skips"), ("xception",)),
        may_train=("xception_skips",),
    ),
    Step(
        *("06_gan", DATA, (), _figures("generator critic nogan nogan_looks")),
        trains=("generator", "gan"),
        may_train=("generator_frozen", "critic", "gan-cycle*"),
    ),
    Step(
        *("07_evaluate", (*DATA, *TRAINING), EVALUATED),
        may_leave=(*CHARTS, "figures/slider", "figures/failures", "seeds.csv"),
    ),
    Step("08_colorize", (*DATA, *TRAINING), ("colorized", "figures/render_factor.png")),
    Step("09_report", ("02_classical", "07_evaluate", "08_colorize"), ("report.html",)),
)
REFERENCE = "results/flickr8k/run.json"  # of the study that every other study's report shows


@dataclass(frozen=True)
class Study:
    """A study whose parameters have been checked."""

    name: str
    profile: str
    root: Path
    steps: tuple
    code: dict  # name of a step -> sources of its notebook's code cells
    values: dict  # name of a step -> its parameters

    @property
    def folder(self):
        """Where its results go."""
        return self.root / "results" / self.name


@dataclass(frozen=True)
class Task:
    """What is to be done about one step."""

    step: Step
    parts: dict  # what the fingerprint is made of
    fingerprint: str
    reason: str  # why it has to run; "" if it is up to date
    selected: bool  # False: left alone, by --from or --only


def prepare(profile, values, root, names=()):
    """Check what is given to a study, and give a Study.

    `profile` is the profile's name; `values` are parameters, name -> value, STUDY among them;
    `names` are the notebooks to run, all if there is none. Raises UsageError if anything is wrong
    with a notebook or a parameter.
    """
    root = Path(root).resolve()
    books = {s.name: profiles.read_notebook(root / f"notebooks/{s.name}.ipynb") for s in STEPS}
    given = profiles.declared(values, books.values(), root)
    check({"STUDY": given["STUDY"]})
    kept = {find_step(name).name for name in names} or set(books)
    steps = tuple(step for step in STEPS if step.name in kept)
    checked = {step.name: check(books[step.name].values(given), root) for step in steps}
    code = {step.name: books[step.name].code for step in steps}
    return Study(given["STUDY"], profile, root, steps, code, checked)


def plan(study, start=None, only=None, force=False):
    """Decide for every step whether it has to run, and why; gives a list of Task.

    Steps before `start` are left alone; with `only`, all but that one, which runs in any case; with
    `force`, steps run that are up to date, too. Raises UsageError if there is no such step; or if a
    step needs one that is left alone and has not finished, or has run with other parameters.
    """
    first = find_step(only or start or study.steps[0].name, study.steps)
    records = read_json(study.folder / "run.json").get("steps", {})
    numerics = provenance.numerics()
    tasks = {}
    for number, step in enumerate(study.steps):
        values = study.values[step.name]
        paths = {n: study.root / value for n, value in values.items() if is_path(n, value)}
        if step.name == "09_report" and study.root / REFERENCE != study.folder / "run.json":
            paths["reference"] = study.root / REFERENCE
        code = code_of(*study.code[step.name])
        parts = {
            "parameters": values,
            "code": {name: code[name] for name in code if not name.startswith("lib/study/")},
            "inputs": {need: tasks[need].fingerprint for need in step.needs if need in tasks},
            "files": {n: provenance.identity(path) for n, path in paths.items() if path.exists()},
            "versions": numerics,
        }
        record, fingerprint = records.get(step.name), digest(parts)
        selected = step is first if only else number >= study.steps.index(first)
        reason = _reason(study, step, parts, record)
        if selected and (only or force):
            reason = reason or "asked for"
        if not selected and record:
            fingerprint = record["fingerprint"]  # later steps read what is there
        tasks[step.name] = Task(step, parts, fingerprint, reason, selected)
        if selected:
            _check_needs(study, step, tasks, records)
    return list(tasks.values())


def find_step(text, steps=None):
    """Find a step, among all or those given, by its name, number or word: 03_cnn, 03 or cnn."""
    steps = STEPS if steps is None else steps
    text = f"{text:02}" if isinstance(text, int) else text.removesuffix(".ipynb")  # YAML's 02
    for step in steps:
        number, _, word = step.name.partition("_")
        if text in (step.name, number, word):
            return step
    raise UsageError(f"no notebook {text}: {nearest(text, [s.name for s in steps])}")


def _check_needs(study, step, tasks, records):
    """Raise UsageError if what a step needs, and what that needs, is left alone and unfit."""
    for other in (tasks[need] for need in step.needs if need in tasks):
        if other.selected:
            continue
        name = other.step.name
        if name not in records or outputs.missing(study, other.step):
            raise UsageError(f"{step.name} needs {name}, which has not finished: run it first")
        before = records[name]["parts"]["parameters"]
        for parameter, now in other.parts["parameters"].items():
            if before.get(parameter) != now:
                was = f"{parameter}={before.get(parameter)}"
                raise UsageError(f"{name} ran with {was}, not {now}: give that, or run it again")
        _check_needs(study, other.step, tasks, records)


def _reason(study, step, parts, record):
    """Say why a step has to run, by the first part that differs; "" if it is up to date."""
    if not record:
        return "never finished"
    for part, now in parts.items():
        before = record["parts"].get(part, {})
        names = [name for name in {**before, **now} if before.get(name, "-") != now.get(name, "-")]
        if names and part in ("parameters", "versions"):
            names = [f"{name} {before.get(name, '-')} -> {now.get(name, '-')}" for name in names]
        if names:
            return f"{part} changed: {', '.join(names)}"
    lacking = outputs.missing(study, step)
    return f"{lacking} is missing or cut" if lacking else ""
