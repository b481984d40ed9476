"""Charts of data, training and measures: numbers in, a figure out.

Called through `lib.figures`. A table is a `summary`: one row a model, a column `model`, and for
each measure its mean with `<measure>_low` and `<measure>_high` (see `intervals.summarize`).
"""

import itertools

import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.ticker import MaxNLocator

from lib import lab
from lib.style import BLUE, GRAY, GREEN, INK, LINES, RED, WIDTH, blank, group, in_order, styled
from lib.style import label as name_of

AB_RANGE = 110.0  # CIELAB units: sRGB reaches -108 in b
REFERENCES = {  # measure: (row, words) of the line that says what is possible
    "rmse_ab": ("oracle_mean", "best possible"),
    "colorfulness": ("truth", "the true photos"),
}


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
def ab_histogram(ab, mean_ab=None):
    """How often each colour occurs: log density over a and b, the mean marked and shown.

    Parameters
    ----------
    ab : array (..., 2), CIELAB units
    mean_ab : pair of float, optional
        The mean to mark; by default that of `ab`. It is what a model answers that cannot decide:
        near the middle of all colours, a greyish brown.
    """
    ab = np.asarray(ab, np.float32).reshape(-1, np.shape(ab)[-1])
    if ab.shape[-1] != 2 or not len(ab):
        raise ValueError(f"ab: expected shape (..., 2), got {ab.shape}")
    mean = np.asarray(ab.mean(axis=0) if mean_ab is None else mean_ab, float).reshape(2)
    figure = blank(7.2, 4.6)
    axes, swatch = figure.subplots(1, 2, gridspec_kw={"width_ratios": [5, 1]})
    bins = np.linspace(-AB_RANGE, AB_RANGE, 111)
    density = np.histogram2d(ab[:, 0], ab[:, 1], bins=[bins, bins])[0].T / len(ab)
    shown = np.ma.masked_equal(density, 0)
    ends = [-AB_RANGE, AB_RANGE] * 2
    norm = LogNorm(vmin=max(shown.min(), 1e-7), vmax=shown.max())
    image = axes.imshow(shown, origin="lower", extent=ends, cmap="viridis", norm=norm)
    axes.plot(*_gamut(), color=GRAY, linewidth=0.9, linestyle="--")
    axes.text(-104, 96, "- - limit of sRGB", fontsize=8, color=GRAY)
    axes.plot(*mean, marker="X", markersize=11, color=RED, markeredgecolor="white")
    where = {"xytext": (-104, -104), "arrowprops": {"arrowstyle": "-", "color": INK}}
    axes.annotate(f"mean: a = {mean[0]:.1f}, b = {mean[1]:.1f}", mean, **where)
    axes.set(xlabel="a (green to red, CIELAB units)", ylabel="b (blue to yellow, CIELAB units)")
    figure.colorbar(image, ax=axes, label="share of pixels in a cell of 2 x 2 units")
    swatch.imshow(np.asarray(lab.lab_to_rgb(np.array([[[50.0, *mean]]]))))
    swatch.set(xticks=[], yticks=[])
    swatch.set_title("mean colour\nat L = 50", fontsize=9)
    return figure


@styled
def training_curves(histories, distance=10.0):
    """Figures 7 and 8: accuracy and loss against epochs, of all models.

    Parameters
    ----------
    histories : dict of row name -> DataFrame
        Columns epoch, loss, val_loss, accuracy, val_accuracy.
    distance : float
        CIELAB units within which a pixel counts as right (`train.ACCURACY_DISTANCE`).
    """
    if not histories:
        raise ValueError("histories: expected at least one model, got none")
    figure = blank(WIDTH, 3.9)
    panels = figure.subplots(1, 2)
    spare = itertools.cycle(LINES.values())
    lines = {name: LINES.get(name) or next(spare) for name in in_order(histories)}
    for axes, column in zip(panels, ["accuracy", "loss"], strict=True):
        ends = {}
        for name, (color, style, marker) in lines.items():
            table = histories[name]
            every = max(1, len(table) // 8)
            axes.plot(table["epoch"], table[column], color=color, linewidth=0.9, alpha=0.5)
            looks = {"linestyle": style, "marker": marker, "markevery": every, "markersize": 4.5}
            values = table[f"val_{column}"]
            (ends[name],) = axes.plot(table["epoch"], values, color=color, linewidth=1.6, **looks)
        axes.set_xlabel("epoch")
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        axes.grid(axis="y")
        if column == "loss" and _spans_decades(axes):
            axes.set_yscale("log")
        _name_ends(axes, ends)
    panels[0].set_title("Figure 7: accuracy")
    panels[0].set_ylabel(f"share of pixels within {distance:g} CIELAB units")
    panels[1].set_title("Figure 8: loss")
    panels[1].set_ylabel("loss (each model's own)")
    words = "marked lines: validation photos; thin pale lines: training photos"
    figure.supxlabel(words, fontsize=8, color=GRAY)
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
        "lower", "higher" or "truth".
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
    hint = {"lower": "lower is better", "higher": "higher is better", "truth": "nearest the truth"}
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
    or `oracle_sample`); if neither is there, by most colour first.
    """
    table = _table(summary, ["rmse_ab", "colorfulness"])
    color = table["colorfulness"]
    truth = next((color[row] for row in ("truth", "oracle_sample") if row in color), None)
    table, color = (rows[rows.index != "truth"] for rows in (table, color))
    distance = -color if truth is None else (color - truth).abs()
    left = table["rmse_ab"].rank(method="first").astype(int)
    right = distance.rank(method="first").astype(int)
    figure = blank(7.6, 0.9 + 0.3 * len(table))
    axes = figure.add_subplot()
    for name, error in table["rmse_ab"].items():
        _, shade, marker = group(name)
        weight = 2.4 if abs(left[name] - right[name]) >= len(table) / 2 else 1.2
        ranks = [left[name], right[name]]
        axes.plot([0, 1], ranks, color=shade, marker=marker, linewidth=weight, markersize=7)
        words = [f"{name_of(name)}  {error:.1f}   {ranks[0]}"]
        words.append(f"{ranks[1]}   {color[name]:.1f}  {name_of(name)}")
        axes.text(-0.05, ranks[0], words[0], ha="right", va="center", fontsize=8.5)
        axes.text(1.05, ranks[1], words[1], va="center", fontsize=8.5)
    axes.set(xlim=(-1.35, 2.35), ylim=(len(table) + 0.6, -0.1))
    axes.set_axis_off()
    by = "most colour first" if truth is None else f"nearest the truth's {truth:.1f} first"
    looks = {"va": "bottom", "fontweight": "bold"}
    axes.text(-0.05, 0.1, "rank by RMSE of ab\nleast error first", ha="right", **looks)
    axes.text(1.05, 0.1, f"rank by colorfulness\n{by}", **looks)
    return figure


@styled
def nogan_curves(log):
    """The adversarial phase: error and colour of validation photos above, losses below.

    Parameters
    ----------
    log : DataFrame
        Columns step, rmse_ab, colorfulness_ratio, critic_loss, generator_loss (NaN where there is
        none), chosen (bool) and, if any, cycle.
    """
    figure = blank(WIDTH, 5.2)
    upper, lower = figure.subplots(2, 1, sharex=True)
    right = upper.twinx()
    right.spines["right"].set_visible(True)
    upper.plot(log["step"], log["rmse_ab"], color=BLUE, marker="o", ms=4)
    right.plot(log["step"], log["colorfulness_ratio"], color=RED, marker="^", ms=4, ls="--")
    right.axhline(1.0, color=RED, linewidth=0.8, linestyle=":")
    across = right.get_yaxis_transform()
    right.text(0.01, 1.0, "1: as colourful as the truth", transform=across, va="bottom", color=RED)
    bottom, top = right.get_ylim()
    right.set_ylim(min(bottom, 0.95), max(top, 1.08))
    upper.set_ylabel("RMSE of ab, circles\n(CIELAB units)", color=BLUE)
    right.set_ylabel("colorfulness / the truth's,\ntriangles", color=RED)
    looks = {"critic_loss": (INK, "s", "-"), "generator_loss": (GREEN, "v", "--")}
    lines = {}
    for column, (color, marker, style) in looks.items():
        rows = log[["step", column]].dropna()
        options = {"color": color, "marker": marker, "ms": 4, "ls": style}
        (lines[column.replace("_", " ")],) = lower.plot(rows["step"], rows[column], **options)
    lower.set(xlabel="adversarial step (batches shown to the critic)", ylabel="loss")
    lower.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    _name_ends(lower, lines)
    for step in log.loc[log["chosen"].astype(bool), "step"]:
        for axes in (upper, lower):
            axes.axvline(step, color=INK, linewidth=5, alpha=0.15)
        where = {"transform": upper.get_xaxis_transform(), "ha": "center", "fontweight": "bold"}
        upper.text(step, 1.02, f"kept: step {step}", **where)
    cycles = log.get("cycle", log["step"] * 0)
    for step in log.loc[cycles.diff().fillna(0) > 0, "step"]:
        lower.axvline(step, color=GRAY, linewidth=0.7, linestyle=":")
    return figure


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


def _gamut():
    """Outline of sRGB in the ab plane: the pure hues, red to yellow to green and round to red."""
    corners = np.array([[1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 1, 1], [0, 0, 1], [1, 0, 1]])
    steps = np.linspace(0, 6, 181)
    hues = [np.interp(steps, range(7), [*channel, channel[0]]) for channel in corners.T]
    return np.asarray(lab.rgb_to_lab(np.stack(hues, axis=-1))).T[1:]


def _spans_decades(axes):
    values = np.concatenate([line.get_ydata() for line in axes.lines]).astype(float)
    values = values[np.isfinite(values)]
    return len(values) and values.min() > 0 and values.max() / values.min() > 15


def _name_ends(axes, lines):
    """A piece of each line and its name beside the line's end, moved apart where they overlap."""
    last = -1.0
    for name, line in sorted(lines.items(), key=lambda item: item[1].get_ydata()[-1:].tolist()):
        if len(line.get_ydata()):
            end = line.get_transform().transform([0, line.get_ydata()[-1]])
            at = last = max(axes.transAxes.inverted().transform(end)[1], last + 0.065)
            looks = {"color": line.get_color(), "ls": line.get_linestyle(), "ms": 4.5}
            looks |= {"marker": line.get_marker(), "markevery": [0], "clip_on": False}
            axes.plot([1.03, 1.09], [at, at], transform=axes.transAxes, **looks)
            place = {"transform": axes.transAxes, "va": "center", "fontsize": 8.5}
            axes.text(1.105, at, name_of(name), color=line.get_color(), **place)
