"""Figures: numbers and arrays in, a `matplotlib.figure.Figure` out.

No pyplot: nothing stays open behind a notebook's back, and a notebook shows a figure by returning
it. Photos are (N, H, W, 3), uint8 or float in [0, 1]; where a grey photo is wanted, lightness
(H, W) or (H, W, 1) in 0..100 serves too. Photos are drawn here and in `lib.montage`, charts in
`lib.charts`, `lib.curves` and `lib.color_charts`, diagrams in `lib.diagrams`; all are called here.
"""

# ruff: noqa: F401  (what is imported and not used here is called from here by notebooks)

import io
import textwrap
from pathlib import Path

import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from PIL import Image, PngImagePlugin

from lib import lab
from lib.figures.blocks import blocks_of
from lib.figures.charts import counts, measure_bars, rank_plot
from lib.figures.color_charts import ab_histogram, ab_histograms, error_by_color
from lib.figures.curves import nogan_curves, render_factor_curve, training_curves
from lib.figures.diagrams import flow_diagram, model_diagram
from lib.figures.montage import looks, montage, photos_of, rgb_of
from lib.figures.style import WIDTH, blank, label, save, styled, write_png

AB_LIMIT = 60.0  # CIELAB units at the ends of the maps of a and b: few photos go beyond
SLIDER_SIDE = 320  # pixels, longest side of a slider's photos
GREEN_RED = LinearSegmentedColormap.from_list("a", ["#00735C", "#F7F7F7", "#B3003C"])
BLUE_YELLOW = LinearSegmentedColormap.from_list("b", ["#2B4C9B", "#F7F7F7", "#8F7200"])


def save_slider(folder, photo, model, gray, colored, group="slider"):
    """Write the pair of images of one before-and-after slider of the report.

    `folder` is results/<study>/figures; `photo` a file name, `model` a row name; `gray` and
    `colored` one photo each; `group` is "slider", for the photos of the grid, or "failures".
    Photos of more than 320 pixels a side are made smaller. Returns the two paths,
    <group>/<photo>-before.png and <group>/<photo>-after-<model>.png.
    """
    if group not in ("slider", "failures"):
        raise ValueError(f"group: expected slider or failures, got {group}")
    stem = Path(photo).stem
    before, after = f"{stem}-before.png", f"{stem}-after-{model}.png"
    words = [f"{stem} in grey", f"{stem} coloured by {label(model)}"]
    paths = []
    for name, image, alt in zip([before, after], [gray, colored], words, strict=True):
        picture = Image.fromarray(_bytes(rgb_of(image, "gray and colored")))
        picture.thumbnail((SLIDER_SIDE, SLIDER_SIDE))
        chunks, memory = PngImagePlugin.PngInfo(), io.BytesIO()
        chunks.add_text("Description", alt)
        picture.save(memory, "PNG", pnginfo=chunks, optimize=True)
        paths.append(write_png(Path(folder) / group / name, alt, memory.getvalue()))
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
    photos = photos_of(rgb, "rgb")
    titles = _captions(titles, len(photos), "titles")
    columns = min(columns, len(photos))
    rows = [photos[start : start + columns] for start in range(0, len(photos), columns)]
    if titles is None:
        return montage(rows)
    words = [titles[start : start + columns] for start in range(0, len(photos), columns)]
    return montage(rows, under=words)


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
    photos = [photos_of(images, name) for name, images in rows.items()]
    for name, images in zip(rows, photos, strict=True):
        if len(images) != len(photos[0]):
            raise ValueError(f"{name}: expected {len(photos[0])} photos, got {len(images)}")
    captions = _captions(captions, len(photos[0]), "captions")
    return montage(photos, left=list(rows), under=[None] * (len(rows) - 1) + [captions])


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
    photos = [photos_of([images[row] for row in rows], "photos") for images in (truth, predicted)]
    above = [name for name, group in groups.items() for _ in group]
    captions = [None, words]
    return montage(photos, left=["Truth", "Predicted"], above=above, under=captions)


@styled
def lab_channels(rgb):
    """The paper's plot of the LAB channels of a photo (H, W, 3), as maps and as colours.

    Above: L, a and b as numbers; a from green to red, b from blue to yellow, with the same limits
    for every photo. Below: each channel alone as the colour that it stands for, a and b at L = 65.
    """
    values = np.asarray(lab.rgb_to_lab(rgb_of(rgb, "rgb")))
    figure = blank(WIDTH, 4.4)
    panels = figure.subplots(2, 4, gridspec_kw={"width_ratios": [1, 1, 1, 1]})
    maps = [("gray", 0, 100, "L, lightness"), (GREEN_RED, None, None, "a, green to red")]
    maps.append((BLUE_YELLOW, None, None, "b, blue to yellow"))
    panels[0, 0].imshow(rgb_of(rgb, "rgb"))
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


def _captions(captions, count, name):
    if captions is None:
        return None
    if len(captions) != count:
        raise ValueError(f"{name}: expected {count}, one a photo, got {len(captions)}")
    return list(captions)


def _bytes(rgb):
    return rgb if rgb.dtype == np.uint8 else np.rint(rgb * 255).astype(np.uint8)
