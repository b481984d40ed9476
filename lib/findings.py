"""What the numbers of a study say, in sentences: tables in, words out, whichever way they fall.

`summary` has one row a model (see `intervals.summarize`), `metrics` one row a photo and model, or
is None. A difference counts as one only if its 95 % interval leaves out zero: the interval of the
paired differences, photo by photo, where `metrics` is there; otherwise the two means' intervals
must not overlap. Intervals are over photos: they say nothing of another training run.
"""

import contextlib
import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from lib.intervals import paired_difference
from lib.metrics import MEASURES
from lib.style import MODELS, in_order, label

BASELINES = ("gray", "mean_ab", "l_lookup")  # what needs no training of a network
NETWORKS = tuple(name for name, (_, group) in MODELS.items() if group in ("network", "nogan"))
NEVER_BEST = ("oracle_mean", "oracle_sample", "truth")  # they know what no model can know
VERDICTS = {
    "better": "better",
    "worse": "worse",
    "open": "no difference that these photos can show",
    "more": "higher; better or worse is not known",
    "less": "lower; better or worse is not known",
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


def compare(summary, metrics, model="gan", reference="cnn"):
    """Compare two rows measure by measure; a list of Comparison, empty if a row is missing."""
    table = indexed(summary)
    if not {model, reference} <= set(table.index):
        return []
    found = []
    for measure in measures(table):
        one, other = table.loc[model], table.loc[reference]
        if one.isna()[measure] or other.isna()[measure]:
            continue
        difference, sure, text = _difference(table, metrics, measure, model, reference)
        name, unit, better = MEASURES.get(measure, (measure.replace("_", " "), "", "unknown"))
        gain = {"lower": -difference, "higher": difference}.get(better, 0.0)
        if better == "truth" and truth(table) is not None:
            gain = abs(other[measure] - truth(table)) - abs(one[measure] - truth(table))
        if not sure:
            verdict = "open"
        elif gain:
            verdict = "better" if gain > 0 else "worse"
        else:
            verdict = "more" if difference > 0 else "less"
        texts = [interval(table, row, measure) for row in (model, reference)]
        found.append(Comparison(measure, name, unit, *texts, text, verdict))
    return found


def answer(summary, metrics, model="gan", reference="cnn"):
    """The answer to the paper's question, one or two sentences of plain text."""
    rows = compare(summary, metrics, model, reference)
    if not rows:
        there = indexed(summary).index
        lacking = " and ".join(f"{label(m)}" for m in (reference, model) if m not in there)
        return f"This study cannot answer: its table has no row for {lacking}."
    names = {verdict: [r.label for r in rows if r.verdict == verdict] for verdict in VERDICTS}
    parts = []
    for verdict, words in [("better", "better than"), ("worse", "worse than")]:
        if names[verdict]:
            parts.append(f"{words} the {label(reference)} by {_listed(names[verdict])}")
    if names["open"]:
        parts.append(f"not different, as far as these photos can show, by {_listed(names['open'])}")
    if names["more"] + names["less"]:
        parts.append(f"different by {_listed(names['more'] + names['less'])}")
    photos = f"On {metrics['photo'].nunique():,} test photos, " if metrics is not None else ""
    first = f"{photos}{label(model)} is {'; '.join(parts)}."
    rmse = next((row for row in rows if row.measure == "rmse_ab"), rows[0])
    claim = {
        "better": "The paper’s claim, that the GAN has the lower error, holds here",
        "worse": "The paper’s claim, that the GAN has the lower error, does not hold here",
        "open": "The paper’s claim, that the GAN has the lower error, is not confirmed here",
    }.get(rmse.verdict, "The measure")
    unit = f" {rmse.unit}" if rmse.unit else ""
    second = f"{claim}: {rmse.label} is {rmse.model} against {rmse.reference}{unit}"
    return f"{first} {second} (difference {rmse.difference})."


def headline(summary, metrics):
    """The answer in a few words, by the paper's measure."""
    rows = {row.measure: row.verdict for row in compare(summary, metrics)}
    verdicts = {rows[measure] for measure in ("rmse_ab", "rmse_rgb") if measure in rows}
    if len(verdicts) > 1:
        return "By the paper’s own measure, RMSE, it depends on the colour space."
    return {
        "better": "Yes, by the paper’s own measure, RMSE.",
        "worse": "No, not by the paper’s own measure, RMSE.",
        "open": "By the paper’s own measure, RMSE, these photos show no difference.",
    }.get("".join(verdicts), "This study cannot say.")


def observations(summary, metrics, histories):
    """What else the numbers show: a list of sentences."""
    table = indexed(summary)
    seen = []
    if "rmse_ab" in table:
        seen += _against_baselines(table, metrics) + _against_oracle(table)
    if {"rmse_ab", "colorfulness"} <= set(table):
        seen += _color(table)
    rows = {row.measure: row for row in compare(summary, metrics, "gan", "generator")}
    if {"rmse_ab", "colorfulness"} <= set(rows):
        rmse, color = rows["rmse_ab"], rows["colorfulness"]
        seen.append(
            f"The adversarial phase changed the generator’s RMSE of ab by {rmse.difference} "
            f"({VERDICTS[rmse.verdict]}) and its colorfulness by {color.difference} "
            f"({VERDICTS[color.verdict]})."
        )
    if "psnr" in table and "gray" in table.index:
        seen.append(
            f"A photo without any colour scores {number(table.loc['gray', 'psnr'], 1)} dB of PSNR, "
            "since every output keeps the true lightness: small differences of PSNR and SSIM say "
            "little about colour."
        )
    for model, history in histories.items():
        best = int(history["val_loss"].argmin()) if "val_loss" in history else len(history) - 1
        if best + 1 < 0.7 * len(history):
            seen.append(
                f"{label(model)}: the validation loss was lowest at epoch {best + 1} of "
                f"{len(history)}; what it learnt later did not carry over to other photos."
            )
    return seen


def indexed(summary):
    """The table by model, in the order of every table."""
    table = summary.set_index("model") if "model" in summary else summary
    return table.loc[in_order(table.index)]


def measures(table):
    """Columns that are measures: the known ones first, then others that have an interval."""
    known = [column for column in MEASURES if column in table]
    other = [column for column in table if f"{column}_low" in table and column not in known]
    return known + other


def truth(table):
    """Mean colorfulness of the true photos, or of other true colourings of them; None: unknown."""
    for row in ("truth", "oracle_sample"):
        if row in table.index and "colorfulness" in table:
            return float(table.loc[row, "colorfulness"])
    return None


def best(table, measure):
    """The row with the best mean of a measure, among what a model could know; None: not known."""
    better = MEASURES.get(measure, ("", "", "unknown"))[2]
    values = table.loc[~table.index.isin(NEVER_BEST), measure].dropna()
    if better == "truth":
        values = (values - truth(table)).abs() if truth(table) is not None else values[:0]
    if better == "unknown" or values.empty:
        return None
    return values.idxmax() if better == "higher" else values.idxmin()


def interval(table, row, measure):
    """Mean and 95 % interval as text: 12.3 [11.9, 12.7]."""
    value, digits = table.loc[row, measure], places(table, measure)
    if not np.isfinite(value):
        return "–"
    ends = [table.loc[row].get(f"{measure}_{end}", math.nan) for end in ("low", "high")]
    if not np.isfinite(ends).all():
        return number(value, digits)
    return f"{number(value, digits)} [{number(ends[0], digits)}, {number(ends[1], digits)}]"


def places(table, measure):
    """Decimals worth printing: as many as half the width of a usual interval has."""
    widths = np.zeros(1)
    if {f"{measure}_low", f"{measure}_high"} <= set(table):
        widths = (table[f"{measure}_high"] - table[f"{measure}_low"]).to_numpy(float) / 2
    widths = widths[widths > 0]
    if not len(widths):
        return 1 if table[measure].abs().max() >= 10 else 3
    return _places(np.median(widths))


def number(value, digits):
    """A number with thousands separated, a true minus sign, and no minus zero."""
    text = f"{value:,.{digits}f}"
    return text.replace("-", "−") if float(text.replace(",", "")) else text.lstrip("-")


def _places(half_width):
    return int(min(4, max(0, -math.floor(math.log10(half_width / 2)))))


def _difference(table, metrics, measure, model, reference):
    """Mean difference, whether it is one, and its text."""
    rows = pd.DataFrame()
    if metrics is not None and measure in metrics:
        rows = metrics[metrics["model"].isin([model, reference])][["photo", "model", measure]]
    with contextlib.suppress(ValueError):  # no table, or not the same photos for both
        found = paired_difference(rows, measure, model, reference)
        value, low, high = found["difference"], found["low"], found["high"]
        digits = _places((high - low) / 2) if high > low else places(table, measure)
        text = f"{_signed(value, digits)} [{number(low, digits)}, {number(high, digits)}]"
        return value, low > 0 or high < 0, text
    one, other = table.loc[model], table.loc[reference]
    value, digits = one[measure] - other[measure], places(table, measure)
    low, high = [f"{measure}_{end}" for end in ("low", "high")]
    known = {low, high} <= set(table)
    apart = known and (one[low] > other[high] or one[high] < other[low])
    return value, bool(apart), _signed(value, digits)


def _signed(value, digits):
    return ("+" if value > 0 else "") + number(value, digits)


def _against_baselines(table, metrics):
    there = [row for row in BASELINES if row in table.index]
    networks = [row for row in NETWORKS if row in table.index]
    if not there or not networks:
        return ["The table has no baselines, or no networks: the errors cannot be judged."]
    simple = table.loc[there, "rmse_ab"].idxmin()
    groups = {"beaten": [], "not clearly beaten": [], "not even reached": []}
    for model in networks:
        difference, sure, _ = _difference(table, metrics, "rmse_ab", model, simple)
        far = "beaten" if difference < 0 else "not even reached"
        groups[far if sure else "not clearly beaten"].append(label(model))
    words = f"{label(simple).lower()}, {interval(table, simple, 'rmse_ab')}"
    return [
        f"By RMSE of ab, the best simple baseline ({words}) is {verdict} by "
        f"{_listed(names) if len(names) < len(networks) else 'every network'}."
        for verdict, names in groups.items()
        if names
    ]


def _against_oracle(table):
    there = [row for row in NETWORKS if row in table.index]
    if not there or not {"oracle_mean", "oracle_sample"} <= set(table.index):
        return []
    errors = table["rmse_ab"]
    nearest = errors[there].idxmin()
    above = 100 * (errors[nearest] / errors["oracle_mean"] - 1)
    side = "above" if above > 0 else "below"
    lower = [label(row) for row in there if errors[row] < errors["oracle_sample"]]
    texts = [interval(table, row, "rmse_ab") for row in ("oracle_mean", "oracle_sample")]
    verb = "has" if len(lower) == 1 else "have"
    end = (
        f"{_listed(lower)} {verb} less. RMSE rewards caution." if lower else "no network has less."
    )
    return [
        f"The mean of all possible colours has an RMSE of ab of {texts[0]}, about the least that "
        f"any model can have. The nearest network, {label(nearest)}, is "
        f"{number(abs(above), 0)}\u00a0% {side} it.",
        f"Another true colouring, as good as the photo itself, has an RMSE of {texts[1]}: {end}",
    ]


def _color(table):
    there = [row for row in NETWORKS if row in table.index]
    reference = truth(table)
    if not there or not reference:
        return []
    shares = {row: 100 * table.loc[row, "colorfulness"] / reference for row in there}
    words = [f"{label(row)} {share:.0f}\u00a0%" for row, share in shares.items()]
    exact = table.loc[there, "rmse_ab"].idxmin()
    vivid = min(there, key=lambda row: abs(shares[row] - 100))
    agree = f"{label(exact)} has the least RMSE of ab among the networks"
    if exact == vivid:
        agree += ", and is nearest to the truth in colorfulness, too."
    else:
        agree += f", but {label(vivid)} is nearest to the truth in colorfulness."
    return [f"Colorfulness, as a share of the true photos’: {_listed(words)}.", agree]


def _listed(words):
    """a, b and c"""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
