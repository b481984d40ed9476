"""The reference study on real photos, as the report of another study shows it.

results/flickr8k comes with the project, so that a first report, of drawn scenes and a few minutes,
has real photos in it. All of its numbers are read from its own files. What is missing or broken
there is said in a line, and never keeps the other report from being built.
"""

from pathlib import Path

from lib.figures.style import NETWORKS
from lib.report import findings, html_page, results, tables
from lib.report.cells import best, indexed, interval, known, measures

STUDY = "flickr8k"
GRID = "fig6_grid"
TABLES = ("summary.csv", "metrics.csv", "summary.json", "run.json", "data.json")
FILES = (*TABLES, f"figures/{GRID}.png")  # what tells one reference study from another
MEASURES = ("rmse_ab", "delta_e_2000", "auc_rebalanced", "colorfulness_ratio", "kid")
HERE = "rmse_ab"  # the measure that is shown of the other study, too
CAPTION = "Photos of the reference study: grey, truth, and each model’s answer."
WEIGHTS = {"imagenet": "the weights of ImageNet", "random": "random weights"}


def beside(folder, study, headline):
    """What the report of a study shows of the reference study that lies beside it.

    Parameters
    ----------
    folder : path
        results/<study>, the study of the report.
    study : dict
        Of `results.read(folder)`.
    headline : str
        Its own answer in a few words (see `findings.headline`).

    Returns
    -------
    dict or None
        None if there is no reference study, or if the report is its own. Else name and problem:
        what is wrong in one line, or "" and what report.html.j2 shows.
    """
    place = Path(folder).resolve().parent / STUDY
    if place == Path(folder).resolve() or not any((place / name).is_file() for name in FILES):
        return None
    try:
        return {"name": STUDY, "problem": "", **_section(place, study, headline)}
    except Exception as error:  # whatever its files hold: the other study's report is to be built
        words = (str(error).splitlines() or [""])[0].replace(str(place), f"results/{STUDY}")
        if not isinstance(error, FileNotFoundError | ValueError):
            words = f"{type(error).__name__}: {words}"
        return {"name": STUDY, "problem": words, "pictures": []}


def _section(place, study, own_headline):
    """What the template shows of a reference study that is there."""
    reference = results.read(place)
    summary, metrics, run = reference["summary"], reference["metrics"], reference["run"]
    table, own = indexed(summary), indexed(study["summary"])
    if not table.index.is_unique or not set(MEASURES) & set(table):
        raise ValueError("summary.csv: expected one row a model, and known measures")
    columns, rows = _table(table, own, study["name"])
    headline = findings.headline(summary, metrics)
    pictures = [one for one in html_page.pictures(place / "figures") if one.stem == GRID]
    return {
        "facts": _facts(reference),
        "headline": headline,
        "answer": [*findings.answer(summary, metrics)[:2], _agreement(headline, own_headline)],
        "warnings": tables.warnings(reference) + _lacking(place, reference, pictures),
        "columns": columns,
        "rows": rows,
        "same": results.same_photos(reference, study),
        "pictures": [(picture, CAPTION) for picture in pictures],
        "command": results.commands(_portable(run), STUDY)[0] if run else "",
        "moved": _portable(run) != run,
        "readme": (place / "README.md").is_file(),
    }


def _table(table, own, name):
    """Columns and rows as of the main table, with the other study's error beside the first."""
    shown = [measure for measure in measures(table) if measure in MEASURES]
    columns = [(measure, *known(measure)) for measure in shown]
    rows = tables.rows(table, shown)
    if HERE in shown and HERE in own:
        title, unit, _ = known(HERE)
        columns.insert(1, ("here", f"{title}, study {name}", unit, ""))
        winner = best(own, HERE)
        for model, (_, _, cells) in zip(table.index, rows, strict=True):
            text = interval(own, model, HERE) if model in own.index else "–"
            cells.insert(1, (text, model == winner))
    return columns, rows


def _facts(reference):
    """Sentences: photos, their size, epochs, weights, time; only what is recorded."""
    run, histories = reference["run"], reference["histories"]
    parameters, hardware = run.get("parameters") or {}, run.get("hardware") or {}
    found = [f"It was evaluated on {results.tested_on(reference)}."]
    counts = reference["data"].get("counts") or {}
    if {"train", "val"} <= set(counts):
        learnt = f"The networks learnt from {counts['train']:,} others"
        found.append(f"{learnt}, with {counts['val']:,} for validation.")
    epochs = [len(history) for name, history in histories.items() if name in NETWORKS]
    epochs = epochs or [parameters.get("EPOCHS")]
    if None not in epochs:
        many = f"{min(epochs)} to {max(epochs)}" if len({*epochs}) > 1 else epochs[0]
        steps = reference["steps"]
        phase = (
            f", and NoGAN’s last phase took {steps['step'].max():,} steps"
            if steps is not None
            else ""
        )
        found.append(f"They trained for {many} epochs{phase}.")
    weights = (reference["facts"].get("kid") or {}).get("weights")
    if weights:
        found.append(f"Xception has {WEIGHTS.get(weights, f'weights from the file {weights}')}.")
    if run.get("seconds"):
        device = ", ".join(hardware.get("gpus") or []) or hardware.get("cpu", "an unknown device")
        cores = f" ({hardware['cores']} cores)" if hardware.get("cores") else ""
        found.append(f"All of it took {run['seconds'] / 60:,.0f} minutes on {device}{cores}.")
    return found


def _agreement(headline, own):
    """Whether the two studies answer alike."""
    if headline == own:
        return "This study’s own answer, above, is the same."
    return f"This study’s own answer, above, is another: {own}"


def _lacking(place, reference, pictures):
    """What a reader would look for in vain."""
    words = []
    for name, found in (("run.json", reference["run"]), ("data.json", reference["data"])):
        if not found:
            words.append(f"{name} of the reference study is missing or broken.")
    if not pictures:
        words.append(f"figures/{GRID}.png of the reference study is missing or broken.")
    return words


def _portable(run):
    """The record of a run with names of files in place of paths on the computer it ran on."""
    values = run.get("parameters") or {}
    names = {k: Path(v).name for k, v in values.items() if isinstance(v, str) and v.startswith("/")}
    return {**run, "parameters": {**values, **names}}
