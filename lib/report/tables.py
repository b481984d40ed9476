"""What a page says of a study's table: its rows as text, and what to know before reading them."""

import collections

from lib.figures.style import group, label
from lib.report.cells import best, interval, listed

FEW = 50  # test photos, below which numbers only show that a study runs
NEEDED = {  # trained model: notebook
    "cnn": "03",
    "autoencoder": "04",
    "xception": "05",
    "xception_skips": "05",
    "generator": "06",
    "gan": "06",
}


def rows(table, measures):
    """Rows of a table: name, group, and a list of (text, is best), one for each measure."""
    winners = {measure: best(table, measure) for measure in measures}
    return [
        (
            label(row),
            group(row)[0],
            [(interval(table, row, measure), row == winners[measure]) for measure in winners],
        )
        for row in table.index
    ]


def warnings(study):
    """What a reader must know before the numbers; the same words of several networks once."""
    metrics, same = study["metrics"], collections.defaultdict(list)
    for name, params in study["params"].items():
        for text in params.get("warnings") or []:
            same[text].append(label(name))
    found = [f"{listed(names)}: {text}" for text, names in same.items()]
    found += study["facts"].get("warnings") or []
    photos = None if metrics is None else metrics["photo"].nunique()
    if photos is not None and photos < FEW:
        found.append(f"Only {photos} test photos: the numbers show that the study runs, no more.")
    if metrics is None:
        found.append("metrics.csv is missing: models are compared by their means’ intervals only.")
    if (study["run"].get("git") or {}).get("dirty"):
        found.append("The code differed from its commit when the study was run.")
    for name, notebook in NEEDED.items():
        if name not in set(study["summary"]["model"]):
            words = f"notebook {notebook} has not been run, or its model was not evaluated"
            found.append(f"{label(name)} is not in this study: {words}.")
    return found
