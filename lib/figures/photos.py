"""Photos in a table, with words beside, above and beneath; and a photo taken apart.

Called through `lib.figures`. A photo is (H, W, 3), uint8 or float in [0, 1], or lightness (H, W) or
(H, W, 1) in 0..100.
"""

import textwrap
from pathlib import Path

import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from PIL import Image, PngImagePlugin
from scipy import ndimage

from lib import lab
from lib.figures.style import INK, WIDTH, blank, label, page, readable, styled
from lib.files import replacing

AB_LIMIT = 60.0  # CIELAB units at the ends of the maps of a and b: few photos go beyond
SHOWN_L = 65.0  # L at which a and b are shown alone
SLIDER_SIDE = 320  # pixels, longest side of a slider's photos
LOOKS = 8  # steps of NoGAN's joint phase that are shown, and the one that is kept
PICKED = 2  # photos that are shown of the best, of the median, and of the worst
SIDE = 240  # pixels, least longer side of a photo with scribbles drawn on it
DOT = 0.022  # radius of a scribble of one pixel, as a share of the longer side
GREEN_RED = LinearSegmentedColormap.from_list("a", ["#00735C", "#F7F7F7", "#B3003C"])
BLUE_YELLOW = LinearSegmentedColormap.from_list("b", ["#2B4C9B", "#F7F7F7", "#8F7200"])


def save_slider(folder, photo, model, gray, colored, group="slider"):
    """Write the pair of images of one before-and-after slider of the report.

    `folder` is results/<study>/figures; `photo` a file name, `model` a row name; `gray` and
    `colored` one photo each; `group` is "slider", for the photos of the grid, or "failures".
    Photos of more than 320 pixels a side are made smaller. They are <group>/<photo>-before.png and
    <group>/<photo>-after-<model>.png.
    """
    stem = Path(photo).stem
    after = f"after-{model}", colored, f"coloured by {label(model)}"
    for name, image, words in (("before", gray, "in grey"), after):
        rgb = _rgb(image)
        rgb = rgb if rgb.dtype == np.uint8 else np.rint(rgb * 255).astype(np.uint8)
        picture, chunks = Image.fromarray(rgb), PngImagePlugin.PngInfo()
        picture.thumbnail((SLIDER_SIDE, SLIDER_SIDE))
        chunks.add_text("Description", readable(f"{stem} {words}"))
        with replacing(Path(folder) / group / f"{stem}-{name}.png") as temporary:
            picture.save(temporary, "PNG", pnginfo=chunks, optimize=True)


@styled
def gray_sample(lightness):
    """Figure 1: one grey photo, `lightness` (H, W) or (H, W, 1) in 0..100, with its scale."""
    figure = blank(4.6, 3.8)
    axes = figure.add_subplot()
    axes.imshow(lightness, cmap="gray", vmin=0, vmax=100)
    axes.set_axis_off()
    bar = figure.colorbar(axes.images[0], ax=axes, shrink=0.85, ticks=[0, 25, 50, 75, 100])
    bar.set_label("lightness L (CIELAB, 0 to 100)")
    return figure


@styled
def photo_grid(rgb, titles=None, columns=6):
    """Figure 2, and examples with their reasons: photos in rows, each with a title beneath.

    `rgb` is a sequence of photos, which may differ in size; `titles` are one a photo, and long ones
    are broken into lines.
    """
    parts = [slice(start, start + columns) for start in range(0, len(rgb), columns)]
    return _montage([rgb[part] for part in parts], under=titles and [titles[p] for p in parts])


@styled
def colorization_grid(gray, truth, predictions, captions=None):
    """Figure 6: rows are grey, truth and each model; columns are photos.

    `gray` and `truth` are N photos, `predictions` a dict of row name or words -> N photos;
    `captions` are one a column, beneath it.
    """
    rows = {"Grey input": gray, "Truth": truth}
    rows |= {label(name): rgb for name, rgb in predictions.items()}
    under = [None] * (len(rows) - 1) + [captions]
    return _montage(list(rows.values()), left=list(rows), under=under)


def pick(values):
    """Which photos to show, by rule: dict of "best", "median", "worst" to two row numbers each.

    Of `values` (N,), lower is better; ties keep their order. With few photos the groups shrink, and
    no photo is in two of them.
    """
    order = np.argsort(np.asarray(values), kind="stable")
    count = max(1, min(PICKED, len(order) // 3))
    middle = (len(order) - count) // 2
    starts = {"best": 0, "median": middle, "worst": len(order) - count}
    return {name: order[start : start + count] for name, start in starts.items()}


@styled
def worst_best(truth, predicted, values):
    """The photos of one model that `pick` has chosen, in its order.

    `truth` and `predicted` are arrays (N, H, W, 3), `values` (N,) their RMSE of ab.
    """
    above = np.repeat(["best", "median", "worst"], len(values) // 3).tolist()
    under = [None, [f"RMSE of ab {value:.1f}" for value in values]]
    return _montage([truth, predicted], left=["Truth", "Predicted"], above=above, under=under)


@styled
def looks(rows, steps, chosen):
    """NoGAN's joint phase to look at: the same photos at several steps, the kept step in a frame.

    `rows` has a strip of photos side by side, (H, W, 3), for each of `steps`; `chosen` is the step
    that the rule keeps, one of them.
    """
    evenly = np.linspace(0, len(steps) - 1, min(len(steps), LOOKS)).round().astype(int)
    picked = sorted({*evenly, steps.index(chosen)})
    high = (WIDTH - 1.75) * rows[0].shape[0] / rows[0].shape[1]
    figure = blank(WIDTH, len(picked) * (high + 0.14) + 0.1)
    for axes, place in zip(figure.subplots(len(picked), squeeze=False).flat, picked, strict=True):
        axes.imshow(rows[place])
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set(visible=steps[place] == chosen, edgecolor=INK, linewidth=3)
        words = f"step {steps[place]:,}" + "\nkept by\nthe rule  ►" * (steps[place] == chosen)
        words += "\nthe start" * (steps[place] == 0)
        weight = "bold" if steps[place] == chosen else "normal"
        axes.set_ylabel(words, rotation=0, ha="right", va="center", fontweight=weight)
    return figure


@styled
def lab_channels(rgb):
    """The paper's plot of the LAB channels of a photo (H, W, 3), as maps and as colours.

    Above: L, a and b as numbers; a from green to red, b from blue to yellow, with the same limits
    for every photo. Below: each channel alone as the colour that it stands for, a and b at L = 65.
    """
    values = lab.rgb_to_lab(_rgb(rgb))
    figure = blank(WIDTH, 4.4)
    panels = figure.subplots(2, 4)
    maps = [("L, lightness", "gray", (0, 100), "neither")]
    maps += [("a, green to red", GREEN_RED, (-AB_LIMIT, AB_LIMIT), "both")]
    maps += [("b, blue to yellow", BLUE_YELLOW, (-AB_LIMIT, AB_LIMIT), "both")]
    for channel, (title, colors, ends, extend) in enumerate(maps):
        axes = panels[0, channel + 1]
        shown = axes.imshow(values[..., channel], cmap=colors, clim=ends)
        axes.set_title(title)
        bar = figure.colorbar(shown, ax=axes, location="bottom", extend=extend, aspect=18)
        bar.set_label("CIELAB units")
    panels[0, 0].imshow(_rgb(rgb))
    panels[0, 0].set_title("photo")
    alone = {"a and b at L = 65": [0, 1, 1], "L alone": [1, 0, 0]}
    alone |= {"a alone, L = 65": [0, 1, 0], "b alone, L = 65": [0, 0, 1]}
    for axes, (title, kept) in zip(panels[1], alone.items(), strict=True):
        flat = SHOWN_L * np.float32([1 - kept[0], 0, 0])
        axes.imshow(lab.lab_to_rgb(values * np.float32(kept) + flat))
        axes.set_title(title)
    for axes in panels.flat:
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(False)
    return figure


def mark(lightness, given, ab):
    """A grey photo, enlarged, with its scribbles as discs of their colours, ringed in white.

    Of L (H, W, 1), `given` (H, W) of bool, and `ab` (H, W, 2) in CIELAB units, which is shown at
    L = 65: (kH, kW, 3), float32 in [0, 1], with the least k for 240 pixels on the longer side.
    """
    times = -(-SIDE // max(given.shape))
    photo = _rgb(lightness).repeat(times, axis=0).repeat(times, axis=1)
    if not given.any():
        return photo
    colors = np.concatenate([np.full((*given.shape, 1), SHOWN_L), np.asarray(ab)], axis=-1)
    centers = np.ones(photo.shape[:2], bool)
    rows, columns = (places * times + times // 2 for places in np.nonzero(given))
    centers[rows, columns] = False
    distance, nearest = ndimage.distance_transform_edt(centers, return_indices=True)
    radius = DOT * max(photo.shape)
    chosen = lab.lab_to_rgb(colors)[nearest[0] // times, nearest[1] // times]
    for edge, paint in ((1.4 * radius, 1.0), (radius, chosen)):
        cover = np.clip(edge + 0.5 - distance, 0, 1)[..., None]
        photo = (1 - cover) * photo + cover * paint
    return photo.astype(np.float32)


def _montage(rows, left=None, above=None, under=None):
    """Photos in a table on one pair of axes: words left of rows, above columns, beneath photos."""
    columns = max(map(len, rows))
    x0, top = 1.1 if left else 0.1, 0.2 if above else 0.0
    side = min(1.45, (WIDTH - x0 - 0.1) / columns)
    wrapped = [[_wrap(word, side) for word in words or []] for words in under or [None] * len(rows)]
    deep = [0.06 + 0.14 * max([w.count("\n") + 1 for w in words], default=0) for words in wrapped]
    height = top + len(rows) * side + sum(deep)
    axes = page(x0 + columns * side + 0.1, height)
    for column, word in enumerate(above or []):
        if word not in above[:column]:
            axes.text(x0 + column * side + 0.03, height - 0.02, word, va="top", fontweight="bold")
    y = height - top
    for number, (photos, captions) in enumerate(zip(rows, wrapped, strict=True)):
        y -= side
        for column, photo in enumerate(map(_rgb, photos)):
            high, wide = 0.95 * side * np.array(photo.shape[:2]) / max(photo.shape[:2])
            x = x0 + column * side + (side - wide) / 2
            z = y + 0.03 * side + (0.97 * side - high) / 2
            axes.imshow(photo, extent=(x, x + wide, z, z + high), aspect="auto")
        for column, words in enumerate(captions):
            place = x0 + (column + 0.5) * side, y
            axes.text(*place, words, ha="center", va="top", fontsize=7.5)
        if left:
            words = _wrap(left[number], 1.0, 0.078)
            axes.text(x0 - 0.08, y + side / 2, words, ha="right", va="center")
        y -= deep[number]
    return axes.figure


def _rgb(image):
    """One photo as RGB, uint8 or float in [0, 1]; lightness 0..100 becomes the grey of that L."""
    image = np.asarray(image)
    if image.ndim == 2 or image.shape[-1] == 1:
        return lab.lab_to_rgb(image.reshape(*image.shape[:2], 1) * np.float32([1, 0, 0]))
    return image if image.dtype == np.uint8 else np.clip(image, 0, 1).astype(np.float32)


def _wrap(text, inches, letter=0.062):
    """Text broken into lines of that width; `letter` is the width of one, at 7.5 points."""
    width = max(8, int(inches / letter))
    return "\n".join(textwrap.fill(line, width) for line in readable(text).split("\n"))
