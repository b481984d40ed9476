"""What all figures share: colours, names, the figure itself, and how it is kept.

Okabe and Ito's colours, which colour-blind readers tell apart, and never colour alone: markers,
line styles and words say the same.

Reference: Okabe, Ito (2008), Color universal design.
"""

import functools
import io
from pathlib import Path

import matplotlib
from matplotlib.figure import Figure

from lib import models
from lib.files import replacing

WIDTH = 9.0  # inches of a full-width figure
INK, GRAY = "#222222", "#666666"
BLACK, ORANGE, GREEN = "#000000", "#E69F00", "#009E73"
BLUE, RED, PINK = "#0072B2", "#D55E00", "#CC79A7"
GROUPS = {  # group of rows of a table: (label, colour, marker, line style and width in the ranks)
    "baseline": ("baselines", GRAY, "s", "-", 1.2),
    "classical": ("classical", PINK, "P", ":", 1.8),
    "hint": ("given true colours", ORANGE, "X", (0, (1, 3)), 1.8),
    "oracle": ("for reference", GREEN, "D", "--", 1.2),
    "network": ("networks", BLUE, "o", "-", 1.5),
    "nogan": ("GAN", RED, "^", (0, (4, 1)), 1.5),
    "other": ("other", BLACK, "v", "-", 1.5),
}
ROWS = {  # row of a table, in the order of every table and chart: (label, group)
    "gray": ("No colour", "baseline"),
    "mean_ab": ("Mean colour", "baseline"),
    "l_lookup": ("Mean colour of each lightness", "baseline"),
    "random_photo": ("Colours of a random photo", "baseline"),
    "reinhard": ("Reinhard: an example", "classical"),
    "welsh": ("Welsh: an example", "classical"),
    "levin": ("Levin: scribbles", "hint"),
    **{
        name: (network.label, "nogan" if name in ("generator", "gan") else "network")
        for name, network in models.NETWORKS.items()
    },
    "oracle_mean": ("Best possible: mean colour", "oracle"),
    "oracle_sample": ("Another true colouring", "oracle"),
    "truth": ("The true photos", "oracle"),
    "critic": ("Critic", "other"),  # not a row: it colours nothing
}
LINES = {  # line of a model in curves: (colour, line style, marker)
    "cnn": (BLUE, "-", "o"),
    "autoencoder": (ORANGE, (0, (5, 1.5)), "s"),
    "xception": (PINK, (0, (3, 1, 1, 1)), "D"),
    "xception_skips": (GREEN, (0, (1, 1)), "v"),
    "generator": (RED, (0, (6, 1, 1, 1, 1, 1)), "^"),
    "gan": (BLACK, "-", "P"),
}
STYLE = Path(__file__).with_name("study.mplstyle")  # sizes and colours of every figure


class StudyFigure(Figure):
    """A figure that a notebook can show without pyplot."""

    def _repr_png_(self):
        memory = io.BytesIO()
        _write(self, memory)
        return memory.getvalue()


def styled(draw):
    """Make a function that returns a figure draw it in the project's style."""

    @functools.wraps(draw)
    def drawn(*values, **options):
        with matplotlib.rc_context(fname=STYLE):
            figure = draw(*values, **options)
            figure.draw_without_rendering()  # ticks are made at drawing: make them in this style
        return figure

    return drawn


def blank(width=WIDTH, height=3.0):
    """An empty figure of that size in inches, that makes room for all its words."""
    return StudyFigure(figsize=(width, height), layout="constrained")


def page(width, height):
    """Axes that fill a new figure of that size, one unit an inch, y upwards."""
    figure = blank(width, height)
    figure.set_layout_engine("none")
    axes = figure.add_axes([0, 0, 1, 1])
    axes.set(xlim=(0, width), ylim=(0, height))
    axes.set_axis_off()
    return axes


def save(figure, path, alt):
    """Write a figure as PNG, whole or not at all.

    `path` ends in .png, and its folder is made. `alt` says what the figure shows, for who cannot
    see it: it is kept in the PNG's text chunk "Description".
    """
    with replacing(path) as temporary:
        _write(figure, temporary, Description=readable(alt))


def readable(text):
    """`text` with "?" for what is no character: bytes of a file's name in no known encoding."""
    return text.encode("utf-8", "replace").decode()


def _write(figure, target, **metadata):
    """A figure as PNG into a file; the keywords become text chunks."""
    with matplotlib.rc_context(fname=STYLE):
        figure.savefig(target, format="png", metadata={"Software": None, **metadata})


def label(model):
    """Name of a row of the table for readers."""
    return ROWS.get(model, (model, "other"))[0]


def group(model):
    """A row's group: label, colour, marker, line style and line width."""
    return GROUPS[ROWS.get(model, (model, "other"))[1]]


def in_order(models):
    """Names in the order of every table: baselines, networks, NoGAN, what is best possible."""
    known = list(ROWS)
    return sorted(models, key=lambda name: known.index(name) if name in known else len(known))
