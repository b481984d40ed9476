"""Numbers as a page writes them: a mean with its interval, a difference, and how many digits.

A `table` has one row a model; a measure `m` has the columns `m`, its mean, and `m_low` and
`m_high`, its 95 % interval.
"""

import math

import numpy as np


def interval(table, row, measure):
    """Mean and 95 % interval as text: 12.3 [11.9, 12.7]; – where the table has no such mean."""
    if measure not in table or row not in table.index or not np.isfinite(table.loc[row, measure]):
        return "–"
    digits, ends = places(table, measure), ("", "_low", "_high")
    value, low, high = (number(table.loc[row, f"{measure}{end}"], digits) for end in ends)
    return f"{value} [{low}, {high}]"


def difference(value, low, high):
    """A difference and its interval as text, with digits enough to show whether zero is inside."""
    digits = half_places((high - low) / 2) if high > low else 3
    while digits < 4 and any(end and not float(f"{end:.{digits}f}") for end in (low, high)):
        digits += 1
    plus = "+" if round(value, digits) > 0 else ""
    return f"{plus}{number(value, digits)} [{number(low, digits)}, {number(high, digits)}]"


def places(table, measure):
    """Decimals worth printing: as many as half the width of a usual interval has."""
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


def listed(words):
    """Words as a list in a sentence: a, b and c."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
