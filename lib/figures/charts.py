"""Charts of tables: measures, training, NoGAN's joint phase, render factor, scribbles.

A `summary` has one row a model, a column `model`, and for each measure its mean with
`<measure>_low` and `<measure>_high` (see `intervals.summarize`). Names stand beside the lines.
"""

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, NullLocator

from lib.figures.style import (
    BLUE,
    GRAY,
    GREEN,
    INK,
    LINES,
    LOOKS,
    RED,
    WIDTH,
    blank,
    group,
    in_order,
    label_powers,
    styled,
)
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
def counts(stages):
    """Horizontal bars with their numbers: dict of stage -> number, in the order given."""
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
        value = row[measure]
        low, high = (row.get(f"{measure}_{end}", value) for end in ("low", "high"))
        axes.plot([low, high], [place, place], color=color, linewidth=2.2, solid_capstyle="butt")
        (seen[words],) = axes.plot(value, place, marker, color=color, mec="white", ms=7.5)
    row, words = REFERENCES.get(measure, ("", ""))
    row = "oracle_sample" if row == "truth" and row not in table.index else row
    if row in table.index:
        axes.axvline(table.loc[row, measure], color=GREEN, linestyle="--", linewidth=1, zorder=0)
        where = {"transform": axes.get_xaxis_transform(), "fontsize": 8, "color": GREEN}
        axes.text(table.loc[row, measure], 1.0, f" {words}", **where)
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
    across = np.linspace(0, 1, 60)
    bend = 3 * across**2 - 2 * across**3  # from 0 to 1, level at both ends
    seen = {}
    for name, error in table["rmse_ab"].items():
        words, shade, marker = group(name)
        style, width = RANK_LINES.get(words, ("-", 1.5))
        ends = [left[name], right[name]]
        seen[words] = Line2D([], [], color=shade, ls=style, lw=width, marker=marker, ms=8, mec="w")
        width = THICK if name in ASKED else width
        line = {"color": shade, "linestyle": style, "linewidth": width, "zorder": width}
        axes.plot(across, ends[0] + (ends[1] - ends[0]) * bend, solid_capstyle="round", **line)
        axes.plot([0, 1], ends, marker, color=shade, ms=8, mec="white", mew=0.8, zorder=9)
        weight = "bold" if name in ASKED else "normal"
        for place, value, side, sign in [(0, error, "right", -1), (1, color[name], "left", 1)]:
            at, looks = ends[place], {"va": "center", "fontweight": weight}
            looks["ha"] = "center"
            axes.text(place + sign * 0.055, at, f"{at}", color=GRAY, fontsize=8, **looks)
            axes.text(place + sign * 0.16, at, f"{value:.1f}", fontsize=8.5, **looks)
            axes.text(place + sign * 0.235, at, name_of(name), fontsize=9, **looks | {"ha": side})
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
        words += f"\nAgreement of the two orders, Spearman’s ρ: {left.corr(right):+.2f}"
        words = words.replace("-", "−")
        words += " (+1: the same order, 0: unrelated, −1: upside down)."
    axes.text(0.5, len(table) + 0.75, words, ha="center", va="top", fontsize=8.5, linespacing=1.5)
    options = {"loc": "outside lower center", "ncols": len(seen), "handlelength": 3}
    figure.legend(seen.values(), seen.keys(), **options)
    return figure


@styled
def training_curves(histories, distance=10.0):
    """Figures 7 and 8: accuracy and loss against epochs, of all models.

    `histories` is a dict of row name -> DataFrame: epoch, loss, val_loss, accuracy, val_accuracy;
    `distance` are the CIELAB units within which a pixel counts as right.
    """
    figure = blank(WIDTH, 3.9)
    panels = figure.subplots(1, 2)
    for axes, column in zip(panels, ["accuracy", "loss"], strict=True):
        ends = {}
        for name in in_order(histories):
            table, (color, style, marker) = histories[name], LINES.get(name, (INK, ":", "X"))
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
            label_powers(axes.yaxis)
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

    `log` is a DataFrame: step, rmse_ab, colorfulness_ratio, critic_loss, generator_loss (NaN where
    there is none), chosen (bool) and, if any, cycle.
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
        (line,) = lower.plot(rows["step"], rows[column], **options)
        if len(rows):
            lines[column.replace("_", " ")] = line
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

    `table` is a DataFrame with a row a factor: render_factor (x 16 pixels on the short side of the
    copy that the network sees), seconds (a photo), rmse_ab (CIELAB units) and delta_e_2000.
    """
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
        axes.set_xlabel("render factor\n(x 16 pixels: the short side of what the network sees)")
        axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    _name_ends(left, lines)
    return figure


@styled
def scribble_curve(table, lines, pixels):
    """RMSE of ab against the share of pixels whose true colour is given.

    `table` is a DataFrame with a row a share, ascending: share, rmse_ab, rmse_ab_low, rmse_ab_high.
    `lines`, a dict of words -> RMSE, are the methods that are given none, at most 5, drawn level.
    `pixels` are those of a photo: the axis above counts the given ones.
    """
    figure = blank(7.2, 4.0)
    axes = figure.add_subplot()
    share, value = table["share"].to_numpy(), table["rmse_ab"].to_numpy()
    axes.fill_between(share, table["rmse_ab_low"], table["rmse_ab_high"], color=BLUE, alpha=0.18)
    (curve,) = axes.plot(share, value, color=BLUE, marker="o", linewidth=1.8)
    named = {f"Levin: {value[-1]:.1f}": curve}
    for (color, style, _), (words, height) in zip(LOOKS[1:], lines.items(), strict=False):
        line = axes.axhline(height, color=color, linestyle=style, linewidth=1.3)
        named[f"{words}: {height:.1f}"] = line
    axes.set_xscale("log")
    top = 1.06 * max(value.max(), table["rmse_ab_high"].max(), *lines.values())
    axes.set(ylim=(0, top), xlim=(share[0] / 1.35, share[-1] * 1.35))
    _name_ends(axes, named)
    axes.set_xticks(share, [f"{100 * one:g} %" for one in share])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlabel("share of the pixels whose true colour is given")
    axes.set_ylabel("RMSE of ab (CIELAB units)")
    above = axes.secondary_xaxis("top")
    above.set_xticks(share, [f"{max(1, round(pixels * one)):,}" for one in share])
    above.xaxis.set_minor_locator(NullLocator())
    above.set_xlabel("given pixels a photo")
    above.spines[:].set_visible(False)
    axes.grid(axis="y")
    return figure


def _table(summary, measures):
    """The rows in the order of every table, indexed by model; ValueError for a missing column."""
    table = summary if "model" in summary else summary.reset_index(names="model")
    lacking = [measure for measure in measures if measure not in table]
    if lacking or table.empty:
        raise ValueError(f"summary: expected rows with {measures}, got columns {list(table)}")
    table = table.set_index("model")
    return table.loc[in_order(table.index)].dropna(subset=measures)


def _spans_decades(axes):
    values = np.concatenate([line.get_ydata() for line in axes.lines]).astype(float)
    values = values[np.isfinite(values)]
    return len(values) and values.min() > 0 and values.max() / values.min() > 15


def _name_ends(axes, lines):
    """A piece of each line and its name beside the line's end, moved apart where they overlap."""
    axes.get_ylim()  # scales the axis, which matplotlib else leaves until it draws
    last, ends = -1.0, {name: line.get_ydata()[-1] for name, line in lines.items()}
    for name in sorted(lines, key=ends.get):
        line = lines[name]
        end = line.get_transform().transform([0, ends[name]])
        at = last = max(axes.transAxes.inverted().transform(end)[1], last + 0.065)
        (piece,) = axes.plot([1.03, 1.09], [at, at], transform=axes.transAxes)
        piece.update_from(line)  # colour, dashes, marker
        piece.set(transform=axes.transAxes, markevery=[0], clip_on=False)
        place = {"transform": axes.transAxes, "va": "center", "fontsize": 8.5}
        axes.text(1.105, at, name_of(name), color=line.get_color(), **place)
