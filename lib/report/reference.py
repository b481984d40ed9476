"""The reference study on real photos, as the report of another study shows it.

results/flickr8k comes with the project, so that a first report, of drawn scenes and a few minutes,
has real photos in it. All of its numbers are read from its own files. What is missing or broken
there is said in a line, and never keeps the other report from being built.
"""

from pathlib import Path

from lib.figures.style import NETWORKS
from lib.report import findings, html_page, results, verdicts
from lib.report.number_format import interval

STUDY = "flickr8k"
GRID = "fig6_grid"
TABLES = ("summary.csv", "metrics.csv", "summary.json", "run.json", "data.json")
FILES = (*TABLES, f"figures/{GRID}.png")  # what tells one reference study from another
MEASURES = ("rmse_ab", "delta_e_2000", "auc_rebalanced", "colorfulness_ratio", "kid")
CAPTION = "Photos of the reference study: grey, truth, and each model’s answer."
WEIGHTS = {"imagenet": "the weights of ImageNet", "random": "random weights"}
HERE = "rmse_ab"  # the measure that is shown of the other study, too


def beside(folder, study):
    """What the report of a study shows of the reference study that lies beside it.

    Parameters
    ----------
    folder : path
        results/<study>, the study of the report.
    study : results.Study
        What was read there.

    Returns
    -------
    dict or None
        None if there is no reference study, or if the report is its own. Else problem: what is
        wrong in one line, or "" and what report.html.j2 shows; pictures: (Picture, caption).
    """
    place = Path(folder).resolve().parent / STUDY
    if place == Path(folder).resolve() or not (place / "summary.csv").is_file():
        return None
    try:
        return {"name": STUDY, "problem": "", **_section(place, study)}
    except Exception as error:  # whatever its files hold: the other study's report is to be built
        words = f"{type(error).__name__}: {error}".replace(str(place), f"results/{STUDY}")
        return {"name": STUDY, "problem": words.splitlines()[0], "pictures": []}


def _section(place, study):
    """What the template shows of a reference study that is there."""
    reference = results.read(place)
    columns, rows = _table(reference.table, study)
    headline, own = findings.headline(reference), findings.headline(study)
    agreement = "is the same." if own == headline else f"is another: {own}"
    grid = html_page.pictures(place / "figures").get(GRID)
    return {
        "facts": _facts(reference),
        "headline": headline,
        "answer": [*findings.answer(reference)[:2], f"This study’s own answer, above, {agreement}"],
        "warnings": findings.warnings(reference),
        "columns": columns,
        "rows": rows,
        "same": results.same_photos(reference, study),
        "pictures": [(grid, CAPTION)] if grid else [],
        "command": results.commands(reference.run, STUDY)[0] if reference.run else "",
        "readme": (place / "README.md").is_file(),
    }


def _table(table, study):
    """Columns and rows as of the main table, with the other study's error beside the first."""
    shown = [measure for measure in verdicts.measures(table) if measure in MEASURES]
    columns = [(measure, *verdicts.MEASURES[measure]) for measure in shown]
    rows, own = verdicts.marked_rows(table, shown), study.table
    if HERE in shown and HERE in own:
        title, unit, _ = verdicts.MEASURES[HERE]
        columns.insert(1, ("here", f"{title}, study {study.name}", unit, ""))
        winner = verdicts.best(own, HERE)
        for model, (_, _, cells) in zip(table.index, rows, strict=True):
            text = interval(own, model, HERE) if model in own.index else "–"
            cells.insert(1, (text, model == winner))
    return columns, rows


def _facts(reference):
    """Sentences: photos, their size, epochs, weights, time; only what is recorded."""
    run, counts = reference.run, reference.data.get("counts") or {}
    found = [f"It was evaluated on {results.tested_on(reference)}."]
    if {"train", "val"} <= set(counts):
        learnt = f"The networks learnt from {counts['train']:,} others"
        found.append(f"{learnt}, with {counts['val']:,} for validation.")
    epochs = {len(history) for name, history in reference.histories.items() if name in NETWORKS}
    if epochs:
        many = f"{min(epochs)} to {max(epochs)}" if len(epochs) > 1 else min(epochs)
        phase = ""
        if reference.steps is not None:
            phase = f", and NoGAN’s last phase took {reference.steps['step'].max():,} steps"
        found.append(f"They trained for {many} epochs{phase}.")
    weights = (reference.facts.get("kid") or {}).get("weights")
    if weights:
        found.append(f"Xception has {WEIGHTS.get(weights, f'weights from the file {weights}')}.")
    if run.get("seconds"):
        cores = (run.get("hardware") or {}).get("cores")
        device = f"{reference.device or 'an unknown device'}{f' ({cores} cores)' if cores else ''}"
        found.append(f"All of it took {run['seconds'] / 60:,.0f} minutes on {device}.")
    return found
