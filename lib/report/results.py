"""The results of a study as they lie on the disk: read for its report, and for comparisons.

Nothing is computed here. What is not there, or broken, is None or an empty dict; only the table of
means must be there.
"""

from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from lib.figures.style import in_order
from lib.files import read_json
from lib.models import NETWORKS


@dataclass
class Study:
    """What a study has left in results/<study>."""

    table: pd.DataFrame  # summary.csv by model, in the order of every table
    name: str = ""
    metrics: pd.DataFrame | None = None  # one row a photo and model
    seeds: pd.DataFrame | None = None  # see `seeds.over_seeds`
    facts: dict = field(default_factory=dict)  # summary.json
    run: dict = field(default_factory=dict)  # run.json
    data: dict = field(default_factory=dict)  # data.json
    params: dict = field(default_factory=dict)  # params.json of each network that has one
    histories: dict = field(default_factory=dict)  # of each network trained in epochs

    @property
    def photos(self):
        """Number of test photos; None if it is not known."""
        return None if self.metrics is None else self.metrics["photo"].nunique()

    @property
    def device(self):
        """The GPUs that the study ran on, or else the CPU; None if that is not recorded."""
        hardware = self.run.get("hardware") or {}
        return ", ".join(hardware.get("gpus") or []) or hardware.get("cpu")


def read(folder):
    """Read a Study from results/<study>, with at least summary.csv.

    Raises FileNotFoundError if there is no summary.csv: the study has not been evaluated; and
    ValueError if it is not a table with a column `model` and one row for each.
    """
    folder = Path(folder)
    path = folder / "summary.csv"
    if not path.is_file():
        raise FileNotFoundError(f"no {path}: run notebook 07 of this study first")
    summary, run = _csv(path), read_json(folder / "run.json")
    if summary is None or "model" not in summary or summary["model"].duplicated().any():
        raise ValueError(f"{path}: expected a table with a column model, and one row a model")
    table = summary.set_index("model")
    params = {name: read_json(place / "params.json") for name, place in _places(folder).items()}
    return Study(
        table=table.loc[in_order(table.index)],
        name=run.get("study", folder.name),
        metrics=_csv(folder / "metrics.csv"),
        seeds=_csv(folder / "seeds.csv"),
        facts=read_json(folder / "summary.json"),
        run=run,
        data=read_json(folder / "data.json"),
        params={name: values for name, values in params.items() if values},
        histories=histories(folder),
    )


def histories(folder):
    """One row an epoch of each network in results/<study> that was trained: name -> DataFrame.

    A generator that was fine-tuned begins with the epochs in which its encoder was frozen.
    """
    found = {name: _csv(at / "history.csv") for name, at in _places(Path(folder)).items()}
    frozen = _csv(Path(folder) / "generator_frozen" / "history.csv")
    if frozen is not None and found["generator"] is not None:
        whole = pd.concat([frozen, found["generator"]], ignore_index=True)
        found["generator"] = whole.assign(epoch=range(1, len(whole) + 1))
    return {name: table for name, table in found.items() if table is not None and "epoch" in table}


def tested_on(study):
    """What a study was evaluated on, in words: how many photos of what, and their size."""
    data, side = study.data.get("dataset"), (study.run.get("parameters") or {}).get("IMAGE_SIZE")
    kind = "drawn scenes" if data == "scenes" else f"photos of {data}" if data else "photos"
    words = f"{study.photos:,} {kind}" if study.photos else kind
    return f"{words}, {side} × {side} pixels" if side else words


def commands(run, name):
    """The command lines that ran a study, as run.json has it, and that build its report again."""
    ran = run.get("command") or f"python -m lib.study {run.get('profile') or name}"
    return [ran, f"python -m lib.study report {name}"]


def _places(folder):
    """Where the networks of a study are kept: name -> folder."""
    cycle = folder / "critic" / "cycle1"
    critic = cycle if cycle.is_dir() else folder / "critic"
    return {name: folder / name for name in NETWORKS} | {"critic": critic}


def _csv(path):
    """A table with rows, or None where there is none."""
    try:
        table = pd.read_csv(path)
    except (FileNotFoundError, ValueError):  # the latter: empty, or no text
        return None
    return None if table.empty else table
