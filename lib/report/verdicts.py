"""Whether one row of a table is better than another, measure by measure.

`summary` has one row a model (see `intervals.summarize`), `metrics` one row a photo and model, or
is None. A difference counts as one only if its 95 % interval leaves out zero: the interval of the
paired differences, photo by photo, where `metrics` has the measure, or that of `summary.attrs`
(see `results.read`), as for KID; otherwise the two means' intervals
must not overlap. Where the best value is in the middle (colorfulness: the truth's), the
distances from it are compared. Intervals are over photos: they say nothing of another training run
(for that see `seeds`).
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from lib.intervals import paired_difference
from lib.report.cells import (
    difference,
    ends,
    goal,
    indexed,
    interval,
    known,
    measures,
    places,
    signed,
)

VERDICTS = {
    "better": "better",
    "worse": "worse",
    "open": "no difference that these photos can show",
    "more": "higher; better or worse is not known",
    "less": "lower; better or worse is not known",
}
RATIO = "colorfulness_ratio"


@dataclass(frozen=True)
class Comparison:
    """One measure of one model against another."""

    measure: str
    label: str
    unit: str
    model: str  # "10.2 [9.1, 11.3]"
    reference: str
    difference: str  # model minus reference, with its interval if the photos are known
    verdict: str  # a key of VERDICTS


def compare(summary, metrics, model="gan", reference="cnn"):
    """Compare two rows measure by measure; a list of Comparison, empty if a row is missing."""
    table = indexed(summary)
    if not {model, reference} <= set(table.index):
        return []
    found = []
    for measure in measures(table):
        if table.loc[[model, reference], measure].isna().any():
            continue
        name, unit, _ = known(measure)
        value, sure, text = measured(table, metrics, measure, model, reference)
        verdict = _verdict(table, metrics, measure, model, reference, value, sure)
        texts = [interval(table, row, measure) for row in (model, reference)]
        found.append(Comparison(measure, name, unit, *texts, text, verdict))
    return found


def measured(table, metrics, measure, model, reference):
    """Mean difference of two rows, whether it is one, and its text."""
    photos = _by_photo(metrics, measure, model, reference)
    if photos is not None:
        value, low, high = _paired(photos[model], photos[reference])
        return value, low > 0 or high < 0, difference(value, low, high)
    for row in table.attrs.get("paired", ()):
        if (row["measure"], row["model"], row["reference"]) == (measure, model, reference):
            value, low, high = row["difference"], row["low"], row["high"]
            return value, low > 0 or high < 0, difference(value, low, high)
    value = table.loc[model, measure] - table.loc[reference, measure]
    apart = _apart(ends(table, model, measure), ends(table, reference, measure))
    return value, apart, signed(value, places(table, measure))


def _verdict(table, metrics, measure, model, reference, value, sure):
    """What a difference of means counts as, a key of VERDICTS."""
    better, aim = known(measure)[2], goal(table, measure)
    if aim is not None:
        value, sure = _nearer(table, metrics, measure, model, reference, aim)
        better = "lower"
    if not sure:
        return "open"
    if better in ("lower", "higher"):
        return "better" if (value < 0) == (better == "lower") else "worse"
    return "more" if value > 0 else "less"


def _nearer(table, metrics, measure, model, reference, aim):
    """Distance of a model from `aim` minus that of the reference, and whether it is one.

    The two may lie on either side of it. With s the side of a mean, +1 or -1, the difference is the
    mean over photos of s1 (model - aim) - s2 (reference - aim), where a photo's aim is its truth.
    """
    one, other = (np.sign(table.loc[row, measure] - aim) or 1.0 for row in (model, reference))
    photos = _by_photo(metrics, measure, model, reference)
    if photos is not None:
        aims = photos.get("truth", aim)
        far = one * (photos[model] - aims), other * (photos[reference] - aims)
        value, low, high = _paired(*far)
        return value, low > 0 or high < 0
    spans = []
    for row in (model, reference):
        low, high = sorted(abs(end - aim) for end in ends(table, row, measure))
        below, above = ends(table, row, measure)
        spans.append([0.0 if below <= aim <= above else low, high])
    far = [abs(table.loc[row, measure] - aim) for row in (model, reference)]
    return far[0] - far[1], _apart(*spans)


def _by_photo(metrics, measure, model, reference):
    """A measure's values, one row a photo and one column a row of the table.

    None where they are not known, or not of the same photos for both. Of the ratio of colorfulness,
    a photo's value is its colorfulness over the mean of the true photos.
    """
    if measure == RATIO:
        table = _by_photo(metrics, "colorfulness", model, reference)
        return None if table is None or "truth" not in table else table / table["truth"].mean()
    if metrics is None or measure not in metrics:
        return None
    rows = metrics[metrics["model"].isin([model, reference, "truth"])]
    if rows.duplicated(["photo", "model"]).any():
        return None
    table = rows.pivot(index="photo", columns="model", values=measure)
    pair = {model, reference} <= set(table) and not table[[model, reference]].isna().any(axis=None)
    return table if pair else None


def _paired(one, other):
    """Mean difference of two columns of `_by_photo` with the ends of its interval."""
    columns = {"model": one, "reference": other}
    rows = [
        pd.DataFrame({"photo": c.index, "model": n, "value": c.values}) for n, c in columns.items()
    ]
    found = paired_difference(pd.concat(rows), "value", *columns)
    return found["difference"], found["low"], found["high"]


def _apart(one, other):
    """Whether two intervals leave a gap; False where an end is not known."""
    return bool(one[0] > other[1] or one[1] < other[0])
