"""Figures: numbers and arrays in, a `matplotlib.figure.Figure` out.

No pyplot: nothing stays open behind a notebook's back, and a notebook shows a figure by returning
it. Photos are (N, H, W, 3), uint8 or float in [0, 1]; where a grey photo is wanted, lightness
(H, W) or (H, W, 1) in 0..100 serves too. The photos are drawn here, charts in `lib.charts`,
diagrams in `lib.diagrams`; all are called from here.
"""

# ruff: noqa: F401  (what is imported and not used here is called from here by notebooks)

import io
import textwrap
from pathlib import Path

import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from PIL import Image, PngImagePlugin

from lib import lab
from lib.blocks import blocks_of
from lib.charts import (
    ab_histogram,
    counts,
    measure_bars,
    nogan_curves,
    rank_plot,
    training_curves,
)
from lib.diagrams import flow_diagram, model_diagram
from lib.style import WIDTH, blank, label, save, styled, write_png

AB_LIMIT = 60.0  # CIELAB units at the ends of the maps of a and b: few photos go beyond
SLIDER_SIDE = 320  # pixels, longest side of a slider's photos
GREEN_RED = LinearSegmentedColormap.from_list("a", ["#00735C", "#F7F7F7", "#B3003C"])
BLUE_YELLOW = LinearSegmentedColormap.from_list("b", ["#2B4C9B", "#F7F7F7", "#8F7200"])


def save_slider(folder, photo, model, gray, colored):
    """Write the pair of images of one before-and-after slider of the report.

    `folder` is results/<study>/figures; `photo` a file name, `model` a row name; `gray` and
    `colored` one photo each. Photos of more than 320 pixels a side are made smaller. Returns the
    two paths, slider/<photo>-before.png and slider/<photo>-after-<model>.png.
    """
    stem = Path(photo).stem
    before, after = f"{stem}-before.png", f"{stem}-after-{model}.png"
    words = [f"{stem} in grey", f"{stem} coloured by {label(model)}"]
    paths = []
    for name, image, alt in zip([before, after], [gray, colored], words, strict=True):
        picture = Image.fromarray(_bytes(_rgb(image, "gray and colored")))
        picture.thumbnail((SLIDER_SIDE, SLIDER_SIDE))
        chunks, memory = PngImagePlugin.PngInfo(), io.BytesIO()
        chunks.add_text("Description", alt)
        picture.save(memory, "PNG", pnginfo=chunks, optimize=True)
        paths.append(write_png(Path(folder) / "slider" / name, alt, memory.getvalue()))
    return paths


@styled
def gray_sample(lightness):
    """Figure 1: one grey photo, `lightness` (H, W) or (H, W, 1) in 0..100, with its scale."""
    lightness = np.asarray(lightness, np.float32)
    if lightness.ndim not in (2, 3) or (lightness.ndim == 3 and lightness.shape[-1] != 1):
        raise ValueError(f"lightness: expected (H, W) or (H, W, 1), got {lightness.shape}")
    figure = blank(4.6, 3.8)
    axes = figure.add_subplot()
    axes.imshow(lightness.reshape(lightness.shape[:2]), cmap="gray", vmin=0, vmax=100)
    axes.set_axis_off()
    bar = figure.colorbar(axes.images[0], ax=axes, shrink=0.85, ticks=[0, 25, 50, 75, 100])
    bar.set_label("lightness L (CIELAB, 0 to 100)")
    return figure


@styled
def photo_grid(rgb, titles=None, columns=6):
    """Figure 2, and examples with their reasons: photos in rows, each with a title beneath.

    Parameters
    ----------
    rgb : sequence of arrays (H, W, 3) or lightness (H, W, 1)
        Photos may differ in size.
    titles : sequence of str, optional
        One a photo; long ones are broken into lines.
    columns : int
    """
    photos = _photos(rgb, "rgb")
    titles = _captions(titles, len(photos), "titles")
    columns = min(columns, len(photos))
    rows = [photos[start : start + columns] for start in range(0, len(photos), columns)]
    if titles is None:
        return _montage(rows)
    words = [titles[start : start + columns] for start in range(0, len(photos), columns)]
    return _montage(rows, under=words)


def photo_row(rgb, captions=None):
    """One row of photos with captions beneath; arguments as for `photo_grid`."""
    return photo_grid(rgb, captions, columns=len(rgb))


@styled
def colorization_grid(gray, truth, predictions, captions=None):
    """Figure 6: rows are grey, truth and each model; columns are photos.

    Parameters
    ----------
    gray : array (N, H, W, 1) lightness in 0..100, or (N, H, W, 3) RGB
    truth : array (N, H, W, 3)
    predictions : dict of row name or words -> array (N, H, W, 3)
    captions : sequence of str, optional
        One a column, beneath it.
    """
    rows = {"Grey input": gray, "Truth": truth}
    rows |= {label(name): rgb for name, rgb in predictions.items()}
    photos = [_photos(images, name) for name, images in rows.items()]
    for name, images in zip(rows, photos, strict=True):
        if len(images) != len(photos[0]):
            raise ValueError(f"{name}: expected {len(photos[0])} photos, got {len(images)}")
    captions = _captions(captions, len(photos[0]), "captions")
    return _montage(photos, left=list(rows), under=[None] * (len(rows) - 1) + [captions])


def pick(values, count=2):
    """Which photos to show, by rule: dict of "best", "median", "worst" to `count` row numbers each.

    Of `values` (N,), lower is better; ties keep their order. With few photos the groups shrink, and
    no photo is in two of them.
    """
    order = np.argsort(np.asarray(values), kind="stable")
    count = max(1, min(count, len(order) // 3))
    middle = (len(order) - count) // 2
    starts = {"best": 0, "median": middle, "worst": len(order) - count}
    return {name: order[start : start + count] for name, start in starts.items()}


@styled
def worst_best(truth, predicted, values, measure="RMSE of ab", names=None, count=2):
    """Best, median and worst photos of one model, chosen by `pick` and not by taste.

    Parameters
    ----------
    truth, predicted : array (N, H, W, 3)
    values : array (N,)
        The measure, lower is better.
    measure : str
        Its name and unit.
    names : sequence of str, optional
    count : int
        Photos of each group.
    """
    values = np.asarray(values, float)
    if not len(truth) == len(predicted) == len(values) or len(values) < 3:
        sizes = (len(truth), len(predicted), len(values))
        raise ValueError(f"values: expected as many as photos, and 3 or more, got {sizes}")
    groups = pick(values, count)
    rows = np.concatenate(list(groups.values()))
    numbers = [f"{measure} {values[row]:.1f}" for row in rows]
    words = numbers
    if names is not None:
        words = [f"{names[row]}\n{number}" for row, number in zip(rows, numbers, strict=True)]
    photos = [_photos([images[row] for row in rows], "photos") for images in (truth, predicted)]
    above = [name for name, group in groups.items() for _ in group]
    captions = [None, words]
    return _montage(photos, left=["Truth", "Predicted"], above=above, under=captions)


@styled
def lab_channels(rgb):
    """The paper's plot of the LAB channels of a photo (H, W, 3), as maps and as colours.

    Above: L, a and b as numbers; a from green to red, b from blue to yellow, with the same limits
    for every photo. Below: each channel alone as the colour that it stands for, a and b at L = 65.
    """
    values = np.asarray(lab.rgb_to_lab(_rgb(rgb, "rgb")))
    figure = blank(WIDTH, 4.4)
    panels = figure.subplots(2, 4, gridspec_kw={"width_ratios": [1, 1, 1, 1]})
    maps = [("gray", 0, 100, "L, lightness"), (GREEN_RED, None, None, "a, green to red")]
    maps.append((BLUE_YELLOW, None, None, "b, blue to yellow"))
    panels[0, 0].imshow(_rgb(rgb, "rgb"))
    panels[0, 0].set_title("photo")
    for channel, (colors, low, high, title) in enumerate(maps):
        low, high = (-AB_LIMIT, AB_LIMIT) if low is None else (low, high)
        axes = panels[0, channel + 1]
        shown = axes.imshow(values[..., channel], cmap=colors, vmin=low, vmax=high)
        axes.set_title(title)
        ends = "neither" if channel == 0 else "both"
        bar = figure.colorbar(shown, ax=axes, location="bottom", extend=ends, aspect=18)
        bar.set_label("CIELAB units")
        alone = np.zeros_like(values)
        alone[..., 0] = values[..., 0] if channel == 0 else 65.0
        alone[..., channel] = values[..., channel]
        panels[1, channel + 1].imshow(np.asarray(lab.lab_to_rgb(alone)))
    both = np.concatenate([np.full_like(values[..., :1], 65.0), values[..., 1:]], axis=-1)
    panels[1, 0].imshow(np.asarray(lab.lab_to_rgb(both)))
    titles = ["a and b at L = 65", "L alone", "a alone, L = 65", "b alone, L = 65"]
    for axes, title in zip(panels[1], titles, strict=True):
        axes.set_title(title)
    for axes in panels.flat:
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(False)
    return figure


def _montage(rows, left=None, above=None, under=None):
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
                axes.text(*place, wrapped[number][column], ha="center", va="top", fontsize=7.5)
        if left:
            words = _wrap(left[number], 1.0, 0.078)
            axes.text(x0 - 0.08, y + side / 2, words, ha="right", va="center")
        y += side + deep[number]
    axes.set(xlim=(0, width), ylim=(height, 0))
    return figure


def _wrap(text, inches, letter=0.062):
    """Text broken into lines of that width; `letter` is the width of one, at 7.5 points."""
    lines = [
        textwrap.wrap(line, max(8, int(inches / letter))) for line in str(text or "").split("\n")
    ]
    return "\n".join(part for line in lines for part in line)


def _captions(captions, count, name):
    if captions is None:
        return None
    if len(captions) != count:
        raise ValueError(f"{name}: expected {count}, one a photo, got {len(captions)}")
    return list(captions)


def _photos(images, name):
    photos = [_rgb(image, name) for image in images]
    if not photos:
        raise ValueError(f"{name}: expected at least one photo, got none")
    return photos


def _rgb(image, name):
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


def _bytes(rgb):
    return rgb if rgb.dtype == np.uint8 else np.rint(rgb * 255).astype(np.uint8)
