"""Charts of colour: which colours there are, which are predicted, which are predicted wrongly.

Called through `lib.figures`. Colours are pairs (a, b) in CIELAB units, or the classes of
`metrics.color_classes`.

Reference: Zhang, Isola, Efros (2016), Colorful image colorization: the histogram of ab, and what a
squared error does to it.
"""

import textwrap

import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.ticker import NullFormatter

from lib import lab
from lib.figures.style import BLUE, GRAY, INK, NETWORKS, RED, blank, in_order, styled
from lib.figures.style import label as name_of

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
    seen = np.max(
        [np.maximum(table.max(axis=0), table.max(axis=1)) for table in shares.values()], 0
    )
    limit = max(65.0, abs(CENTERS[seen > RARE]).max() + 15)  # all bins that are not rare
    near = abs(CENTERS) < MIDDLE
    for axes, (name, table) in zip(panels.flat, shares.items(), strict=False):
        image = _plane(axes, table, AB_RANGE + 5, cmap="viridis_r", norm=norm)
        axes.add_patch(Rectangle((-MIDDLE, -MIDDLE), 2 * MIDDLE, 2 * MIDDLE, ec=RED, fc="none"))
        middle = _percent(table[np.ix_(near, near)].sum())
        axes.set_title(f"{textwrap.fill(name_of(name), 22)}\n{middle} in the square", fontsize=8.5)
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
    networks = [name for name in in_order(colors["model"].unique()) if name in NETWORKS]
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
        axes.set_title(name_of(name))
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
    none["label"] = f"best simple baseline ({name_of(simple).lower()})"
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
    corners = np.array(
        [[1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 1, 1], [0, 0, 1], [1, 0, 1], [1, 0, 0]]
    )
    steps = np.linspace(0, 6, 181)  # the pure hues, red to yellow to green and round to red
    hues = np.stack([np.interp(steps, range(7), channel) for channel in corners.T], axis=-1)
    axes.plot(*lab.rgb_to_lab(hues).T[1:], color=GRAY, linewidth=0.8, linestyle="--")
    shown = np.ma.masked_equal(shares.T, 0)
    return axes.imshow(shown, origin="lower", extent=[-limit, limit, -limit, limit], **looks)
