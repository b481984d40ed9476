"""Which row of a study's table is better, measure by measure.

A difference counts as one only if its 95 % interval leaves out zero: the interval of the paired
differences, photo by photo, as `summary.json` has it, or drawn from `metrics.csv` with the study's
own seed where that list lacks the pair. Where photos are not known, the two means' intervals must
not overlap. Where the best value is in the middle (colorfulness: the truth's), the distances from
it are compared, photo by photo. Intervals are over photos: they say nothing of another training
run (see `seeds`).
"""

from dataclasses import dataclass

import numpy as np

from lib import metrics
from lib.figures.style import group, label
from lib.intervals import paired_difference
from lib.report.number_format import difference, ends, interval, places, signed

MEASURES = (  # name: (label, unit, better: lower, higher, truth or one), in the order of columns
    dict(sorted(metrics.MEASURES.items(), key=lambda item: item[1][2] == "truth"))
    | metrics.SET_MEASURES
)
RATIO = "colorfulness_ratio"  # colorfulness once more, over its mean of the true photos
NEVER_BEST = ("levin", "oracle_mean", "oracle_sample", "truth")  # they know what no model can
VERDICTS = {
    "better": "better",
    "worse": "worse",
    "open": "no difference that these photos can show",
}


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


def measures(table):
    """Columns that are measures, in the order of every table."""
    return [measure for measure in MEASURES if measure in table]


def titled(measure):
    """Name of a measure with its unit."""
    name, unit, _ = MEASURES[measure]
    return f"{name} ({unit})" if unit else name


def truth(table):
    """Mean colorfulness of the true photos; None: unknown."""
    known = "truth" in table.index and "colorfulness" in table
    return float(table.loc["truth", "colorfulness"]) if known else None


def best(table, measure):
    """The row with the best mean of a measure, among what a model could know; None: not known."""
    better = MEASURES[measure][2]
    aim = {"truth": truth(table), "one": 1.0}.get(better)
    values = table.loc[~table.index.isin(NEVER_BEST), measure].dropna()
    if values.empty or (better == "truth" and aim is None):
        return None
    if aim is not None:
        values = (values - aim).abs()
    return values.idxmax() if better == "higher" else values.idxmin()


def marked_rows(table, shown):
    """Rows of a table for a page: name, group, and a (text, is best) for each measure shown."""
    winners = {measure: best(table, measure) for measure in shown}
    return [
        (
            label(row),
            group(row)[0],
            [(interval(table, row, measure), row == winner) for measure, winner in winners.items()],
        )
        for row in table.index
    ]


def compare(study, model="gan", reference="cnn"):
    """Compare two rows measure by measure; a list of Comparison, empty if a row is missing.

    `study` is a `results.Study`. A measure that is best at the truth's value is left out where
    photos are not known.
    """
    table, found = study.table, []
    if not {model, reference} <= set(table.index):
        return []
    for measure in measures(table):
        verdict = _verdict(study, measure, model, reference)
        if verdict and table.loc[[model, reference], measure].notna().all():
            _, _, text = measured(study, measure, model, reference)
            texts = [interval(table, row, measure) for row in (model, reference)]
            found.append(Comparison(measure, *MEASURES[measure][:2], *texts, text, verdict))
    return found


def measured(study, measure, model, reference):
    """Mean difference of two rows, whether it is one, and its text."""
    table, pair = study.table, _paired(study, measure, model, reference)
    if pair:
        value, low, high = pair
        return value, low > 0 or high < 0, difference(value, low, high)
    value = table.loc[model, measure] - table.loc[reference, measure]
    (low, high), (below, above) = (ends(table, row, measure) for row in (model, reference))
    return value, bool(low > above or high < below), signed(value, places(table, measure))


def _paired(study, measure, model, reference):
    """Mean of the paired differences and the ends of its interval; None: photos are not known."""
    if measure == RATIO and "truth" in study.table.index:
        pair = _paired(study, "colorfulness", model, reference)
        return pair and [value / truth(study.table) for value in pair]
    for row in study.facts.get("paired") or []:
        if (row["measure"], row["model"], row["reference"]) == (measure, model, reference):
            return row["difference"], row["low"], row["high"]
    return _drawn(study, study.metrics, measure, model, reference)


def _drawn(study, photos, measure, model, reference):
    """The same from a table of photos, with the study's seed; None if it lacks a value."""
    if photos is None:
        return None
    try:
        seed = study.facts.get("seed", 0)
        found = paired_difference(photos, measure, model, reference, seed)
    except ValueError:  # the two rows are not there, or not of the same photos, each once
        return None
    return found["difference"], found["low"], found["high"]


def _verdict(study, measure, model, reference):
    """What a difference of means counts as, a key of VERDICTS; None: it cannot be judged."""
    better = MEASURES[measure][2]
    if better in ("lower", "higher"):
        value, sure, _ = measured(study, measure, model, reference)
    elif found := _nearer(study, model, reference):
        value, low, high = found
        sure = low > 0 or high < 0
    else:
        return None
    if not sure:
        return "open"
    return "better" if (value > 0) == (better == "higher") else "worse"


def _nearer(study, model, reference):
    """Distance from the truth in colorfulness of a model minus that of the reference, as `_drawn`.

    The two may lie on either side of it. With s the side of a mean, +1 or -1, the difference is the
    mean over photos of s1 (model - truth) - s2 (reference - truth).
    """
    photos, needed = study.metrics, {model, reference, "truth"}
    if photos is None or "colorfulness" not in photos or not needed <= set(photos["model"]):
        return None
    values = photos.pivot_table("colorfulness", index="photo", columns="model")
    error = values[[model, reference]].sub(values["truth"], axis=0)
    far = error * np.sign(error.mean()).replace(0, 1)
    long = far.reset_index().melt("photo", var_name="model", value_name="colorfulness")
    return _drawn(study, long, "colorfulness", model, reference)
