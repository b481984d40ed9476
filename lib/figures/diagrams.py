"""Diagrams drawn by code: a model as a chain of boxes, and the way of a photo through the study.

Called through `lib.figures`. Axes are in inches, and a figure is as large as what stands on it.
`lib.blocks` reads the boxes of a model.
"""

import math

from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Rectangle

from lib.figures.style import BLUE, INK, RED, blank, styled

# kind: (label, fill, hatch): tints of Okabe and Ito's colours, told apart in grey as well
KINDS = {
    "convolution": ("convolutions", "#A9D8F3", ""),
    "dense": ("dense, global features", "#F3C566", "///"),
    "fusion": ("fusion", "#F7F0A0", "xx"),
    "pretrained": ("pretrained network", "#E3B4CE", "\\\\\\"),
    "attention": ("self-attention", "#EB9E66", ".."),
    "upsampling": ("upsampling and convolutions", "#8FCDB8", "--"),
    "output": ("output", "#D0D0D0", ""),
    "other": ("preparation", "#FFFFFF", ""),
}
PAGE = 10.6  # inches that a line of boxes may take
GAP = 0.26  # inches between boxes, for the arrow
LEVEL = 0.12  # inches between arcs


@styled
def model_diagram(blocks, title="", input_label="", output_label="", skips=None):
    """Figures 4 and 5: a model as a chain of boxes, left to right, on as many lines as it takes.

    A box is high as log2 of the side in pixels and wide as log2 of the channels. An arc joins two
    blocks that do not follow each other; across lines, a letter stands at both of its ends.

    Parameters
    ----------
    blocks : list of dict
        `name`, `kind` (a key of `KINDS`), `shape` and perhaps `inputs`: as from `blocks_of`.
        Without `inputs`, each block takes the one before it.
    title, input_label, output_label : str
    skips : list of (from, to), optional
        Names of blocks joined by an arc. None reads them from `inputs`.
    """
    if not blocks or not all({"name", "kind", "shape"} <= set(block) for block in blocks):
        raise ValueError("blocks: expected at least one dict with name, kind and shape")
    chain = list(zip([None, *blocks], blocks, strict=False))
    if not {block["kind"] for block in blocks} <= set(KINDS):
        raise ValueError(f"blocks: expected kinds of {list(KINDS)}, got another")
    if skips is None:
        skips = [
            (source, block["name"])
            for last, block in chain
            for source in block.get("inputs", [])
            if last and source != last["name"]
        ]
    known = {block["name"] for block in blocks}
    if not {name for skip in skips for name in skip} <= known:
        raise ValueError(f"skips: expected pairs of {sorted(known)}, got {skips}")
    words = [{"name": word, "kind": "word", "shape": (1,)} for word in (input_label, output_label)]
    cells = [cell for cell in [words[0], *blocks, words[1]] if cell["name"]]
    lines = _wrap(cells)
    levels = _levels(lines, skips)
    tall = max(_box(cell)[1] for cell in cells)
    above = 0.2 + LEVEL * max(levels.values(), default=-1)
    pitch = above + tall + 0.62
    top = 0.42 if title else 0.12
    kinds = [kind for kind in KINDS if kind in {block["kind"] for block in blocks}]
    long = max(sum(map(_cell_width, line)) for line in lines)
    width = 0.5 + max(long, sum(map(_legend_width, kinds)))
    height = top + pitch * len(lines) + 0.3
    axes = _canvas(width, height)
    axes.text(0.2, height - 0.12, title, fontsize=11, fontweight="bold", va="top")
    places = {}
    for row, line in enumerate(lines):
        left, roof = 0.25, height - top - pitch * row - above
        for cell in line:
            wide = _cell_width(cell)
            places[cell["name"]] = (left + wide / 2, roof - tall / 2, *_box(cell), row)
            _draw_cell(axes, cell, places[cell["name"]], roof - tall)
            left += wide
    for cell, following in zip(cells, cells[1:], strict=False):
        if "word" in (cell["kind"], following["kind"]) or cell["name"] in following.get(
            "inputs", [cell["name"]]
        ):
            _follow(axes, places[cell["name"]], places[following["name"]])
    _draw_skips(axes, levels, places, tall)
    _legend(axes, kinds)
    return axes.figure


@styled
def flow_diagram():
    """Figure 3: the way of a photo (a) in training and (b) in testing."""
    axes = _canvas(10.0, 5.0)
    for y, words in [(4.85, "(a) Training"), (2.35, "(b) Testing")]:
        axes.text(0.1, y, words, fontsize=11, fontweight="bold", va="top")
    axes.plot([0.1, 9.9], [2.5, 2.5], color="#CCCCCC", linewidth=0.8)
    kinds = ("other", "output", "fusion", "dense", "convolution", "attention")
    white, gray, yellow, amber, blue, red = (KINDS[kind][1] for kind in kinds)
    train = {
        "photo": _note(axes, 0.85, 3.6, "colour photo\n(RGB)", white),
        "split": _note(axes, 2.65, 3.6, "CIELAB,\nscaled", yellow),
        "gray": _note(axes, 4.5, 4.15, "L: the grey photo", gray),
        "truth": _note(axes, 4.5, 3.05, "ab: the true colour", amber),
        "model": _note(axes, 6.5, 4.15, "model", blue),
        "guess": _note(axes, 8.5, 4.15, "predicted ab", amber),
        "loss": _note(axes, 8.5, 3.05, "loss: how far\nfrom the truth", red),
    }
    arrows = {"photo": "split", "gray": "model", "model": "guess", "guess": "loss", "truth": "loss"}
    for start, end in [*arrows.items(), ("split", "gray"), ("split", "truth")]:
        _join(axes, train[start], train[end])
    _join(axes, train["loss"], train["model"], color=RED, style="--")
    axes.text(6.75, 3.42, "Adam changes\nthe weights", fontsize=8, color=RED, ha="right")
    chain = [
        _note(axes, 0.85, 1.35, "grey photo\n(L)", gray),
        _note(axes, 2.75, 1.35, "trained model", blue),
        _note(axes, 4.55, 1.35, "predicted ab", amber),
        _note(axes, 6.45, 1.35, "L + ab to RGB,\nclipped to sRGB", yellow),
        _note(axes, 8.6, 1.35, "coloured photo", white),
        _note(axes, 8.6, 0.4, "measures", red),
    ]
    for start, end in zip(chain, chain[1:], strict=False):
        _join(axes, start, end)
    _join(axes, _note(axes, 6.45, 0.4, "true photo", white), chain[-1])
    start, end = [(note[0], note[1] + note[3] / 2) for note in (chain[0], chain[3])]
    _arrow(axes, start, end, bend="arc3,rad=-0.12")
    axes.text(3.65, 2.06, "the original L is kept", fontsize=8, ha="center", va="bottom")
    return axes.figure


def _box(cell):
    """Width and height of a box in inches; of the words at the ends of the chain."""
    if cell["kind"] == "word":
        return 0.075 * max(map(len, cell["name"].split())), 0.3
    *sides, channels = cell["shape"]
    side = max([side or 1 for side in sides], default=1)
    return 0.1 + 0.055 * math.log2((channels or 1) + 1), 0.22 + 0.15 * math.log2(side)


def _cell_width(cell):
    shape = "" if cell["kind"] == "word" else _sides(cell)
    name = "" if cell["kind"] == "word" else cell["name"]
    return max(_box(cell)[0], 0.085 * len(name), 0.072 * len(shape)) + GAP


def _sides(cell):
    return "×".join(str(side) for side in cell["shape"])


def _wrap(cells):
    """Cells on lines of about equal length, none longer than `PAGE`."""
    total = sum(map(_cell_width, cells))
    target = total / math.ceil(total / PAGE) + 0.5 * (total > PAGE)
    lines, used = [[]], 0.0
    for cell in cells:
        if lines[-1] and used + _cell_width(cell) > min(target, PAGE) + 0.01:
            lines.append([])
            used = 0.0
        lines[-1].append(cell)
        used += _cell_width(cell)
    return lines


def _levels(lines, skips):
    """Which level above the boxes each arc takes, so that no two run on top of each other."""
    order = [(row, cell["name"]) for row, line in enumerate(lines) for cell in line]
    position = {name: index for index, (_, name) in enumerate(order)}
    row = {name: row for row, name in order}
    levels, taken = {}, []
    for start, end in sorted(skips, key=lambda skip: position[skip[1]] - position[skip[0]]):
        low, high, level = position[start], position[end], 0
        if row[start] == row[end]:
            while any(level == t and low < h and high > g for t, g, h in taken):
                level += 1
            taken.append((level, low, high))
        levels[start, end] = level
    return levels


def _canvas(width, height):
    """Axes that fill a new figure, one unit an inch."""
    figure = blank(width, height)
    figure.set_layout_engine("none")
    axes = figure.add_axes([0, 0, 1, 1])
    axes.set(xlim=(0, width), ylim=(0, height))
    axes.set_axis_off()
    return axes


def _draw_cell(axes, cell, place, floor):
    x, y, width, height, _ = place
    if cell["kind"] == "word":
        word = cell["name"].replace(" ", "\n")
        axes.text(x, y, word, ha="center", va="center", fontsize=8.5, fontstyle="italic")
        return
    _, fill, hatch = KINDS[cell["kind"]]
    corner = (x - width / 2, y - height / 2)
    axes.add_patch(Rectangle(corner, width, height, facecolor=fill, edgecolor=INK, hatch=hatch))
    axes.text(x, floor - 0.05, cell["name"], ha="center", va="top", fontsize=8.5)
    axes.text(x, floor - 0.22, _sides(cell), ha="center", va="top", fontsize=7.5, color="#444444")


def _arrow(axes, start, end, color=INK, style="-", bend="arc3"):
    options = {"connectionstyle": bend, "arrowstyle": "-|>", "mutation_scale": 8}
    axes.add_patch(
        FancyArrowPatch(
            start, end, linestyle=style, color=color, shrinkA=1, shrinkB=1, linewidth=0.9, **options
        )
    )


def _follow(axes, start, end):
    """An arrow to the next box; on to the next line when the box is there."""
    right, left = start[0] + start[2] / 2, end[0] - end[2] / 2
    if start[4] == end[4]:
        _arrow(axes, (right, start[1]), (left, end[1]))
    else:
        _arrow(axes, (right, start[1]), (right + 0.26, start[1]))
        _arrow(axes, (left - 0.26, end[1]), (left, end[1]))


def _draw_skips(axes, levels, places, tall):
    letters = iter("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    for (start, end), level in levels.items():
        (x1, y1, _, h1, row1), (x2, y2, _, h2, row2) = places[start], places[end]
        roof = y1 + tall / 2 + 0.08 + LEVEL * level
        if row1 == row2:
            axes.plot([x1, x1, x2], [y1 + h1 / 2, roof, roof], color=BLUE, linewidth=0.9)
            _arrow(axes, (x2, roof + 0.01), (x2, y2 + h2 / 2), color=BLUE)
            continue
        letter = next(letters, "*")
        for x, y, height in [(x1, y1, h1), (x2, y2, h2)]:
            where = {"xy": (x, y + height / 2), "xytext": (x, y + height / 2 + 0.2)}
            toward = "<-" if y == y1 else "->"
            line = {"arrowstyle": toward, "color": BLUE, "shrinkA": 0, "shrinkB": 0}
            axes.annotate(letter, **where, fontsize=7.5, ha="center", arrowprops=line, color=BLUE)


def _legend_width(kind):
    return 0.5 + 0.072 * len(KINDS[kind][0])


def _legend(axes, kinds):
    left = 0.25
    for kind in kinds:
        label, fill, hatch = KINDS[kind]
        looks = {"facecolor": fill, "edgecolor": INK, "hatch": hatch}
        axes.add_patch(Rectangle((left, 0.12), 0.2, 0.13, **looks))
        axes.text(left + 0.27, 0.18, label, fontsize=8, va="center")
        left += _legend_width(kind)


def _note(axes, x, y, text, fill):
    """A rounded box with words, centred at x, y; gives (x, y, width, height)."""
    lines = text.split("\n")
    width, height = 0.082 * max(map(len, lines)) + 0.22, 0.17 * len(lines) + 0.24
    corner = (x - width / 2, y - height / 2)
    style = "round,pad=0,rounding_size=0.06"
    axes.add_patch(
        FancyBboxPatch(corner, width, height, boxstyle=style, facecolor=fill, edgecolor=INK)
    )
    axes.text(x, y, text, ha="center", va="center", fontsize=9)
    return x, y, width, height


def _join(axes, start, end, **options):
    """An arrow from the edge of one note to the edge of another."""
    (x1, y1, w1, h1), (x2, y2, w2, h2) = start, end
    if abs(x1 - x2) < 0.01:
        sign = math.copysign(0.5, y2 - y1)
        _arrow(axes, (x1, y1 + sign * h1), (x2, y2 - sign * h2), **options)
    else:
        sign = math.copysign(0.5, x2 - x1)
        _arrow(axes, (x1 + sign * w1, y1), (x2 - sign * w2, y2), **options)
