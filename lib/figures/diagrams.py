"""Diagrams drawn by code: a model as a chain of boxes, and the way of a photo through the study.

Called through `lib.figures`. The boxes of a model are read from the model, so that a diagram cannot
differ from what is trained. Axes are in inches, and a figure is as large as what stands on it.
"""

import itertools
import math

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
GAP = 0.26  # inches between boxes, for the arrow
LEVEL = 0.12  # inches between arcs


@styled
def model_diagram(model, image_size, title):
    """Figures 4 and 5: a functional keras.Model as a chain of boxes, left to right.

    A box is high as log2 of the side in pixels and wide as log2 of the channels, for photos of
    `image_size` pixels a side. An arc joins two blocks that do not follow each other. Layers are
    named `<block>_<part>` (encode1_conv, encode1_norm); a nested model is one block.
    """
    blocks = _blocks(model, image_size)
    numbers = {block["name"]: number for number, block in enumerate(blocks)}
    links = [(numbers[name], end) for end, block in enumerate(blocks) for name in block["inputs"]]
    arcs = sorted(
        (link for link in links if link[1] - link[0] > 1), key=lambda arc: arc[1] - arc[0]
    )
    for block in blocks:  # inches
        *sides, channels = block["shape"]
        block["high"] = 0.22 + 0.15 * math.log2(max(sides, default=1))
        block["wide"] = 0.1 + 0.055 * math.log2(channels + 1)
        block["sides"] = "×".join(map(str, block["shape"]))
        words = 0.085 * len(block["name"]), 0.072 * len(block["sides"])
        block["space"] = max(block["wide"], *words) + GAP
    length, tall = sum(b["space"] for b in blocks), max(b["high"] for b in blocks)
    floor = 0.92  # inches below the boxes, for their names and the legend
    height = floor + tall + 0.2 + LEVEL * (len(arcs) - 1) + 0.42
    kinds = [kind for kind in KINDS if kind in {block["kind"] for block in blocks}]
    axes = page(0.5 + max(length, sum(map(_legend_width, kinds))), height)
    axes.text(0.2, height - 0.12, title, fontsize=11, fontweight="bold", va="top")
    under, places, left, y = {"ha": "center", "va": "top"}, [], 0.25, floor + tall / 2
    for block in blocks:
        x, wide, high = left + block["space"] / 2, block["wide"], block["high"]
        places.append((x, y, wide, high))
        axes.add_patch(Rectangle((x - wide / 2, y - high / 2), wide, high, **_fill(block["kind"])))
        axes.text(x, floor - 0.05, block["name"], fontsize=8.5, **under)
        axes.text(x, floor - 0.22, block["sides"], fontsize=7.5, color="#444444", **under)
        left += block["space"]
    for start, end in links:
        if (start, end) in arcs:
            (x1, _, _, h1), (x2, _, _, h2) = places[start], places[end]
            roof = floor + tall + 0.08 + LEVEL * arcs.index((start, end))
            axes.plot([x1, x1, x2], [y + h1 / 2, roof, roof], color=BLUE, linewidth=0.9)
            _arrow(axes, (x2, roof + 0.01), (x2, y + h2 / 2), color=BLUE)
        else:
            _join(axes, places[start], places[end])
    left = 0.25
    for kind in kinds:
        axes.add_patch(Rectangle((left, 0.12), 0.2, 0.13, **_fill(kind)))
        axes.text(left + 0.27, 0.18, KINDS[kind][0], fontsize=8, va="center")
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
    notes = {
        "photo": (0.85, 3.6, "colour photo\n(RGB)", white),
        "split": (2.65, 3.6, "CIELAB,\nscaled", yellow),
        "L": (4.5, 4.15, "L: the grey photo", gray),
        "ab": (4.5, 3.05, "ab: the true colour", amber),
        "model": (6.5, 4.15, "model", blue),
        "guess": (8.5, 4.15, "predicted ab", amber),
        "loss": (8.5, 3.05, "loss: how far\nfrom the truth", red),
        "gray": (0.85, 1.35, "grey photo\n(L)", gray),
        "trained": (2.75, 1.35, "trained model", blue),
        "predicted": (4.55, 1.35, "predicted ab", amber),
        "joined": (6.45, 1.35, "L + ab to RGB,\nclipped to sRGB", yellow),
        "colored": (8.6, 1.35, "coloured photo", white),
        "true": (6.45, 0.4, "true photo", white),
        "measures": (8.6, 0.4, "measures", red),
    }
    places = {name: _note(axes, *note) for name, note in notes.items()}
    ways = ["photo split L model guess loss", "split ab loss", "true measures"]
    ways += ["gray trained predicted joined colored measures"]
    for names in map(str.split, ways):
        for start, end in itertools.pairwise(names):
            _join(axes, places[start], places[end])
    _join(axes, places["loss"], places["model"], color=RED, style="--")
    axes.text(6.75, 3.42, "Adam changes\nthe weights", fontsize=8, color=RED, ha="right")
    start, end = [(x, y + high / 2) for x, y, _, high in (places["gray"], places["joined"])]
    _arrow(axes, start, end, bend="arc3,rad=-0.12")
    axes.text(3.65, 2.06, "the original L is kept", fontsize=8, ha="center", va="bottom")
    return axes.figure


def _blocks(model, image_size):
    """The blocks of a functional model, in the order in which it computes them: a list of dicts.

    `name`; `kind`, a key of `KINDS`; `shape`, (H, W, C) or (C,) of the block's last layer;
    `inputs`, names of the blocks it takes, without the model's own inputs.
    """
    blocks, block_of, last = {}, {}, {}
    for operation in model.operations:
        if isinstance(operation, keras.layers.InputLayer):
            continue
        nested = hasattr(operation, "layers")
        name = operation.name if nested else operation.name.split("_")[0]
        block_of[id(operation)], last[name] = name, operation
        kind = "pretrained" if nested else _kind(name)
        block = blocks.setdefault(name, {"name": name, "kind": kind, "inputs": []})
        for node in operation._inbound_nodes:
            for tensor in node.input_tensors:
                source = block_of.get(id(tensor._keras_history.operation))
                if source not in (None, name, *block["inputs"]):
                    block["inputs"].append(source)
    outputs = [operation._inbound_nodes[-1].output_tensors[-1] for operation in last.values()]
    photos = [keras.KerasTensor((1, *(n or image_size for n in t.shape[1:]))) for t in model.inputs]
    shown = keras.Model(model.inputs, outputs)(photos)
    for block, tensor in zip(blocks.values(), keras.tree.flatten(shown), strict=True):
        block["shape"] = tuple(tensor.shape[1:])
    return list(blocks.values())


def _kind(name):
    begins = {kind: tuple(words.split()) for kind, (_, _, _, words) in KINDS.items()}
    return next((kind for kind, words in begins.items() if name.startswith(words)), "other")


def _legend_width(kind):
    return 0.5 + 0.072 * len(KINDS[kind][0])


def _fill(kind):
    return {"facecolor": KINDS[kind][1], "edgecolor": INK, "hatch": KINDS[kind][2]}


def _arrow(axes, start, end, color=INK, style="-", bend="arc3"):
    head = {"connectionstyle": bend, "arrowstyle": "-|>", "mutation_scale": 8}
    line = {"linestyle": style, "color": color, "linewidth": 0.9, "shrinkA": 1, "shrinkB": 1}
    axes.add_patch(FancyArrowPatch(start, end, **head, **line))


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
