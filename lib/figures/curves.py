"""Charts along an axis: training, NoGAN's joint phase, the render factor, the number of scribbles.

Called through `lib.figures`. What is drawn stands in a table, and names stand beside the lines.
"""

import itertools

import numpy as np
from matplotlib.ticker import MaxNLocator, NullFormatter, NullLocator

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
            axes.plot(table["epoch"], table[column], color=color, linewidth=0.9, alpha=0.5)
            looks = {"linestyle": style, "marker": marker, "markersize": 4.5, "linewidth": 1.6}
            looks |= {"color": color, "markevery": max(1, len(table) // 8)}
            (ends[name],) = axes.plot(table["epoch"], table[f"val_{column}"], **looks)
        axes.set_xlabel("epoch")
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        axes.grid(axis="y")
        drawn = np.concatenate([line.get_ydata() for line in axes.lines])
        if column == "loss" and 0 < 15 * np.nanmin(drawn) < np.nanmax(drawn):
            axes.set_yscale("log")
            axes.yaxis.set_major_formatter("{x:g}")
            axes.yaxis.set_minor_formatter(NullFormatter())
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

    `log` is a DataFrame: step, cycle, rmse_ab, colorfulness_ratio, critic_loss, generator_loss (NaN
    where there is none), chosen (bool).
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
    lines = {}
    for column, color, line in [("critic_loss", INK, "s-"), ("generator_loss", GREEN, "v--")]:
        known = log.dropna(subset=[column])
        (curve,) = lower.plot(known["step"], known[column], line, color=color, ms=4)
        lines[column.replace("_", " ")] = curve
    lower.set(xlabel="adversarial step (batches shown to the critic)", ylabel="loss")
    lower.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    _name_ends(lower, lines)
    for step in log.loc[log["chosen"].astype(bool), "step"]:
        for axes in (upper, lower):
            axes.axvline(step, color=INK, linewidth=5, alpha=0.15)
        where = {"transform": upper.get_xaxis_transform(), "ha": "center", "fontweight": "bold"}
        upper.text(step, 1.02, f"kept: step {step}", **where)
    for step in log.loc[log["cycle"].diff() > 0, "step"]:
        lower.axvline(step, color=GRAY, linewidth=0.7, linestyle=":")
    return figure


@styled
def render_factor_curve(table):
    """What the render factor costs and gives: error at the left, time at the right.

    `table` has a row a factor, rising, with means over photos: render_factor (x 16 pixels on the
    short side of what the network sees), seconds (a photo), rmse_ab (CIELAB units), delta_e_2000.
    """
    figure = blank(WIDTH, 3.5)
    left, right = figure.subplots(1, 2)
    factor, lines = table["render_factor"], {}
    looks = {"RMSE of ab": ("rmse_ab", BLUE, "o-"), "CIEDE2000": ("delta_e_2000", RED, "s--")}
    for words, (measure, color, line) in looks.items():
        (lines[words],) = left.plot(factor, table[measure], line, color=color, ms=5)
        least = table[measure].idxmin()
        left.plot(factor[least], table[measure][least], "o", mfc="none", mec=INK, ms=12)
    left.set_title("error against the true photos (ring: the least)")
    left.set_ylabel("error (CIELAB units; ΔE00)")
    right.plot(factor, table["seconds"], color=INK, marker="D", ms=4.5)
    right.set_title("time")
    right.set_ylabel("seconds a photo")
    right.set_ylim(bottom=0)
    below = f"render factor\n(x {PIXELS} pixels: the short side of what the network sees)"
    for axes in (left, right):
        axes.grid(axis="y")
        axes.margins(y=0.15)
        axes.set_xlabel(below)
        axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    _name_ends(left, lines)
    return figure


@styled
def scribble_curve(table, lines, pixels):
    """Levin's RMSE of ab against the share of pixels whose true colour is given.

    `table` has a row a share, rising: share, rmse_ab, rmse_ab_low, rmse_ab_high. `lines` is a dict
    of words -> RMSE of the methods that are given none, 5 at most; `pixels` those of a photo.
    """
    figure = blank(7.2, 4.0)
    axes = figure.add_subplot()
    share, value = table["share"].to_numpy(), table["rmse_ab"].to_numpy()
    axes.fill_between(share, table["rmse_ab_low"], table["rmse_ab_high"], color=BLUE, alpha=0.18)
    ends = {f"Levin: {value[-1]:.1f}": axes.plot(share, value, "o-", color=BLUE, linewidth=1.8)[0]}
    looks = itertools.islice(LINES.values(), 1, None)
    for (words, height), (color, style, _) in zip(lines.items(), looks, strict=False):
        line = axes.axhline(height, color=color, linestyle=style, linewidth=1.3)
        ends[f"{words}: {height:.1f}"] = line
    top = 1.06 * max(table["rmse_ab_high"].max(), *lines.values())
    axes.set(ylim=(0, top), xscale="log", xlim=(share[0] / 1.35, share[-1] * 1.35))
    _name_ends(axes, ends)
    axes.set_xlabel("share of the pixels whose true colour is given")
    axes.set_ylabel("RMSE of ab (CIELAB units)")
    above = axes.secondary_xaxis("top")
    above.set_xlabel("given pixels a photo")
    above.spines[:].set_visible(False)
    axes.set_xticks(share, [f"{100 * one:g} %" for one in share])
    above.set_xticks(share, [f"{max(1, round(pixels * one)):,}" for one in share])
    for axis in (axes.xaxis, above.xaxis):
        axis.set_minor_locator(NullLocator())
    axes.grid(axis="y")
    return figure


def _name_ends(axes, lines):
    """A piece of each line and its name beside the line's end, moved apart where they overlap."""
    axes.get_ylim()  # scales the axis, which matplotlib else leaves until it draws
    last = -1.0
    for name, line in sorted(lines.items(), key=lambda item: list(item[1].get_ydata()[-1:])):
        if len(line.get_ydata()):
            end = axes.transData.transform([1, line.get_ydata()[-1]])
            at = last = max(axes.transAxes.inverted().transform(end)[1], last + 0.065)
            looks = {"color": line.get_color(), "ls": line.get_linestyle(), "ms": 4.5}
            looks |= {"marker": line.get_marker(), "markevery": [0], "clip_on": False}
            axes.plot([1.03, 1.09], [at, at], transform=axes.transAxes, **looks)
            place = {"transform": axes.transAxes, "va": "center", "fontsize": 8.5}
            axes.text(1.105, at, name_of(name), color=line.get_color(), **place)
