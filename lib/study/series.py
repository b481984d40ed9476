"""Several studies from one profile: its VARIANTS, and the same training from other SEEDS.

A variant `v` of a study `s` is the study `s-v`. With SEEDS `[0, 1, 2]` the study itself has the
first seed, and `s-seed1` and `s-seed2` train and measure the same on the same photos; what the
seeds change is then written to results/s/seeds.csv, and the report of `s` shows it.
"""

import json
from pathlib import Path

from lib import files
from lib.study import profiles
from lib.study.steps import prepare

LAST = "07_evaluate"  # what a study that is there for its seed ends with


def expand(profile, settings, root):
    """The studies that a profile asks for, in the order in which they have to run.

    Parameters
    ----------
    profile, settings, root
        As for `profiles.read_profile`.

    Returns
    -------
    list of (settings, list of str)
        What to give `study.run` for one study; and the names of the studies that repeat it with
        other seeds, which come before it.

    Raises
    ------
    UsageError
        If anything is wrong with any of them.
    """
    runner = profiles.read_runner(profile, settings, Path(root))
    name = prepare(profile, settings, root).name
    own = [text for text in settings if not text.startswith("SEEDS=")]
    studies = [(name, own)]
    if runner["VARIANTS"]:
        studies = [
            (f"{name}-{variant}", [*_given(values), *own, f"STUDY={name}-{variant}"])
            for variant, values in runner["VARIANTS"].items()
        ]
    found = []
    for name, own in studies:
        first, *others = runner["SEEDS"] or [None]
        study = prepare(profile, own, root)
        names = [step.name for step in study.steps if step.name <= LAST]
        repeats = [f"{name}-seed{seed}" for seed in others]
        for seed, repeat in zip(others, repeats, strict=True):
            only = _given({"SEED": seed, "NOTEBOOKS": names})
            found.append(([*own, *only, f"STUDY={repeat}"], []))
        found.append((own if first is None else [*own, f"SEED={first}"], repeats))
    for every, _ in found:
        prepare(profile, every, root)
    return found


def write_seeds(folder, repeats):
    """Write seeds.csv of a study from its summary and those of its repeats, and its report anew.

    Parameters
    ----------
    folder : pathlib.Path
        results/<study>; its run.json is told the seeds.
    repeats : list of str
        Names of the studies that repeat it with other seeds.
    """
    import pandas as pd  # a second: only when it is needed

    from lib import report
    from lib.report.seeds import over_seeds

    paths = [folder / "summary.csv", *(folder.parent / name / "summary.csv" for name in repeats)]
    if all(path.is_file() for path in paths):  # NOTEBOOKS may leave 07 out
        seeds = over_seeds([pd.read_csv(path) for path in paths])
        files.write_text(folder / "seeds.csv", seeds.to_csv(index=False))
        runs = [files.read_json(path.with_name("run.json")) for path in paths]
        files.write_json(
            folder / "run.json", runs[0] | {"seeds": [run.get("seed") for run in runs]}
        )
        report.build(folder)


def _given(values):
    return [f"{name}={json.dumps(value)}" for name, value in values.items()]
