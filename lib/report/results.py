"""The results of a study as they lie on the disk: read for its report, and for comparisons.

Nothing is computed here. What is not there, or broken, is None or an empty dict; only the table of
means must be there.
"""

import json
import shlex
from pathlib import Path

import pandas as pd
import yaml

from lib.figures.style import NETWORKS
from lib.files import read_json

PROFILES = Path(__file__).resolve().parents[2] / "notebooks" / "profiles"


def read(folder):
    """Read the results of a study.

    Parameters
    ----------
    folder : path
        results/<study>, with at least summary.csv.

    Returns
    -------
    dict
        name (of the study), summary (its attrs["paired"]: differences of KID, which no table of
        photos has), metrics (None if it is not a table of photos and models),
        seeds and colors (None without seeds.csv, colors.csv), facts (summary.json), run (run.json),
        data (data.json), params (of each network that has them), histories (of each network trained
        in epochs), steps (NoGAN's history, or None) and joint (the checks of its joint phase, or
        None).

    Raises
    ------
    FileNotFoundError
        If there is no summary.csv: the study has not been evaluated.
    ValueError
        If summary.csv is not a table with a column `model`.
    """
    folder = Path(folder)
    path = folder / "summary.csv"
    if not path.is_file():
        raise FileNotFoundError(f"no {path}: run notebook 07 of this study first")
    summary, run = _csv(path), read_json(folder / "run.json")
    if summary is None or "model" not in summary or summary.empty:
        raise ValueError(f"{path}: expected a table with a column model, and rows")
    facts = read_json(folder / "summary.json")
    summary.attrs["paired"] = [row for row in facts.get("paired") or [] if row["measure"] == "kid"]
    params = {name: read_json(place / "params.json") for name, place in _places(folder).items()}
    return {
        "name": run.get("study", folder.name),
        "summary": summary,
        "metrics": _csv(folder / "metrics.csv", {"photo", "model"}),
        "seeds": _csv(folder / "seeds.csv", {"model", "measure", "seeds", "mean", "sd"}),
        "colors": _csv(folder / "colors.csv", {"color", "model", "rmse_ab", "pixels"}),
        "facts": facts,
        "run": run,
        "data": read_json(folder / "data.json"),
        "params": {name: values for name, values in params.items() if values},
        "histories": histories(folder),
        "steps": _csv(folder / "gan" / "history.csv", {"step", "seconds"}),
        "joint": _csv(folder / "gan" / "nogan.csv", {"step", "colorfulness_ratio", "chosen"}),
    }


def same_photos(first, study):
    """Whether two studies have been evaluated on the same photos, as far as is known."""
    prints = [one["data"].get("fingerprint") for one in (first, study)]
    tables = [one["metrics"] for one in (first, study)]
    if None in prints or any(table is None for table in tables):
        return first is study
    return prints[0] == prints[1] and set(tables[0]["photo"]) == set(tables[1]["photo"])


def tested_on(study):
    """What a study was evaluated on, in words: how many photos of what, and their size."""
    metrics, parameters = study["metrics"], study["run"].get("parameters") or {}
    count = (study["data"].get("counts") or {}).get("test")
    count = count if metrics is None else metrics["photo"].nunique()
    data = study["data"].get("dataset") or parameters.get("DATASET")
    kind = "drawn scenes" if data == "scenes" else f"photos of {data}" if data else "photos"
    words = f"{count:,} {kind}" if count is not None else f"{kind}, how many is not recorded"
    side = parameters.get("IMAGE_SIZE")
    return f"{words}, {side} × {side} pixels" if side else words


def commands(run, name):
    """The command lines that run a study again, and that build its report again.

    What the study has otherwise than its profile is given by --set, unless the profile is not
    there, or is one of several studies.
    """
    profile = str(run.get("profile") or name)
    words = ["python", "-m", "lib.study", profile]
    path = PROFILES / f"{profile}.yaml"
    given = yaml.safe_load(path.read_text("utf-8")) if path.is_file() else {}
    if given and "VARIANTS" not in given and "SEEDS" not in given:
        values = run.get("parameters") or {}
        changed = {k: values[k] for k, v in given.items() if k in values and values[k] != v}
        if len(run.get("seeds") or ()) > 1:
            changed = {k: v for k, v in changed.items() if k != "SEED"} | {"SEEDS": run["seeds"]}
        words += ["--set"] * bool(changed)
        words += [f"{key}={_setting(value)}" for key, value in changed.items()]
    return [shlex.join(words), shlex.join(["python", "-m", "lib.study", "report", name])]


def _setting(value):
    """A value as --set takes it."""
    plain = isinstance(value, str) and yaml.safe_load(value) == value
    return value if plain else json.dumps(value)


def histories(folder):
    """One row an epoch of each network in results/<study> that was trained: name -> DataFrame.

    A generator that was fine-tuned begins with the epochs in which its encoder was frozen.
    """
    places = _places(Path(folder))
    found = {name: _csv(place / "history.csv", {"epoch"}) for name, place in places.items()}
    found = {name: history for name, history in found.items() if history is not None}
    frozen = _csv(Path(folder) / "generator_frozen" / "history.csv", {"epoch"})
    if frozen is not None and "generator" in found:
        whole = pd.concat([frozen, found["generator"]], ignore_index=True)
        found["generator"] = whole.assign(epoch=range(1, len(whole) + 1))
    return {name: history for name, history in found.items() if len(history)}


def _places(folder):
    """Where the networks of a study are kept."""
    critic = folder / "critic" / "cycle1"
    critic = critic if critic.is_dir() else folder / "critic"
    return {name: folder / name for name in NETWORKS} | {"critic": critic}


def _csv(path, columns=()):
    """A table with these columns, or None where there is none or nothing in it."""
    try:
        table = pd.read_csv(path)
    except (FileNotFoundError, pd.errors.EmptyDataError, pd.errors.ParserError):
        return None
    return table if set(columns) <= set(table) else None
