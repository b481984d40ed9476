"""Figures of the classical methods: scribbles on a photo, and error against their number."""

import numpy as np
from matplotlib.ticker import NullLocator
from scipy import ndimage

from lib import lab
from lib.figures.style import BLUE, GRAY, GREEN, ORANGE, PINK, RED, blank, styled

SIDE = 240  # pixels, least longer side of a photo with scribbles drawn on it
DOT = 0.022  # radius of a scribble of one pixel, as a share of the longer side
SHOWN_L = 65.0  # L of a scribble's colour where it is shown alone
LINES = [  # of the rows that take no scribbles: colour, line style
    (GRAY, (0, (1, 1.5))),
    (ORANGE, (0, (5, 1.5))),
    (PINK, (0, (3, 1, 1, 1))),
    (GREEN, (0, (6, 1, 1, 1, 1, 1))),
    (RED, (0, (1, 1))),
]


def mark(lightness, given, ab):
    """A grey photo, enlarged, with its scribbles as discs of their colours, ringed in white.

    Parameters
    ----------
    lightness : array (H, W, 1)
        L in 0..100.
    given : array (H, W) of bool
    ab : array (H, W, 2)
        CIELAB units, used where `given`; shown at L = 65.

    Returns
    -------
    array (kH, kW, 3), float32 in [0, 1]
        The least whole k that makes the longer side 240 pixels or more.
    """
    lightness, given = np.asarray(lightness), np.asarray(given)
    if lightness.ndim != 3 or given.shape != lightness.shape[:2]:
        shapes = f"{lightness.shape} and {given.shape}"
        raise ValueError(f"lightness, given: expected (H, W, 1) and (H, W), got {shapes}")
    times = -(-SIDE // max(given.shape))
    gray = np.concatenate([lightness, np.zeros((*given.shape, 2))], axis=-1)
    photo = np.asarray(lab.lab_to_rgb(gray)).repeat(times, axis=0).repeat(times, axis=1)
    if not given.any():
        return photo
    colors = np.concatenate([np.full((*given.shape, 1), SHOWN_L), np.asarray(ab)], axis=-1)
    colors = np.asarray(lab.lab_to_rgb(colors))
    centers = np.ones(photo.shape[:2], bool)
    rows, columns = (places * times + times // 2 for places in np.nonzero(given))
    centers[rows, columns] = False
    distance, nearest = ndimage.distance_transform_edt(centers, return_indices=True)
    radius = DOT * max(photo.shape)
    chosen = colors[nearest[0] // times, nearest[1] // times]
    for edge, paint in ((1.4 * radius, 1.0), (radius, chosen)):
        cover = np.clip(edge + 0.5 - distance, 0, 1)[..., None]
        photo = (1 - cover) * photo + cover * paint
    return photo.astype(np.float32)


@styled
def scribble_curve(table, lines, pixels, name="Levin"):
    """RMSE of ab against the share of pixels whose true colour is given.

    Parameters
    ----------
    table : DataFrame
        A row a share, ascending: columns `share`, `rmse_ab`, `rmse_ab_low`, `rmse_ab_high`.
    lines : dict of words -> float
        RMSE of the methods that are given none, drawn as level lines; 5 at most.
    pixels : int
        Of a photo: the axis above counts them.
    name : str
        Of the curve.
    """
    if len(table) < 2 or not 1 <= len(lines) <= len(LINES):
        got = f"{len(table)} and {len(lines)}"
        raise ValueError(f"table, lines: expected 2 or more shares and 1 to 5 lines, got {got}")
    figure = blank(7.2, 4.0)
    axes = figure.add_subplot()
    share, value = table["share"].to_numpy(), table["rmse_ab"].to_numpy()
    axes.fill_between(share, table["rmse_ab_low"], table["rmse_ab_high"], color=BLUE, alpha=0.18)
    axes.plot(share, value, color=BLUE, marker="o", linewidth=1.8)
    for (color, style), height in zip(LINES, lines.values(), strict=False):
        axes.axhline(height, color=color, linestyle=style, linewidth=1.3)
    axes.set_xscale("log")
    top = 1.06 * max(value.max(), table["rmse_ab_high"].max(), *lines.values())
    axes.set(ylim=(0, top), xlim=(share[0] / 1.35, share[-1] * 1.35))
    colors = dict(zip(lines, [color for color, _ in LINES], strict=False))
    _name_lines(axes, lines | {name: value[-1]}, colors | {name: BLUE}, 0.052 * top)
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


def _name_lines(axes, heights, colors, apart):
    """Names of lines right of the axes, lowest first, at least `apart` from each other."""
    across, below = axes.get_yaxis_transform(), -np.inf
    for name, height in sorted(heights.items(), key=lambda item: item[1]):
        below = max(height, below + apart)
        looks = {"color": colors[name], "va": "center", "fontsize": 8.5}
        axes.text(1.015, below, f"{name}: {height:.1f}", transform=across, **looks)
