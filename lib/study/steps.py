"""The steps of a study, and which of them have to run.

A step is one notebook. It reads the results of the steps it needs, and is up to date when
results/<study>/run.json says that it finished with the parts it would have now (see
`lib.provenance`: parameters, code, inputs, files, versions), and its outputs are still there.
"""

from dataclasses import dataclass, replace
from pathlib import Path

from lib import files
from lib.study import profiles, provenance
from lib.study.profiles import UsageError


@dataclass(frozen=True)
class Step:
    """A notebook, the steps whose results it reads, and what it leaves in results/<study>."""

    name: str
    needs: tuple = ()
    outputs: tuple = ()
    beside: tuple = ()  # files of the project that it reads where they are there, if not its own


EVALUATED = ("metrics.csv", "summary.csv", "summary.json", "colors.csv", "ab_histograms.npz")
REFERENCE = (  # as lib.reference.FILES: the study that every other study's report shows
    *("results/flickr8k/summary.csv", "results/flickr8k/metrics.csv"),
    *("results/flickr8k/summary.json", "results/flickr8k/run.json"),
    *("results/flickr8k/data.json", "results/flickr8k/figures/fig6_grid.png"),
)
TRAINING = ("03_cnn", "04_autoencoder", "05_xception", "06_gan")
STEPS = (
    Step("01_preprocess", (), ("data.json",)),
    Step("02_classical", ("01_preprocess",), ("scribbles.csv",)),
    Step("03_cnn", ("01_preprocess",), ("cnn/model.keras",)),
    Step("04_autoencoder", ("01_preprocess",), ("autoencoder/model.keras",)),
    Step("05_xception", ("01_preprocess",), ("xception/model.keras",)),
    Step("06_gan", ("01_preprocess",), ("generator/model.keras", "gan/model.keras")),
    Step("07_evaluate", ("01_preprocess", *TRAINING), EVALUATED),
    Step("08_colorize", ("01_preprocess", *TRAINING), ("colorized", "figures/render_factor.png")),
    Step("09_report", ("02_classical", "07_evaluate", "08_colorize"), ("report.html",), REFERENCE),
)


@dataclass(frozen=True)
class Study:
    """A study whose parameters have been checked."""

    name: str
    profile: str
    root: Path
    notebooks: dict  # name of a step -> profiles.Notebook
    given: dict  # name -> value, from the profile and --set
    steps: tuple = STEPS

    @property
    def folder(self):
        """Where its results go."""
        return self.root / "results" / self.name


@dataclass(frozen=True)
class Task:
    """What is to be done about one step."""

    step: Step
    values: dict  # parameters
    parts: dict  # what the fingerprint is made of
    fingerprint: str
    reason: str  # why it has to run; "" if it is up to date
    selected: bool  # False: left alone, by --from or --only

    @property
    def due(self):
        """Whether it will run."""
        return self.selected and bool(self.reason)


def prepare(profile, settings, root):
    """Read a profile and check everything in it (see `profiles.read_profile`); gives a Study."""
    root = Path(root).resolve()
    folder = root / "notebooks"
    notebooks = {s.name: profiles.read_notebook(folder / f"{s.name}.ipynb") for s in STEPS}
    name, given = profiles.read_profile(profile, settings, notebooks, root)
    wanted = profiles.read_runner(profile, settings, root)["NOTEBOOKS"]
    names = {find_step(text).name for text in wanted} if wanted else set(notebooks)
    kept = [
        replace(step, needs=tuple(need for need in step.needs if need in names))
        for step in STEPS
        if step.name in names
    ]
    return Study(given["STUDY"], name, root, notebooks, given, tuple(kept))


def plan(study, start=None, only=None, force=False):
    """Decide for every step whether it has to run, and why.

    Parameters
    ----------
    study : Study
    start : str, optional
        First step to look at; earlier ones are left alone, and must have finished.
    only : str, optional
        The one step to run, up to date or not.
    force : bool, optional
        Run steps that are up to date, too.

    Returns
    -------
    list of Task

    Raises
    ------
    UsageError
        If there is no such step, or if a step needs one that is left alone and has not finished.
    """
    first = find_step(only or start or study.steps[0].name, study.steps)
    library = provenance.read_library(study.root / "lib")
    records = files.read_json(study.folder / "run.json").get("steps", {})
    numerics = provenance.numerics()
    tasks = {}
    for number, step in enumerate(study.steps):
        values = study.notebooks[step.name].values(study.given)
        paths = {n: study.root / v for n, v in values.items() if profiles.is_path(n, v)}
        paths |= _beside(study, step)
        parts = {
            "parameters": values,
            "code": provenance.code_of(study.notebooks[step.name].code, library),
            "inputs": {need: tasks[need].fingerprint for need in step.needs},
            "files": {name: provenance.identity(path) for name, path in paths.items()},
            "versions": numerics,
        }
        record, fingerprint = records.get(step.name), provenance.digest(parts)
        selected = step is first if only else number >= study.steps.index(first)
        reason = _reason(study, step, parts, record)
        if selected and (only or force):
            reason = reason or "asked for"
        if not selected and record:
            fingerprint = record["fingerprint"]  # later steps read what is there
        tasks[step.name] = Task(step, values, parts, fingerprint, reason, selected)
        for need in step.needs if selected else ():
            other = tasks[need]
            if not other.selected and (need not in records or missing(study, other.step)):
                raise UsageError(f"{step.name} needs {need}, which has not finished: run it first")
    return list(tasks.values())


def find_step(text, steps=None):
    """Find a step, among all or those given, by its name, number or word: 03_cnn, 03 or cnn."""
    steps = STEPS if steps is None else steps
    for step in steps:
        number, _, word = step.name.partition("_")
        if text.removesuffix(".ipynb") in (step.name, number, word):
            return step
    raise UsageError(f"no notebook {text}: {profiles.nearest(text, [s.name for s in steps])}")


def missing(study, step):
    """Name the first thing that a finished step would have left and that is not there."""
    for path in (f"notebooks/{step.name}.ipynb", *step.outputs):
        if not (study.folder / path).exists():
            return path
    if "data.json" in step.outputs:  # the photos are outside: data.json tells where
        data = files.read_json(study.folder / "data.json")
        store = files.read_json(study.root / data.get("folder", "") / "dataset.json")
        if "fingerprint" not in store or store["fingerprint"] != data.get("fingerprint"):
            return f"the data set of data.json ({data.get('folder')})"
    return ""


def _beside(study, step):
    """Files of other studies that a step reads: name -> path of those that are there."""
    paths = {name: study.root / name for name in step.beside}
    others = {name: path for name, path in paths.items() if study.folder not in path.parents}
    return {name: path for name, path in others.items() if path.is_file()}


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
    lacking = missing(study, step)
    return f"{lacking} is missing" if lacking else ""
