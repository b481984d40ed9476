"""Cells of a study's table: which measures it has, how one mean is written, which row is best.

A `table` has one row a model, by model, in the order of every table (`indexed`); a measure `m` has
the columns `m`, its mean, and where it is known `m_low` and `m_high`, its 95 % interval.
"""

import math

import numpy as np

from lib.figures.style import in_order
from lib.metrics import MEASURES, SET_MEASURES

KNOWN = MEASURES | SET_MEASURES  # measures of a photo, and of all photos at once
ORDER = (  # of columns: distance from the truth, rare colours, how colourful, how real
    *("rmse_ab", "rmse_rgb", "psnr", "ssim", "delta_e_2000", "auc", "auc_rebalanced"),
    *("colorfulness", "colorfulness_ratio", "kid"),
)
SIMPLE = ("gray", "mean_ab", "l_lookup")  # baselines that need no other photo and no training
NEVER_BEST = ("levin", "oracle_mean", "oracle_sample", "truth")  # they know what no model can


def indexed(summary):
    """The table by model, in the order of every table."""
    table = summary.set_index("model") if "model" in summary else summary
    return table.loc[in_order(table.index)]


def measures(table):
    """Columns that are measures: the known ones first, then others that have an interval."""
    found = [column for column in dict.fromkeys([*ORDER, *KNOWN]) if column in table]
    return found + [column for column in table if f"{column}_low" in table and column not in found]


def known(measure):
    """Name, unit and which value is better: lower, higher, truth, one, or unknown."""
    return KNOWN.get(measure, (measure.replace("_", " "), "", "unknown"))


def truth(table):
    """Mean colorfulness of the true photos, or of other true colourings of them; None: unknown."""
    for row in ("truth", "oracle_sample"):
        if row in table.index and "colorfulness" in table:
            return float(table.loc[row, "colorfulness"])
    return None


def goal(table, measure):
    """The value that is best where neither end is: the truth's, or 1; None: another measure."""
    return {"truth": truth(table), "one": 1.0}.get(known(measure)[2])


def best(table, measure):
    """The row with the best mean of a measure, among what a model could know; None: not known."""
    better, aim = known(measure)[2], goal(table, measure)
    values = table.loc[~table.index.isin(NEVER_BEST), measure].dropna()
    if better == "unknown" or values.empty or (better == "truth" and aim is None):
        return None
    if aim is not None:
        values = (values - aim).abs()
    return values.idxmax() if better == "higher" else values.idxmin()


def best_simple(colors):
    """The baseline that knows only lightness and has the least error over all pixels, or None."""
    rows = colors[colors["model"].isin(SIMPLE)].dropna(subset=["rmse_ab"])
    squares = (rows["pixels"] * rows["rmse_ab"] ** 2).groupby(rows["model"]).sum()
    return None if squares.empty else squares.idxmin()


def ends(table, row, measure):
    """Low and high end of a mean's interval; NaN where there is none."""
    return [table.loc[row].get(f"{measure}_{end}", math.nan) for end in ("low", "high")]


def interval(table, row, measure):
    """Mean and 95 % interval as text: 12.3 [11.9, 12.7]."""
    value, digits = table.loc[row, measure], places(table, measure)
    if not np.isfinite(value):
        return "–"
    low, high = ends(table, row, measure)
    if not np.isfinite([low, high]).all():
        return number(value, digits)
    return f"{number(value, digits)} [{number(low, digits)}, {number(high, digits)}]"


def difference(value, low, high):
    """A difference and its interval as text, with digits enough to show whether zero is inside."""
    digits = half_places((high - low) / 2) if high > low else 3
    while digits < 4 and any(end and not float(f"{end:.{digits}f}") for end in (low, high)):
        digits += 1
    return f"{signed(value, digits)} [{number(low, digits)}, {number(high, digits)}]"


def places(table, measure):
    """Decimals worth printing: as many as half the width of a usual interval has."""
    widths = np.zeros(1)
    if {f"{measure}_low", f"{measure}_high"} <= set(table):
        widths = (table[f"{measure}_high"] - table[f"{measure}_low"]).to_numpy(float) / 2
    widths = widths[widths > 0]
    if not len(widths):
        return 1 if table[measure].abs().max() >= 10 else 3
    return half_places(np.median(widths))


def half_places(half_width):
    """Decimals worth printing beside an interval of that half width, above 0."""
    return int(min(4, max(0, -math.floor(math.log10(half_width / 2)))))


def number(value, digits):
    """A number with thousands separated, a true minus sign, and no minus zero."""
    text = f"{value:,.{digits}f}"
    return text.replace("-", "−") if float(text.replace(",", "")) else text.lstrip("-")


def signed(value, digits):
    """The same, with a plus sign where it is one."""
    text = number(value, digits)
    return f"+{text}" if value > 0 and float(text.replace(",", "")) else text


def listed(words):
    """Words as a list in a sentence: a, b and c."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
