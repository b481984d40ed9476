"""Charts along an axis of time or size: training, NoGAN's joint phase, the render factor.

Called through `lib.figures`. What is drawn stands in a table, and names stand beside the lines.
"""

import itertools

import numpy as np
from matplotlib.ticker import MaxNLocator

from lib.figures.style import BLUE, GRAY, GREEN, INK, LINES, RED, WIDTH, blank, in_order, styled
from lib.figures.style import label as name_of

PIXELS = 16  # of a photo's short side for one of the render factor (see `colorize`)


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


@styled
def render_factor_curve(table):
    """What the render factor costs and gives: error at the left, time at the right.

    Parameters
    ----------
    table : DataFrame
        One row a factor: render_factor (x 16 pixels on the short side of the copy that the network
        sees), seconds (a photo), rmse_ab (CIELAB units) and delta_e_2000, means over photos.

    Raises
    ------
    ValueError
        For a missing column, or no row.
    """
    needed = ["render_factor", "seconds", "rmse_ab", "delta_e_2000"]
    if not len(table) or not set(needed) <= set(table):
        raise ValueError(f"table: expected rows with {needed}, got columns {list(table)}")
    table = table.sort_values("render_factor")
    figure = blank(WIDTH, 3.5)
    left, right = figure.subplots(1, 2)
    looks = {
        "rmse_ab": ("RMSE of ab", BLUE, "o", "-"),
        "delta_e_2000": ("CIEDE2000", RED, "s", "--"),
    }
    lines = {}
    for measure, (words, color, marker, style) in looks.items():
        line = {"color": color, "marker": marker, "ls": style, "ms": 5}
        (lines[words],) = left.plot(table["render_factor"], table[measure], **line)
        least = table.loc[table[measure].idxmin()]
        ring = {"mfc": "none", "mec": INK, "ms": 12}
        left.plot(least["render_factor"], least[measure], "o", **ring)
    left.set_title("error against the true photos (ring: the least)")
    left.set_ylabel("error (CIELAB units; ΔE00)")
    right.plot(table["render_factor"], table["seconds"], color=INK, marker="D", ms=4.5)
    right.set_title("time")
    right.set_ylabel("seconds a photo")
    right.set_ylim(bottom=0)
    for axes in (left, right):
        axes.grid(axis="y")
        axes.margins(y=0.15)
        axes.set_xlabel(
            f"render factor\n(x {PIXELS} pixels: the short side of what the network sees)"
        )
        axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    _name_ends(left, lines)
    return figure


def _spans_decades(axes):
    values = np.concatenate([line.get_ydata() for line in axes.lines]).astype(float)
    values = values[np.isfinite(values)]
    return len(values) and values.min() > 0 and values.max() / values.min() > 15


def _name_ends(axes, lines):
    """A piece of each line and its name beside the line's end, moved apart where they overlap."""
    axes.get_ylim()  # scales the axis, which matplotlib else leaves until it draws
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
