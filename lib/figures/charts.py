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
HINTS = {  # which value of a measure is best (`metrics.MEASURES`)
    "lower": "lower is better",
    "higher": "higher is better",
    "truth": "nearest to the truth is best",
    "one": "nearest to 1 is best",
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
def counts(stages):
    """Horizontal bars with their numbers of photos: dict of stage -> number, in the order given."""
    figure = blank(7.0, 0.7 + 0.32 * len(stages))
    axes = figure.add_subplot()
    bars = axes.barh(list(stages), list(stages.values()), color=BLUE, height=0.62)
    axes.bar_label(bars, labels=[f"{number:,}" for number in stages.values()], padding=4)
    axes.invert_yaxis()
    axes.margins(x=0.12)
    axes.set_xlabel("number of photos")
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    return figure


@styled
def measure_bars(summary, measure, label=None, unit="", better=""):
    """Means of one measure with 95 % intervals, a row a model, baselines first.

    `measure` is a column of `summary`; label, unit and better are those of `metrics.MEASURES`.
    """
    table = _table(summary, [measure])
    figure = blank(7.6, 0.95 + 0.29 * len(table))
    axes = figure.add_subplot()
    seen = {}
    for place, (name, row) in enumerate(table.iterrows()):
        words, color, marker = group(name)
        ends = [row[f"{measure}_low"], row[f"{measure}_high"]]
        axes.plot(ends, [place, place], color=color, linewidth=2.2, solid_capstyle="butt")
        point = {"color": color, "markeredgecolor": "white", "ms": 7.5}
        (seen[words],) = axes.plot(row[measure], place, marker, **point)
    row, words = REFERENCES.get(measure, ("", ""))
    if row in table.index:
        value = table.loc[row, measure]
        axes.axvline(value, color=GREEN, linestyle="--", linewidth=1, zorder=0)
        above = axes.get_xaxis_transform()
        axes.text(value, 1.0, f" {words}", transform=above, fontsize=8, color=GREEN)
    axes.set_yticks(range(len(table)), [name_of(name) for name in table.index])
    axes.set_ylim(len(table) - 0.4, -0.6)
    words = f"{label or measure} ({unit})" if unit else label or measure
    axes.set_xlabel(", ".join(filter(None, [words, HINTS.get(better)])))
    axes.margins(x=0.06)
    axes.grid(axis="x")
    axes.legend(seen.values(), seen.keys(), loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure


@styled
def rank_plot(summary):
    """Where raw error and colour disagree: rank by RMSE of ab, joined to rank by colorfulness.

    Colour is ranked by how near the mean colorfulness is to that of the true photos, the row
    `truth`. Spearman's rank correlation says how far the two orders agree: 1, they are the same;
    -1, each is the other upside down.
    """
    table = _table(summary, ["rmse_ab", "colorfulness"])
    truth = table["colorfulness"]["truth"]
    table = table.drop("truth")
    left = table["rmse_ab"].rank(method="first").astype(int)
    right = (table["colorfulness"] - truth).abs().rank(method="first").astype(int)
    figure = blank(WIDTH, 1.75 + 0.34 * len(table))
    axes = figure.add_subplot()
    seen = {}
    for name, row in table.iterrows():
        words, shade, marker = group(name)
        style, width = RANK_LINES.get(words, ("-", 1.5))
        ends = [left[name], right[name]]
        seen[words] = Line2D([], [], color=shade, ls=style, lw=width, marker=marker, ms=8, mec="w")
        width = THICK if name in ASKED else width
        line = {"color": shade, "linestyle": style, "linewidth": width, "zorder": width}
        axes.plot(*_bend(*ends), solid_capstyle="round", **line)
        axes.plot([0, 1], ends, marker, color=shade, ms=8, mec="white", mew=0.8, zorder=9)
        looks = {"va": "center", "fontweight": "bold" if name in ASKED else "normal"}
        for side, measure in enumerate(["rmse_ab", "colorfulness"]):
            at, sign = ends[side], 2 * side - 1
            x = side + sign * np.array([0.055, 0.16, 0.235])
            axes.text(x[0], at, f"{at}", ha="center", color=GRAY, fontsize=8, **looks)
            axes.text(x[1], at, f"{row[measure]:.1f}", ha="center", fontsize=8.5, **looks)
            axes.text(x[2], at, name_of(name), ha=["right", "left"][side], fontsize=9, **looks)
    axes.set(xlim=(-0.95, 1.95), ylim=(len(table) + 1.5, -1.25))
    axes.set_axis_off()
    heads = [(-0.12, "right", "by error: RMSE of ab", "least first (CIELAB units)")]
    heads += [
        (1.12, "left", "by colour: colorfulness", f"nearest to the true photos’ {truth:.1f} first")
    ]
    for x, side, head, words in heads:
        axes.text(x, -0.45, head, ha=side, va="bottom", fontweight="bold", fontsize=10.5)
        axes.text(x, 0.2, words, ha=side, va="bottom", fontsize=9, color=GRAY)
    words = "A line that rises: more true to life in its amount of colour than its error says. "
    words += "One that falls: less."
    if len(table) > 2:
        agreement = f"{left.corr(right):+.2f}".replace("-", "−")
        words += f"\nAgreement of the two orders, Spearman’s ρ: {agreement}"
        words += " (+1: the same order, 0: unrelated, −1: upside down)."
    axes.text(0.5, len(table) + 0.75, words, ha="center", va="top", fontsize=8.5, linespacing=1.5)
    options = {"loc": "outside lower center", "ncols": len(seen), "handlelength": 3}
    figure.legend(seen.values(), seen.keys(), **options)
    return figure


def _bend(start, end):
    """A curve from (0, start) to (1, end), level at both ends."""
    x = np.linspace(0, 1, 60)
    return x, start + (end - start) * (3 * x**2 - 2 * x**3)


def _table(summary, measures):
    """The rows in the order of every table, indexed by model; ValueError for a missing column."""
    lacking = [measure for measure in measures if measure not in summary]
    if lacking or summary.empty:
        raise ValueError(f"summary: expected rows with {measures}, got columns {list(summary)}")
    table = summary.set_index("model")
    return table.loc[in_order(table.index)].dropna(subset=measures)
