"""Charts: numbers in, a figure out.

Called through `lib.figures`. A `summary` has one row a model, a column `model`, and for each
measure its mean with `<measure>_low` and `<measure>_high` (see `intervals.summarize`). Colours are
pairs (a, b) in CIELAB units, or the classes of `metrics.color_classes`.

Reference: Zhang, Isola, Efros (2016), Colorful image colorization: the histogram of ab, and what a
squared error does to it.
"""

import itertools
import textwrap

import numpy as np
from matplotlib.colors import LogNorm, hsv_to_rgb
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator, NullFormatter

from lib import lab
from lib.figures.style import (
    BLUE,
    GRAY,
    GREEN,
    INK,
    LINES,
    RED,
    WIDTH,
    blank,
    group,
    in_order,
    label,
    styled,
)

PIXELS = 16  # of a photo's short side for one of the render factor (see `colorize`)
ASKED, THICK = ("cnn", "gan"), 3.6  # the paper's question, and the width of its lines
AB_RANGE = 110.0  # CIELAB units: sRGB reaches -108 in b
CENTERS = np.linspace(-AB_RANGE, AB_RANGE, 23)  # of the bins of an ab histogram, along a and b
MIDDLE = 15.0  # CIELAB units: a bin is in the middle if |a| and |b| of its centre are below
SIMPLE = ("gray", "mean_ab", "l_lookup")  # baselines that need no other photo and no training
RARE = 1e-5  # share of the pixels: what is rarer is drawn as if it were as common as that
LOSS = (0, (1, 1))  # line style where a network is worse than the baseline
HUES = {  # colour class, in the order of every chart: a patch of it
    "grey": "#9A9A9A",
    "red": "#D9534A",
    "orange": "#E58A3C",
    "yellow": "#E3C734",
    "green": "#5AA545",
    "cyan": "#3FB5B0",
    "blue": "#4A7FD0",
    "purple": "#A05FB8",
}


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
def error_bars(summary):
    """Mean RMSE of ab with its 95 % interval, a row a model, baselines first."""
    table = summary.set_index("model")
    table = table.loc[in_order(table.index.drop("truth"))]
    figure = blank(7.6, 0.95 + 0.29 * len(table))
    axes = figure.add_subplot()
    seen = {}
    for place, (name, row) in enumerate(table.iterrows()):
        words, color, marker, *_ = group(name)
        ends = [row["rmse_ab_low"], row["rmse_ab_high"]]
        axes.plot(ends, [place, place], color=color, linewidth=2.2, solid_capstyle="butt")
        point = {"color": color, "markeredgecolor": "white", "ms": 7.5}
        (seen[words],) = axes.plot(row["rmse_ab"], place, marker, **point)
    if "oracle_mean" in table.index:
        value = table.loc["oracle_mean", "rmse_ab"]
        axes.axvline(value, color=GREEN, linestyle="--", linewidth=1, zorder=0)
        above = axes.get_xaxis_transform()
        axes.text(value, 1.0, " best possible", transform=above, fontsize=8, color=GREEN)
    axes.set_yticks(range(len(table)), [label(name) for name in table.index])
    axes.set_ylim(len(table) - 0.4, -0.6)
    axes.set_xlabel("RMSE of ab (CIELAB units), lower is better")
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
    table = summary.set_index("model")
    truth = table["colorfulness"]["truth"]
    table = table.loc[in_order(table.index.drop("truth"))]
    left = table["rmse_ab"].rank(method="first").astype(int)
    right = (table["colorfulness"] - truth).abs().rank(method="first").astype(int)
    figure = blank(WIDTH, 1.75 + 0.34 * len(table))
    axes = figure.add_subplot()
    seen, x = {}, np.linspace(0, 1, 60)
    for name, row in table.iterrows():
        words, shade, marker, style, width = group(name)
        ends = [left[name], right[name]]
        seen[words] = Line2D([], [], color=shade, ls=style, lw=width, marker=marker, ms=8, mec="w")
        width = THICK if name in ASKED else width
        line = {"color": shade, "linestyle": style, "linewidth": width, "zorder": width}
        curve = ends[0] + (ends[1] - ends[0]) * (3 * x**2 - 2 * x**3)  # level at both ends
        axes.plot(x, curve, solid_capstyle="round", **line)
        axes.plot([0, 1], ends, marker, color=shade, ms=8, mec="white", mew=0.8, zorder=9)
        looks = {"va": "center", "fontweight": "bold" if name in ASKED else "normal"}
        for side, measure in enumerate(["rmse_ab", "colorfulness"]):
            at, sign = ends[side], 2 * side - 1
            beside = side + sign * np.array([0.055, 0.16, 0.235])
            axes.text(beside[0], at, f"{at}", ha="center", color=GRAY, fontsize=8, **looks)
            axes.text(beside[1], at, f"{row[measure]:.1f}", ha="center", fontsize=8.5, **looks)
            axes.text(beside[2], at, label(name), ha=["right", "left"][side], fontsize=9, **looks)
    axes.set(xlim=(-0.95, 1.95), ylim=(len(table) + 1.5, -1.25))
    axes.set_axis_off()
    for at, side, head, words in [
        (-0.12, "right", "by error: RMSE of ab", "least first (CIELAB units)"),
        (1.12, "left", "by colour: colorfulness", f"nearest to the true photos’ {truth:.1f} first"),
    ]:
        axes.text(at, -0.45, head, ha=side, va="bottom", fontweight="bold", fontsize=10.5)
        axes.text(at, 0.2, words, ha=side, va="bottom", fontsize=9, color=GRAY)
    agreement = f"{left.corr(right):+.2f}".replace("-", "−")
    words = (
        "A line that rises: more true to life in its amount of colour than its error says. One "
        "that falls: less.\nAgreement of the two orders, Spearman’s ρ: "
        f"{agreement} (+1: the same order, 0: unrelated, −1: upside down)."
    )
    axes.text(0.5, len(table) + 0.75, words, ha="center", va="top", fontsize=8.5, linespacing=1.5)
    options = {"loc": "outside lower center", "ncols": len(seen), "handlelength": 3}
    figure.legend(seen.values(), seen.keys(), **options)
    return figure


@styled
def training_curves(histories, distance=10.0):
    """Figures 7 and 8: accuracy and loss against epochs, of all models.

    `histories` is a dict of row name -> DataFrame with columns epoch, loss, val_loss, accuracy,
    val_accuracy; `distance` those CIELAB units within which a pixel counts as right.
    """
    figure = blank(WIDTH, 3.9)
    panels = figure.subplots(1, 2)
    for axes, column in zip(panels, ["accuracy", "loss"], strict=True):
        ends = {}
        for name in in_order(histories):
            table, (color, style, marker) = histories[name], LINES[name]
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
        lines |= {column.replace("_", " "): curve} if len(known) else {}
    lower.set(xlabel="adversarial step (batches shown to the critic)", ylabel="loss")
    lower.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    _name_ends(lower, lines)
    for step in log.loc[log["chosen"], "step"]:
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
    axes.minorticks_off()
    above.minorticks_off()
    axes.grid(axis="y")
    return figure


def _name_ends(axes, lines):
    """A piece of each line and its name beside the line's end, moved apart where they overlap."""
    axes.get_ylim()  # scales the axis, which matplotlib else leaves until it draws
    last = -1.0
    for name, line in sorted(lines.items(), key=lambda item: item[1].get_ydata()[-1]):
        end = axes.transData.transform([1, line.get_ydata()[-1]])
        at = last = max(axes.transAxes.inverted().transform(end)[1], last + 0.065)
        looks = {"color": line.get_color(), "ls": line.get_linestyle(), "ms": 4.5}
        looks |= {"marker": line.get_marker(), "markevery": [0], "clip_on": False}
        axes.plot([1.03, 1.09], [at, at], transform=axes.transAxes, **looks)
        place = {"transform": axes.transAxes, "va": "center", "fontsize": 8.5}
        axes.text(1.105, at, label(name), color=line.get_color(), **place)


@styled
def ab_histogram(ab, mean_ab):
    """How often each colour occurs: log density over a and b, the mean marked and shown.

    `ab` is an array (..., 2) in CIELAB units. `mean_ab` is what a model answers that cannot decide:
    near the middle of all colours, a greyish brown.
    """
    ab, (mean_a, mean_b) = np.reshape(ab, (-1, 2)), mean_ab
    figure = blank(7.2, 4.6)
    axes, swatch = figure.subplots(1, 2, gridspec_kw={"width_ratios": [5, 1]})
    bins = np.linspace(-AB_RANGE, AB_RANGE, 111)
    density = np.histogram2d(*ab.T, bins=[bins, bins])[0] / len(ab)
    image = _plane(axes, density, AB_RANGE, cmap="viridis", norm=LogNorm())
    axes.text(-104, 96, "- - limit of sRGB", fontsize=8, color=GRAY)
    axes.plot(mean_a, mean_b, marker="X", markersize=11, color=RED, markeredgecolor="white")
    where = {"xytext": (-104, -104), "arrowprops": {"arrowstyle": "-", "color": INK}}
    axes.annotate(f"mean: a = {mean_a:.1f}, b = {mean_b:.1f}", (mean_a, mean_b), **where)
    axes.set(xlabel="a (green to red, CIELAB units)", ylabel="b (blue to yellow, CIELAB units)")
    bar = figure.colorbar(image, ax=axes, format="{x:g}")
    bar.minorformatter = NullFormatter()
    bar.set_label("share of pixels in a cell of 2 x 2 units")
    swatch.imshow(lab.lab_to_rgb([[[50.0, mean_a, mean_b]]]))
    swatch.set(xticks=[], yticks=[])
    swatch.set_title("mean colour\nat L = 50", fontsize=9)
    return figure


@styled
def ab_histograms(histograms):
    """How often each row gives each colour, the truth first: squared error crowds in the middle.

    `histograms` is a dict of row name -> counts (23, 23) of `metrics.ab_histogram`: rows a, columns
    b, bins of 10 CIELAB units. Drawn as shares of each row's pixels on one logarithmic scale.
    """
    first = sorted(in_order(histograms), key=lambda name: name != "truth")
    shares = {name: histograms[name] / np.sum(histograms[name]) for name in first}
    figure, panels = _panels(len(shares), 5, (1.1, 1.58), (0.75, 1.86))
    norm = LogNorm(vmin=RARE, vmax=max(table.max() for table in shares.values()))
    most = np.max(list(shares.values()), axis=0)
    most = np.maximum(most.max(axis=0), most.max(axis=1))
    limit = max(65.0, abs(CENTERS[most > RARE]).max() + 15)  # all bins that are not rare
    near = abs(CENTERS) < MIDDLE
    for axes, (name, table) in zip(panels.flat, shares.items(), strict=False):
        image = _plane(axes, table, AB_RANGE + 5, cmap="viridis_r", norm=norm)
        axes.add_patch(Rectangle((-MIDDLE, -MIDDLE), 2 * MIDDLE, 2 * MIDDLE, ec=RED, fc="none"))
        middle = _percent(table[np.ix_(near, near)].sum())
        axes.set_title(f"{textwrap.fill(label(name), 22)}\n{middle} in the square", fontsize=8.5)
        ticks = {"xticks": [-50, 0, 50], "yticks": [-50, 0, 50]}
        axes.set(xlim=(-limit, limit), ylim=(-limit, limit), **ticks)
    figure.supxlabel("a (green to red, CIELAB units)", fontsize=9)
    figure.supylabel("b (blue to yellow, CIELAB units)", fontsize=9)
    words = f"share of a row’s pixels in a bin of 10 x 10 units (square: |a|, |b| < {MIDDLE:g})"
    looks = {"location": "top", "shrink": 0.6, "aspect": 50, "extend": "min", "format": "{x:g}"}
    figure.colorbar(image, ax=panels, label=words, **looks).minorformatter = NullFormatter()
    return figure


def _percent(share):
    words = f"{100 * share:.0f} %"
    return {"0 %": "< 1 %", "100 %": "> 99 %"}.get(words, words) if 0 < share < 1 else words


@styled
def error_by_color(colors):
    """Which colours each network gets wrong, against the best simple baseline.

    `colors` is that of `evaluate.error_by_color`: a row a colour class and model, with pixels,
    rmse_ab and its interval, and chroma_ratio.
    """
    table = colors.set_index(["model", "color"])
    networks = [name for name in in_order(colors["model"].unique()) if name in LINES]
    hues = [hue for hue in HUES if hue in set(colors["color"])]
    rows = colors[colors["model"].isin(SIMPLE)]
    squares = (rows["pixels"] * rows["rmse_ab"] ** 2).groupby(rows["model"]).sum()
    simple = squares.idxmin()  # the least error over all pixels
    figure, panels = _panels(len(networks), 3, (1.9, 2.4), (0.85, 0.5 + 0.245 * len(hues)))
    for axes, name in zip(panels.flat, networks, strict=False):
        beside = {"ha": "right", "fontsize": 7.5}
        for place, hue in enumerate(hues):
            row = table.loc[(name, hue)]
            axes.axhline(place, color="#E2E2E2", linewidth=0.7, zorder=0)
            baseline = table.loc[(simple, hue), "rmse_ab"]
            style = "-" if row["rmse_ab"] < baseline else LOSS
            line = {"color": GRAY, "linewidth": 1.2, "linestyle": style}
            axes.plot([baseline, row["rmse_ab"]], [place, place], **line)
            axes.plot(baseline, place, "|", color=INK, ms=10, mew=2)
            looks = {"color": BLUE, "linewidth": 4.5, "alpha": 0.35, "solid_capstyle": "butt"}
            axes.plot([row["rmse_ab_low"], row["rmse_ab_high"]], [place, place], **looks)
            axes.plot(row["rmse_ab"], place, "o", color=BLUE, ms=5.5)
            if hue != "grey":
                kept, across = f"{100 * row['chroma_ratio']:.0f} %", axes.get_yaxis_transform()
                axes.text(1.14, place, kept, transform=across, va="center", **beside)
        axes.set_title(label(name))
        axes.text(1.14, 1.02, "chroma", transform=axes.transAxes, **beside)
    share = colors.groupby("color")["pixels"].first()
    words = [f"{hue}  {_percent(share[hue]):>5}" for hue in hues]
    panels[0, 0].set_yticks(range(len(hues)), words)
    panels[0, 0].set(ylim=(len(hues) - 0.5, -0.5), xlim=(0, None))
    for axes in panels[:, 0]:
        axes.tick_params(axis="y", length=0, pad=14)
        spot = {"transform": axes.get_yaxis_transform(), "clip_on": False, "marker": "s", "ms": 7}
        for place, hue in enumerate(hues):
            axes.plot(-0.045, place, color=HUES[hue], markeredgecolor=INK, mew=0.5, **spot)
    figure.supxlabel("RMSE of ab (CIELAB units)", fontsize=9)
    figure.supylabel("true colour, its share of the test pixels", fontsize=9)
    figure.get_layout_engine().set(w_pad=0.08, wspace=0.03)
    none = {"linestyle": "none", "label": "the network, with its 95 % interval"}
    handles = [Line2D([], [], marker="o", color=BLUE, ms=5.5, **none)]
    none["label"] = f"best simple baseline ({label(simple).lower()})"
    handles += [Line2D([], [], marker="|", color=INK, ms=10, mew=2, **none)]
    handles += [Line2D([], [], color=GRAY, label="gain")]
    handles += [Line2D([], [], color=GRAY, linestyle=LOSS, label="loss")]
    options = {"loc": "outside upper left", "ncols": 4, "columnspacing": 1.4, "borderpad": 0.1}
    title = "chroma: mean predicted chroma as a share of the true; below 100 % is too grey"
    figure.legend(handles=handles, title=title, title_fontsize=8.5, alignment="left", **options)
    return figure


def _panels(count, most, width, height):
    """A figure and its panels, `most` in a row; `width` and `height`: inches around, and each."""
    columns = min(most, count)
    rows = -(-count // columns)
    figure = blank(max(5.4, width[0] + width[1] * columns), height[0] + height[1] * rows)
    panels = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    for axes in panels.flat[count:]:
        axes.set_axis_off()
    for column in range(columns):  # the lowest panel of a column has the numbers
        panels[(count - 1 - column) // columns, column].tick_params(labelbottom=True)
    return figure, panels


def _plane(axes, shares, limit, **looks):
    """Shares of colours (a, b) as an image, with the outline of what sRGB can show."""
    hues = hsv_to_rgb([(hue, 1, 1) for hue in np.linspace(0, 1, 181)])
    axes.plot(*lab.rgb_to_lab(hues).T[1:], color=GRAY, linewidth=0.8, linestyle="--")
    shown = np.ma.masked_equal(shares.T, 0)
    return axes.imshow(shown, origin="lower", extent=[-limit, limit, -limit, limit], **looks)
