"""Charts of colour: which colours there are, which are predicted, which are predicted wrongly.

Colours are pairs (a, b) in CIELAB units, or the classes of `metrics.color_classes`.

References
----------
Zhang, Isola, Efros (2016), Colorful image colorization: the histogram of ab, and what a squared
error does to it.
"""

import textwrap

import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from lib import lab
from lib.figures.style import BLUE, GRAY, INK, NETWORKS, RED, blank, in_order, label_powers, styled
from lib.figures.style import label as name_of

SIMPLE = ("gray", "mean_ab", "l_lookup")  # baselines that need no other photo and no training

AB_RANGE = 110.0  # CIELAB units: sRGB reaches -108 in b
BINS = 23  # of an ab histogram, along a and along b
MIDDLE = 15.0  # CIELAB units: a bin is in the middle if |a| and |b| of its centre are below
RARE = 1e-5  # share of the pixels: what is rarer is drawn as if it were as common as that
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
def ab_histogram(ab, mean_ab):
    """How often each colour occurs: log density over a and b, the mean marked and shown.

    Parameters
    ----------
    ab : array (..., 2), CIELAB units
    mean_ab : pair of float
        The mean to mark. It is what a model answers that cannot decide: near the middle of all
        colours, a greyish brown.
    """
    ab = np.asarray(ab, np.float32).reshape(-1, np.shape(ab)[-1])
    if ab.shape[-1] != 2 or not len(ab):
        raise ValueError(f"ab: expected shape (..., 2), got {ab.shape}")
    mean = np.asarray(mean_ab, float).reshape(2)
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
    words = "share of pixels in a cell of 2 x 2 units"
    label_powers(figure.colorbar(image, ax=axes, label=words).ax.yaxis)
    swatch.imshow(lab.lab_to_rgb(np.array([[[50.0, *mean]]])))
    swatch.set(xticks=[], yticks=[])
    swatch.set_title("mean colour\nat L = 50", fontsize=9)
    return figure


@styled
def ab_histograms(histograms):
    """How often each row gives each colour, the truth first: squared error crowds in the middle.

    Parameters
    ----------
    histograms : dict of row name -> array (23, 23), counts from 0 up
        Of `metrics.ab_histogram`: rows a, columns b, bins of 10 CIELAB units centred on -110 to
        110. Drawn as shares of each row's pixels on one logarithmic scale.
    """
    shares = {name: histograms[name] / np.sum(histograms[name]) for name in in_order(histograms)}
    shares = {name: shares[name] for name in sorted(shares, key=lambda name: name != "truth")}
    columns = min(5, len(shares))
    rows = -(-len(shares) // columns)
    figure = blank(max(5.4, 1.1 + 1.58 * columns), 0.75 + 1.86 * rows)
    panels = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    norm = LogNorm(vmin=RARE, vmax=max(table.max() for table in shares.values()))
    limit = _reach(shares.values())
    for axes, (name, table) in zip(panels.flat, shares.items(), strict=False):
        shown = np.ma.masked_equal(table.T, 0)
        ends = [-AB_RANGE - 5, AB_RANGE + 5] * 2
        image = axes.imshow(shown, origin="lower", extent=ends, cmap="viridis_r", norm=norm)
        axes.plot(*_gamut(), color=GRAY, linewidth=0.7, linestyle="--")
        axes.add_patch(Rectangle((-MIDDLE, -MIDDLE), 2 * MIDDLE, 2 * MIDDLE, ec=RED, fc="none"))
        words = f"{textwrap.fill(name_of(name), 22)}\n{_percent(_middle(table))} in the square"
        axes.set_title(words, fontsize=8.5)
        axes.set(xlim=(-limit, limit), ylim=(-limit, limit), xticks=[-50, 0, 50])
        axes.set_yticks([-50, 0, 50])
    for axes in panels.flat[len(shares) :]:
        axes.set_axis_off()
    for column in range(columns):  # the lowest panel of a column has the numbers
        lowest = panels[(len(shares) - 1 - column) // columns, column]
        lowest.tick_params(labelbottom=True)
    figure.supxlabel("a (green to red, CIELAB units)", fontsize=9)
    figure.supylabel("b (blue to yellow, CIELAB units)", fontsize=9)
    words = f"share of a row’s pixels in a bin of 10 x 10 units (square: |a|, |b| < {MIDDLE:g})"
    bar = {"location": "top", "shrink": 0.6, "aspect": 50, "extend": "min", "label": words}
    label_powers(figure.colorbar(image, ax=panels, **bar).ax.xaxis)
    return figure


def _reach(tables):
    """CIELAB units, half a side of the panels: all bins that are not rare, with a margin."""
    seen = np.max([np.maximum(table.max(axis=0), table.max(axis=1)) for table in tables], axis=0)
    return max(65.0, abs(np.linspace(-AB_RANGE, AB_RANGE, BINS)[seen > RARE]).max() + 15)


def _middle(shares):
    """Share of the pixels in the bins of which a and b are both near 0."""
    near = abs(np.linspace(-AB_RANGE, AB_RANGE, BINS)) < MIDDLE
    return shares[np.ix_(near, near)].sum()


def _percent(share):
    if 0 < share < 0.01:
        return "< 1 %"
    return "> 99 %" if 0.99 < share < 1 else f"{100 * share:.0f} %"


@styled
def error_by_color(colors):
    """Which colours each network gets wrong, against the best simple baseline.

    Parameters
    ----------
    colors : DataFrame
        One row a colour class of the true pixels and a model: color (a key of `HUES`), model,
        pixels (share of the test pixels, 0 to 1), rmse_ab, rmse_ab_low, rmse_ab_high (CIELAB
        units), chroma_ratio (mean predicted over mean true chroma). NaN where a class is empty.
        ValueError if no row is a network.
    """
    table = colors.set_index(["model", "color"])
    given = in_order(colors["model"].unique())
    networks = [name for name in given if name in NETWORKS]
    if not networks:
        raise ValueError(f"colors: expected at least one network, got {given}")
    hues = [hue for hue in HUES if hue in set(colors["color"])]
    simple = best_simple(colors)
    columns = min(3, len(networks))
    rows = -(-len(networks) // columns)
    figure = blank(1.9 + 2.4 * columns, 0.85 + rows * (0.5 + 0.245 * len(hues)))
    panels = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    places = dict(zip(hues, range(len(hues)), strict=True))
    for axes, name in zip(panels.flat, networks, strict=False):
        for hue, place in places.items():
            row = table.loc[(name, hue)]
            axes.axhline(place, color="#E2E2E2", linewidth=0.7, zorder=0)
            if simple:
                _gain(axes, place, row["rmse_ab"], table.loc[(simple, hue), "rmse_ab"])
            looks = {"color": BLUE, "linewidth": 4.5, "alpha": 0.35, "solid_capstyle": "butt"}
            axes.plot([row["rmse_ab_low"], row["rmse_ab_high"]], [place, place], **looks)
            axes.plot(row["rmse_ab"], place, "o", color=BLUE, ms=5.5)
            kept = f"{100 * row['chroma_ratio']:.0f} %" if hue != "grey" else ""
            kept = "" if np.isnan(row["chroma_ratio"]) else kept
            beside = {"transform": axes.get_yaxis_transform(), "va": "center", "ha": "right"}
            axes.text(1.14, place, kept, fontsize=7.5, color=INK, **beside)
        axes.set_title(name_of(name))
        axes.text(1.14, 1.02, "chroma", transform=axes.transAxes, ha="right", fontsize=7.5)
    for axes in panels.flat[len(networks) :]:
        axes.set_axis_off()
    share = colors.groupby("color")["pixels"].first()
    words = [f"{hue}  {_percent(share[hue]):>5}" for hue in hues]
    panels[0, 0].set_yticks(range(len(hues)), words)
    panels[0, 0].set_ylim(len(hues) - 0.5, -0.5)
    panels[0, 0].set_xlim(left=0)
    for axes in panels[:, 0]:
        axes.tick_params(axis="y", length=0, pad=14)
        for hue, place in places.items():
            spot = {"transform": axes.get_yaxis_transform(), "clip_on": False, "marker": "s"}
            axes.plot(-0.045, place, color=HUES[hue], markeredgecolor=INK, mew=0.5, ms=7, **spot)
    for column in range(columns):
        lowest = panels[(len(networks) - 1 - column) // columns, column]
        lowest.tick_params(labelbottom=True)
        lowest.set_xlabel("RMSE of ab (CIELAB units)")
    figure.supylabel("true colour, its share of the test pixels", fontsize=9)
    figure.get_layout_engine().set(w_pad=0.08, wspace=0.03)
    _explain(figure, simple)
    return figure


def best_simple(colors):
    """The baseline that knows only lightness and has the least error over all pixels, or None."""
    rows = colors[colors["model"].isin(SIMPLE)].dropna(subset=["rmse_ab"])
    squares = (rows["pixels"] * rows["rmse_ab"] ** 2).groupby(rows["model"]).sum()
    return None if squares.empty else squares.idxmin()


def _gain(axes, place, error, baseline):
    """A bar at the baseline, and a line from it to the network's error."""
    style = "-" if error < baseline else (0, (1, 1))
    axes.plot([baseline, error], [place, place], color=GRAY, linewidth=1.2, linestyle=style)
    axes.plot(baseline, place, "|", color=INK, ms=10, mew=2)


def _explain(figure, simple):
    """A key above the panels."""
    marks = {"the network, with its 95 % interval": {"marker": "o", "color": BLUE, "ms": 5.5}}
    if simple:
        words = f"best simple baseline ({name_of(simple).lower()})"
        marks |= {words: {"marker": "|", "color": INK, "ms": 10, "mew": 2}}
        marks |= {"gain": {"color": GRAY}, "loss": {"color": GRAY, "linestyle": (0, (1, 1))}}
    handles = [
        Line2D([], [], label=words, **{"linestyle": "none"} | look if "marker" in look else look)
        for words, look in marks.items()
    ]
    options = {"loc": "outside upper left", "ncols": 4, "columnspacing": 1.4, "borderpad": 0.1}
    title = "chroma: mean predicted chroma as a share of the true; below 100 % is too grey"
    figure.legend(handles=handles, title=title, title_fontsize=8.5, alignment="left", **options)


def _gamut():
    """Outline of sRGB in the ab plane: the pure hues, red to yellow to green and round to red."""
    corners = np.array([[1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 1, 1], [0, 0, 1], [1, 0, 1]])
    steps = np.linspace(0, 6, 181)
    hues = [np.interp(steps, range(7), [*channel, channel[0]]) for channel in corners.T]
    return lab.rgb_to_lab(np.stack(hues, axis=-1)).T[1:]
