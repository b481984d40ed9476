"""Charts of a table: numbers in, a figure out.

Called through `lib.figures`. A table is a `summary`: one row a model, a column `model`, and for
each measure its mean with `<measure>_low` and `<measure>_high` (see `intervals.summarize`).
"""

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from lib.figures.style import BLUE, GRAY, GREEN, WIDTH, blank, group, in_order, styled
from lib.figures.style import label as name_of

REFERENCES = {  # measure: (row, words) of the line that says what is possible
    "rmse_ab": ("oracle_mean", "best possible"),
    "colorfulness": ("truth", "the true photos"),
}
RANK_LINES = {  # group: (line style, width) in the ranks
    "baselines": ("-", 1.2),
    "classical": (":", 1.8),
    "given true colours": ((0, (1, 3)), 1.8),
    "for reference": ("--", 1.2),
    "networks": ("-", 1.5),
    "GAN": ((0, (4, 1)), 1.5),
}
ASKED, THICK = ("cnn", "gan"), 3.6  # the paper's question, and the width of its lines


@styled
def counts(stages, unit="photos"):
    """Horizontal bars with their numbers: dict of stage -> number, in the order given."""
    if not stages or min(stages.values()) < 0:
        raise ValueError(f"stages: expected numbers from 0 up, got {stages}")
    figure = blank(7.0, 0.7 + 0.32 * len(stages))
    axes = figure.add_subplot()
    bars = axes.barh(list(stages), list(stages.values()), color=BLUE, height=0.62)
    axes.bar_label(bars, labels=[f"{number:,}" for number in stages.values()], padding=4)
    axes.invert_yaxis()
    axes.margins(x=0.12)
    axes.set_xlabel(f"number of {unit}")
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    return figure


@styled
def measure_bars(summary, measure, label=None, unit="", better=""):
    """Means of one measure with 95 % intervals, a row a model, baselines first.

    Parameters
    ----------
    summary : DataFrame
    measure : str
        Its column.
    label, unit : str
        For the axis; see `metrics.MEASURES`.
    better : str
        "lower", "higher", "truth" (nearest to the row `truth`) or "one" (nearest to 1).
    """
    table = _table(summary, [measure])
    table = table[table.index != "truth"] if measure != "colorfulness" else table
    figure = blank(7.6, 0.95 + 0.29 * len(table))
    axes = figure.add_subplot()
    seen = {}
    for place, (name, row) in enumerate(table.iterrows()):
        words, color, marker = group(name)
        value, low, high = _interval(row, measure)
        axes.plot([low, high], [place, place], color=color, linewidth=2.2, solid_capstyle="butt")
        (seen[words],) = axes.plot(
            value, place, marker, color=color, markeredgecolor="white", ms=7.5
        )
    row, words = REFERENCES.get(measure, ("", ""))
    row = "oracle_sample" if row == "truth" and row not in table.index else row
    if row in table.index:
        axes.axvline(table.loc[row, measure], color=GREEN, linestyle="--", linewidth=1, zorder=0)
        place = (table.loc[row, measure], 1.0)
        axes.annotate(
            f" {words}", place, xycoords=("data", "axes fraction"), fontsize=8, color=GREEN
        )
    axes.set_yticks(range(len(table)), [name_of(name) for name in table.index])
    axes.set_ylim(len(table) - 0.4, -0.6)
    hint = {"lower": "lower is better", "higher": "higher is better"}
    hint |= {"truth": "nearest to the truth is best", "one": "nearest to 1 is best"}
    words = [f"{label or measure}", f"({unit})" if unit else "", hint.get(better, "")]
    axes.set_xlabel(", ".join(word for word in words if word).replace(", (", " ("))
    axes.margins(x=0.06)
    axes.grid(axis="x")
    axes.legend(seen.values(), seen.keys(), loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure


@styled
def rank_plot(summary):
    """Where raw error and colour disagree: rank by RMSE of ab, joined to rank by colorfulness.

    Colour is ranked by how near the mean colorfulness is to that of the true photos (row `truth`,
    or `oracle_sample`); if neither is there, by most colour first. Spearman's rank correlation
    says how far the two orders agree: 1, they are the same; -1, each is the other upside down.
    """
    table = _table(summary, ["rmse_ab", "colorfulness"])
    color = table["colorfulness"]
    truth = next((color[row] for row in ("truth", "oracle_sample") if row in color), None)
    table, color = (rows[rows.index != "truth"] for rows in (table, color))
    distance = -color if truth is None else (color - truth).abs()
    left = table["rmse_ab"].rank(method="first").astype(int)
    right = distance.rank(method="first").astype(int)
    figure = blank(WIDTH, 1.75 + 0.34 * len(table))
    axes = figure.add_subplot()
    seen = {}
    for name, error in table["rmse_ab"].items():
        words, shade, marker = group(name)
        style, width = RANK_LINES.get(words, ("-", 1.5))
        ends = [left[name], right[name]]
        seen[words] = Line2D([], [], color=shade, ls=style, lw=width, marker=marker, ms=8, mec="w")
        width = THICK if name in ASKED else width
        line = {"color": shade, "linestyle": style, "linewidth": width, "zorder": width}
        axes.plot(*_bend(*ends), solid_capstyle="round", **line)
        axes.plot([0, 1], ends, marker, color=shade, ms=8, mec="white", mew=0.8, zorder=9)
        weight = "bold" if name in ASKED else "normal"
        for place, value, side, sign in [(0, error, "right", -1), (1, color[name], "left", 1)]:
            at, looks = ends[place], {"va": "center", "fontweight": weight}
            axes.text(
                place + sign * 0.055, at, f"{at}", ha="center", color=GRAY, fontsize=8, **looks
            )
            axes.text(place + sign * 0.16, at, f"{value:.1f}", ha="center", fontsize=8.5, **looks)
            axes.text(place + sign * 0.235, at, name_of(name), ha=side, fontsize=9, **looks)
    axes.set(xlim=(-0.95, 1.95), ylim=(len(table) + 1.5, -1.25))
    axes.set_axis_off()
    by = "most colour first" if truth is None else f"nearest to the true photos’ {truth:.1f} first"
    looks = {"va": "bottom", "fontsize": 9}
    axes.text(-0.12, 0.2, "least first (CIELAB units)", ha="right", color=GRAY, **looks)
    axes.text(1.12, 0.2, by, color=GRAY, **looks)
    looks |= {"fontweight": "bold", "fontsize": 10.5}
    axes.text(-0.12, -0.45, "by error: RMSE of ab", ha="right", **looks)
    axes.text(1.12, -0.45, "by colour: colorfulness", **looks)
    words = "A line that rises: more true to life in its amount of colour than its error says. "
    words += "One that falls: less."
    if len(table) > 2:
        words += f"\nAgreement of the two orders, Spearman’s ρ: {_signed(left.corr(right))}"
        words += " (+1: the same order, 0: unrelated, −1: upside down)."
    axes.text(0.5, len(table) + 0.75, words, ha="center", va="top", fontsize=8.5, linespacing=1.5)
    options = {"loc": "outside lower center", "ncols": len(seen), "handlelength": 3}
    figure.legend(seen.values(), seen.keys(), **options)
    return figure


def _bend(start, end):
    """A curve from (0, start) to (1, end), level at both ends."""
    x = np.linspace(0, 1, 60)
    return x, start + (end - start) * (3 * x**2 - 2 * x**3)


def _signed(value):
    return f"{value:+.2f}".replace("-", "−")


def _table(summary, measures):
    """The rows in the order of every table, indexed by model; ValueError for a missing column."""
    table = summary if "model" in summary else summary.reset_index(names="model")
    lacking = [measure for measure in measures if measure not in table]
    if lacking or table.empty:
        raise ValueError(f"summary: expected rows with {measures}, got columns {list(table)}")
    table = table.set_index("model")
    return table.loc[in_order(table.index)].dropna(subset=measures)


def _interval(row, measure):
    value = row[measure]
    return value, row.get(f"{measure}_low", value), row.get(f"{measure}_high", value)
