"""Diagrams drawn by code: a model as a chain of boxes, and the way of a photo through the study.

Called through `lib.figures`. The boxes of a model are read from the model, so that a diagram cannot
differ from what is trained. Axes are in inches, and a figure is as large as what stands on it.
"""

import math
import re

import keras
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Rectangle

from lib.figures.style import BLUE, INK, RED, page, styled

# kind of block: (label, fill, hatch, how the names of its layers begin); the fills are tints of
# Okabe and Ito's colours, told apart in grey as well
KINDS = {
    "convolution": ("convolutions", "#A9D8F3", "", "encode central down conv separable"),
    "dense": ("dense, global features", "#F3C566", "///", "global code expand dense flatten"),
    "fusion": ("fusion", "#F7F0A0", "xx", "fuse concatenate add"),
    "pretrained": ("pretrained network", "#E3B4CE", "\\\\\\", "xception block"),
    "attention": ("self-attention", "#EB9E66", "..", "attention self"),
    "upsampling": ("upsampling and convolutions", "#8FCDB8", "--", "decode up"),
    "output": ("output", "#D0D0D0", "", "output"),
    "other": ("preparation", "#FFFFFF", "", ""),
}
# Layers with an automatic name that belong to the layer before them.
SMALL = ("BatchNormalization", "Activation", "ReLU", "LeakyReLU", "Dropout", "ZeroPadding2D")
PAGE = 10.6  # inches that a line of boxes may take
GAP = 0.26  # inches between boxes, for the arrow
LEVEL = 0.12  # inches between arcs


def blocks_of(model, image_size=64):
    """The blocks of a Keras functional model, in the order in which it computes them.

    Parameters
    ----------
    model : keras.Model
        Functional and built. Layers are named `<block>_<part>` (encode1_conv, encode1_norm) and
        grouped by what is before the first underscore; a nested model is one block; layers with
        automatic names are blocks of their own.
    image_size : int
        Side in pixels to state shapes for, where the model takes any size.

    Returns
    -------
    list of dict
        `name`; `kind`, a key of `KINDS`; `shape`, (H, W, C) or (C,) of the block's last layer;
        `inputs`, names of the blocks it takes, without the model's own inputs.

    Raises
    ------
    ValueError
        If the model is not functional.
    """
    if not hasattr(model, "operations") or not getattr(model, "inputs", None):
        raise ValueError(f"model: expected a built Keras functional model, got {type(model)}")
    blocks, block_of, last = {}, {}, {}
    for operation in model.operations:
        if type(operation).__name__ == "InputLayer":
            continue
        name = _block_name(operation, list(blocks))
        block_of[id(operation)], last[name] = name, operation
        block = blocks.setdefault(name, {"name": name, "kind": _kind(operation), "inputs": []})
        for node in operation._inbound_nodes:
            for tensor in node.input_tensors:
                source = block_of.get(id(tensor._keras_history.operation))
                if source not in (None, name, *block["inputs"]):
                    block["inputs"].append(source)
    outputs = [operation._inbound_nodes[-1].output_tensors[-1] for operation in last.values()]
    photos = [keras.KerasTensor((1, *(n or image_size for n in t.shape[1:]))) for t in model.inputs]
    shown = keras.Model(model.inputs, outputs)(photos if len(photos) > 1 else photos[0])
    for block, tensor in zip(blocks.values(), keras.tree.flatten(shown), strict=True):
        block["shape"] = tuple(tensor.shape[1:])
    return list(blocks.values())


@styled
def model_diagram(blocks, title=""):
    """Figures 4 and 5: a model as a chain of boxes, left to right, on as many lines as it takes.

    A box is high as log2 of the side in pixels and wide as log2 of the channels. An arc joins two
    blocks that do not follow each other; across lines, a letter stands at both of its ends.

    Parameters
    ----------
    blocks : list of dict
        As from `blocks_of`.
    title : str
    """
    pairs = list(zip(blocks, blocks[1:], strict=False))
    before = {block["name"]: last["name"] for last, block in pairs}
    skips = [
        (source, block["name"])
        for block in blocks
        for source in block["inputs"]
        if source != before[block["name"]]
    ]
    lines = _wrap(blocks)
    levels = _levels(lines, skips)
    tall = max(_box(block)[1] for block in blocks)
    above = 0.2 + LEVEL * max(levels.values(), default=-1)
    pitch = above + tall + 0.62
    top = 0.42 if title else 0.12
    kinds = [kind for kind in KINDS if kind in {block["kind"] for block in blocks}]
    long = max(sum(map(_width, line)) for line in lines)
    height = top + pitch * len(lines) + 0.3
    axes = page(0.5 + max(long, sum(map(_legend_width, kinds))), height)
    axes.text(0.2, height - 0.12, title, fontsize=11, fontweight="bold", va="top")
    places = {}
    for row, line in enumerate(lines):
        left, roof = 0.25, height - top - pitch * row - above
        for block in line:
            wide = _width(block)
            places[block["name"]] = (left + wide / 2, roof - tall / 2, *_box(block), row)
            _draw_block(axes, block, places[block["name"]], roof - tall)
            left += wide
    for last, block in pairs:
        if last["name"] in block["inputs"]:
            _follow(axes, places[last["name"]], places[block["name"]])
    _draw_skips(axes, levels, places, tall)
    left = 0.25
    for kind in kinds:
        words, fill, hatch, _ = KINDS[kind]
        looks = {"facecolor": fill, "edgecolor": INK, "hatch": hatch}
        axes.add_patch(Rectangle((left, 0.12), 0.2, 0.13, **looks))
        axes.text(left + 0.27, 0.18, words, fontsize=8, va="center")
        left += _legend_width(kind)
    return axes.figure


@styled
def flow_diagram():
    """Figure 3: the way of a photo (a) in training and (b) in testing."""
    axes = page(10.0, 5.0)
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


def _block_name(operation, before):
    """The block of a layer: its name up to the first underscore, unless Keras chose the name."""
    kind = type(operation).__name__
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", kind).lower()
    automatic = re.fullmatch(rf"{snake.replace('_', '_?')}(_\d+)?", operation.name)
    if automatic and kind in SMALL and before:
        return before[-1]
    nested = hasattr(operation, "layers")
    return operation.name if automatic or nested else operation.name.split("_")[0]


def _kind(operation):
    if hasattr(operation, "layers"):
        return "pretrained"
    begins = {kind: tuple(words.split()) for kind, (_, _, _, words) in KINDS.items()}
    return next((k for k, words in begins.items() if operation.name.startswith(words)), "other")


def _box(block):
    """Width and height of a box in inches."""
    *sides, channels = block["shape"]
    return 0.1 + 0.055 * math.log2(channels + 1), 0.22 + 0.15 * math.log2(max(sides, default=1))


def _width(block):
    """Inches that a box takes with its words and the gap to the next."""
    words = 0.085 * len(block["name"]), 0.072 * len(_sides(block))
    return max(_box(block)[0], *words) + GAP


def _sides(block):
    return "×".join(str(side) for side in block["shape"])


def _legend_width(kind):
    return 0.5 + 0.072 * len(KINDS[kind][0])


def _wrap(blocks):
    """Blocks on lines of about equal length, none longer than `PAGE`."""
    total = sum(map(_width, blocks))
    target = total / math.ceil(total / PAGE) + 0.5 * (total > PAGE)
    lines, used = [[]], 0.0
    for block in blocks:
        if lines[-1] and used + _width(block) > min(target, PAGE) + 0.01:
            lines.append([])
            used = 0.0
        lines[-1].append(block)
        used += _width(block)
    return lines


def _levels(lines, skips):
    """Which level above the boxes each arc takes, so that no two run on top of each other."""
    order = [(row, block["name"]) for row, line in enumerate(lines) for block in line]
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


def _draw_block(axes, block, place, floor):
    x, y, width, height, _ = place
    _, fill, hatch, _ = KINDS[block["kind"]]
    corner = (x - width / 2, y - height / 2)
    axes.add_patch(Rectangle(corner, width, height, facecolor=fill, edgecolor=INK, hatch=hatch))
    under = {"ha": "center", "va": "top"}
    axes.text(x, floor - 0.05, block["name"], fontsize=8.5, **under)
    axes.text(x, floor - 0.22, _sides(block), fontsize=7.5, color="#444444", **under)


def _arrow(axes, start, end, color=INK, style="-", bend="arc3"):
    head = {"connectionstyle": bend, "arrowstyle": "-|>", "mutation_scale": 8}
    line = {"linestyle": style, "color": color, "linewidth": 0.9, "shrinkA": 1, "shrinkB": 1}
    axes.add_patch(FancyArrowPatch(start, end, **head, **line))


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
        if row1 == row2:
            roof = y1 + tall / 2 + 0.08 + LEVEL * level
            axes.plot([x1, x1, x2], [y1 + h1 / 2, roof, roof], color=BLUE, linewidth=0.9)
            _arrow(axes, (x2, roof + 0.01), (x2, y2 + h2 / 2), color=BLUE)
            continue
        letter = next(letters, "*")
        for x, y, height, toward in [(x1, y1, h1, "<-"), (x2, y2, h2, "->")]:
            where = {"xy": (x, y + height / 2), "xytext": (x, y + height / 2 + 0.2)}
            line = {"arrowstyle": toward, "color": BLUE, "shrinkA": 0, "shrinkB": 0}
            axes.annotate(letter, **where, fontsize=7.5, ha="center", arrowprops=line, color=BLUE)


def _note(axes, x, y, text, fill):
    """A rounded box with words, centred at x, y; gives (x, y, width, height)."""
    lines = text.split("\n")
    width, height = 0.082 * max(map(len, lines)) + 0.22, 0.17 * len(lines) + 0.24
    looks = {"boxstyle": "round,pad=0,rounding_size=0.06", "facecolor": fill, "edgecolor": INK}
    axes.add_patch(FancyBboxPatch((x - width / 2, y - height / 2), width, height, **looks))
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
