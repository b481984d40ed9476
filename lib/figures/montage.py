"""Photos in a table: in rows and columns, with words beside, above and beneath.

Called through `lib.figures`. A photo is (H, W, 3), uint8 or float in [0, 1], or lightness (H, W) or
(H, W, 1) in 0..100.
"""

import textwrap

import numpy as np
from matplotlib.patches import Rectangle

from lib import lab
from lib.figures.style import INK, WIDTH, blank, styled

LOOKS = 8  # steps of NoGAN's joint phase that are shown


@styled
def looks(rows, steps, chosen):
    """NoGAN's joint phase to look at: the same photos at several steps, the kept step in a frame.

    Parameters
    ----------
    rows : sequence of uint8 arrays (H, W, 3)
        A strip of photos side by side for each step, all of one size.
    steps : sequence of int
        Rising, as many as strips.
    chosen : int
        The step that the rule keeps, one of `steps`.

    Raises
    ------
    ValueError
        For no strip, strips of several sizes, steps that do not fit, or another `chosen`.
    """
    strips, steps = photos_of(rows, "rows"), [int(step) for step in steps]
    if len({strip.shape for strip in strips}) > 1 or len(strips) != len(steps):
        shapes = sorted({strip.shape for strip in strips})
        raise ValueError(f"rows: expected {len(steps)} strips of one shape, got {shapes}")
    if chosen not in steps or sorted(set(steps)) != steps:
        raise ValueError(f"steps: expected rising numbers, {chosen} among them, got {steps}")
    picked = _evenly(len(steps), steps.index(chosen))
    wide, left = WIDTH - 1.75, 1.65
    high = wide * strips[0].shape[0] / strips[0].shape[1]
    figure = blank(WIDTH, len(picked) * (high + 0.14) + 0.1)
    figure.set_layout_engine("none")
    axes = figure.add_axes([0, 0, 1, 1])
    for number, place in enumerate(picked):
        y, kept = 0.1 + number * (high + 0.14), steps[place] == chosen
        axes.imshow(strips[place], extent=(left, left + wide, y + high, y), aspect="auto")
        words = f"step {steps[place]:,}" + ("\nkept by\nthe rule  ►" if kept else "")
        words += "\nthe start" if steps[place] == 0 else ""
        weight = "bold" if kept else "normal"
        axes.text(left - 0.12, y + high / 2, words, ha="right", va="center", fontweight=weight)
        if kept:
            frame = {"fc": "none", "ec": INK, "lw": 3, "clip_on": False}
            axes.add_patch(Rectangle((left - 0.03, y - 0.03), wide + 0.06, high + 0.06, **frame))
    axes.set(xlim=(0, WIDTH), ylim=(len(picked) * (high + 0.14) + 0.1, 0))
    axes.set_axis_off()
    return figure


def montage(rows, left=None, above=None, under=None):
    """Photos in a table on one pair of axes: words left of rows, above columns, beneath photos."""
    columns = max(map(len, rows))
    side = min(1.45, (WIDTH - (1.1 if left else 0.2)) / columns)
    wrapped = [[_wrap(word, side) for word in words or []] for words in under or [[]] * len(rows)]
    deep = [
        0.06 + 0.14 * max([w.count("\n") + 1 for w in words if w], default=0) for words in wrapped
    ]
    top = 0.2 if above else 0.0
    figure = blank(
        (1.1 if left else 0.1) + columns * side + 0.1, top + len(rows) * side + sum(deep)
    )
    axes = figure.add_axes([0, 0, 1, 1])
    figure.set_layout_engine("none")
    width, height = figure.get_size_inches()
    axes.set(xlim=(0, width), ylim=(height, 0))
    axes.set_axis_off()
    y, x0 = top, 1.1 if left else 0.1
    for number, photos in enumerate(rows):
        for column, photo in enumerate(photos):
            x, shape = x0 + column * side, np.array(photo.shape[1::-1])
            wide, high = 0.95 * side * shape / shape.max()
            x1, y1 = x + (side - wide) / 2, y + (0.97 * side - high) / 2
            axes.imshow(photo, extent=(x1, x1 + wide, y1 + high, y1), aspect="auto")
            if number == 0 and above and above[column] not in above[:column]:
                axes.text(x + 0.03, 0.02, above[column], va="top", fontweight="bold")
            if column < len(wrapped[number]):
                place = (x + side / 2, y + side)
                looks = {"ha": "center", "va": "top", "fontsize": 7.5}
                axes.text(*place, wrapped[number][column], parse_math=False, **looks)
        if left:
            words = _wrap(left[number], 1.0, 0.078)
            looks = {"ha": "right", "va": "center", "parse_math": False}  # a name may hold a $
            axes.text(x0 - 0.08, y + side / 2, words, **looks)
        y += side + deep[number]
    axes.set(xlim=(0, width), ylim=(height, 0))
    return figure


def photos_of(images, name):
    photos = [rgb_of(image, name) for image in images]
    if not photos:
        raise ValueError(f"{name}: expected at least one photo, got none")
    return photos


def rgb_of(image, name):
    """One photo as RGB, uint8 or float in [0, 1]; lightness 0..100 becomes the grey of that L."""
    image = np.asarray(image)
    if image.ndim == 2 or (image.ndim == 3 and image.shape[-1] == 1):
        gray = np.zeros((*image.shape[:2], 3), np.float32)
        gray[..., 0] = image.reshape(image.shape[:2])
        return np.asarray(lab.lab_to_rgb(gray))
    if image.ndim != 3 or image.shape[-1] != 3:
        raise ValueError(
            f"{name}: expected photos (H, W, 3) or lightness (H, W, 1), got {image.shape}"
        )
    return image if image.dtype == np.uint8 else np.clip(image, 0, 1).astype(np.float32)


def _wrap(text, inches, letter=0.062):
    """Text broken into lines of that width; `letter` is the width of one, at 7.5 points."""
    lines = [
        textwrap.wrap(line, max(8, int(inches / letter))) for line in str(text or "").split("\n")
    ]
    return "\n".join(part for line in lines for part in line)


def _evenly(count, chosen):
    """At most `LOOKS` of `count` row numbers: the first, the last, `chosen`, the rest evenly."""
    picked = {round(n) for n in np.linspace(0, count - 1, min(count, LOOKS))}
    if chosen not in picked:  # takes the place of its neighbour
        picked.remove(min(picked - {0, count - 1}, key=lambda number: abs(number - chosen)))
    return sorted(picked | {chosen})
