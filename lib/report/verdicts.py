"""Which row of a study's table is better, measure by measure.

A difference counts as one only if its 95 % interval leaves out zero: the interval of the paired
differences, photo by photo, as `summary.json` has it, or drawn from `metrics.csv` with the study's
own seed where that list lacks the pair. Where the best value is in the middle (colorfulness: the
truth's), the distances from it are compared. Intervals are over photos: they say nothing of another
training run (see `seeds`).
"""

import collections

import numpy as np

from lib import metrics
from lib.intervals import paired_difference
from lib.report.number_format import difference, interval

MEASURES = (  # name: (label, unit, better: lower, higher, truth or one), in the order of columns
    dict(sorted(metrics.MEASURES.items(), key=lambda item: item[1][2] == "truth"))
    | metrics.SET_MEASURES
)
CHIEF = ("rmse_ab", "delta_e_2000", "auc_rebalanced", "colorfulness_ratio", "kid")  # one of a kind
NEVER_BEST = ("levin", "oracle_mean", "oracle_sample", "truth")  # they know what no model can
VERDICTS = {
    "better": "better",
    "worse": "worse",
    "open": "no difference that these photos can show",
}


# one measure of one model against another: the means and their difference, model minus reference,
# as texts with their intervals, "10.2 [9.1, 11.3]", and the verdict, a key of VERDICTS
Comparison = collections.namedtuple(
    "Comparison", "measure label unit model reference difference verdict"
)


def measures(table):
    """Columns that are measures, in the order of every table."""
    return [measure for measure in MEASURES if measure in table]


def truth(table):
    """Mean colorfulness of the true photos; None: unknown."""
    return float(table.loc["truth", "colorfulness"]) if "truth" in table.index else None


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


def compare(study, model="gan", reference="cnn"):
    """Compare two rows of a `results.Study`, measure by measure.

    Returns a list of Comparison: of all measures whose difference is known over the same photos.
    """
    table, found = study.table, []
    for measure in measures(table) if {model, reference} <= set(table.index) else ():
        name, unit, better = MEASURES[measure]
        pair = paired(study, measure, model, reference)
        judged = pair if better in ("lower", "higher") else _nearer(study, model, reference)
        if pair and judged and table.loc[[model, reference], measure].notna().all():
            value, low, high = judged
            verdict = "better" if (value > 0) == (better == "higher") else "worse"
            verdict = verdict if low > 0 or high < 0 else "open"
            texts = [interval(table, row, measure) for row in (model, reference)]
            found.append(Comparison(measure, name, unit, *texts, difference(*pair), verdict))
    return found


def paired(study, measure, model, reference):
    """Mean of model minus reference over photos and the ends of its interval; None: not known."""
    if measure == "colorfulness_ratio":
        pair, true = paired(study, "colorfulness", model, reference), truth(study.table)
        return [value / true for value in pair] if pair and true else None
    for row in study.facts.get("paired") or []:
        if (row["measure"], row["model"], row["reference"]) == (measure, model, reference):
            return row["difference"], row["low"], row["high"]
    return _drawn(study, study.metrics, measure, model, reference)


def _drawn(study, photos, measure, model, reference):
    if photos is None or measure not in photos or not {model, reference} <= set(photos["model"]):
        return None
    found = paired_difference(photos, measure, model, reference, study.facts.get("seed", 0))
    return found["difference"], found["low"], found["high"]


def _nearer(study, model, reference):
    """Distance from the truth in colorfulness of a model minus that of the reference, as `paired`.

    The two may lie on either side of it. With s the side of a mean, +1 or -1, the difference is the
    mean over photos of s1 (model - truth) - s2 (reference - truth).
    """
    photos = study.metrics
    if photos is None or "truth" not in set(photos["model"]):
        return None
    values = photos.pivot(index="photo", columns="model", values="colorfulness")
    error = values[[model, reference]].sub(values["truth"], axis=0)
    far = error * np.sign(error.mean()).replace(0, 1)
    long = far.reset_index().melt("photo", var_name="model", value_name="colorfulness")
    return _drawn(study, long, "colorfulness", model, reference)
