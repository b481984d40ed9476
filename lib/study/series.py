"""Several studies from one profile: its VARIANTS, and the same training from other SEEDS.

A variant `v` of a study `s` is the study `s-v`. With SEEDS `[0, 1, 2]` the study itself has the
first seed, and `s-seed1` and `s-seed2` train and measure the same on the same photos; what the
seeds change is then written to results/s/seeds.csv, and the report of `s` shows it.
"""

from pathlib import Path

from lib.files import read_json, write_json, write_text
from lib.study import profiles
from lib.study.parameters import OF_THE_RUNNER, check
from lib.study.steps import prepare

LAST = "07_evaluate"  # what a study that is there for its seed ends with


def expand(profile, settings, root):
    """The studies that a profile asks for, in the order in which they have to run.

    Takes the arguments of `profiles.read`. Gives a list of (Study, list of str): a study, and the
    names of the studies that repeat it with other seeds, which come before it. Raises UsageError if
    anything is wrong with any of them.
    """
    name, values = profiles.read(profile, settings, Path(root))
    runner = {word: values.pop(word) for word in OF_THE_RUNNER if word in values}
    runner = check({word: value for word, value in runner.items() if value is not None})
    notebooks, found = runner.get("NOTEBOOKS", ()), []
    for variant, own in (runner.get("VARIANTS") or {"": {}}).items():
        given = values | own
        if variant:
            given["STUDY"] = f"{values['STUDY']}-{variant}"
        first, *others = runner.get("SEEDS") or [None]
        if first is not None:
            given["SEED"] = first
        study = prepare(name, given, root, notebooks)
        names = [step.name for step in study.steps if step.name <= LAST]
        repeats = [given | {"STUDY": f"{study.name}-seed{s}", "SEED": s} for s in others]
        found += [(prepare(name, repeat, root, names), []) for repeat in repeats]
        found.append((study, [repeat["STUDY"] for repeat in repeats]))
    return found


def write_seeds(folder, repeats):
    """Write seeds.csv of results/<study> from its summary and those of its repeats.

    `repeats` names the studies that repeat it with other seeds. run.json is told the seeds, and the
    report is built anew.
    """
    import pandas as pd  # a second: only when it is needed

    from lib import report
    from lib.report.seeds import over_seeds

    paths = [folder / "summary.csv", *(folder.parent / name / "summary.csv" for name in repeats)]
    if all(path.is_file() for path in paths):  # NOTEBOOKS may leave 07 out
        seeds = over_seeds([pd.read_csv(path) for path in paths])
        write_text(folder / "seeds.csv", seeds.to_csv(index=False))
        runs = [read_json(path.with_name("run.json")) for path in paths]
        write_json(folder / "run.json", runs[0] | {"seeds": [run.get("seed") for run in runs]})
        report.build(folder)


def forget_seeds(folder):
    """Remove what `write_seeds` has left; the report has to be built again without it."""
    record = read_json(folder / "run.json")
    if record.pop("seeds", None) or (folder / "seeds.csv").is_file():
        record.get("steps", {}).pop("09_report", None)
        write_json(folder / "run.json", record)
        (folder / "seeds.csv").unlink(missing_ok=True)
