"""Drawn scenes whose colours are ambiguous on purpose, with the best possible answer known.

A scene is drawn in CIELAB from two independent random streams. The first decides the layout: what
is where, its texture, light and shadow, and so L of every pixel. The second, which leaves no trace
in L, picks the colour of what the grey picture cannot tell: balls, cars, plain walls, flowers, tree
crowns in summer or autumn. The rest has the colour that texture, shape or place gives away. Ranges
of L overlap, so the L of a pixel says little about its colour.

So the best prediction is known: the expected squared error of ab is least at the mean over colours,
each weighted by its probability. `oracle_mean` draws it; `oracle_sample` draws other colours
instead. Both know the layout even where a small grey picture is hard to read, so no model can
expect a smaller squared error, pooled over many scenes, than `oracle_mean`. (Of the RMSE of each
scene, averaged after the root, this holds only nearly: a mean of roots is another measure.)

Every paint keeps to a range of L in which all its colours fit sRGB, so nothing is clipped. `draw`
rounds to 8 bits, which moves L by a few tenths at most; the oracles are not rounded. A scene is
named by its index and a seed, and is the same picture at every size.
"""

import numpy as np

from lib import lab
from lib.data.scene_parts import THINGS, Canvas, blades, dots, waves

# fmt: off
# What the grey picture cannot tell. name: (least L, greatest L, options of (probability, a, b))
CHANCES = {
    "toy": (54, 66, ((0.4, 47, 28), (0.4, 2, -41), (0.2, 12, 59))),
    "car": (50, 66, ((0.35, 47, 28), (0.35, 2, -41), (0.3, -36, 26))),
    "wall": (56, 78, ((0.3, 4, 34), (0.3, 27, 9), (0.2, -6, -26), (0.2, -26, 14))),
    "crown": (36, 68, ((0.5, -30, 36), (0.3, 32, 42), (0.2, 42, 28))),
    "flowers": (52, 72, ((0.4, 42, 6), (0.3, 10, 56), (0.3, 28, -34))),
}
# What it can tell. name: (least L, greatest L, a, b)
FIXED = {
    "white": (20, 96, 0, 1),         "stone": (15, 85, 1, -3),        "glass": (40, 84, -6, -16),
    "red": (40, 66, 48, 30),         "blue": (42, 72, 2, -42),        "yellow": (56, 82, 8, 58),
    "violet": (40, 72, 30, -34),     "wood": (25, 60, 14, 22),        "tile": (36, 70, 34, 28),
    "slate": (30, 72, -2, -14),      "pine": (25, 70, -24, 20),       "blossom": (45, 79, 32, -4),
    "grass": (38, 84, -30, 40),      "sand": (45, 86, 6, 34),         "dune": (40, 76, 20, 38),
    "snow": (50, 96, -1, -5),        "sea": (52, 82, -18, -22),       "rock": (30, 80, 8, -16),
    "zenith": (42, 76, -4, -34),     "haze": (42, 86, -8, -18),       "dusk": (40, 76, 30, -20),
    "glow": (40, 76, 24, 44),        "night": (12, 60, 8, -28),       "sun": (60, 90, 0, 38),
}
# fmt: on
PALETTE = CHANCES | {key: (low, high, ((1.0, a, b),)) for key, (low, high, a, b) in FIXED.items()}

BALLOONS = "balloon", "balloon", "striped balloon"
# L that a ground may have, in the middle of the picture
LANDS = {"grass": (50, 74), "sand": (56, 80), "snow": (76, 91), "dune": (48, 70), "sea": (56, 76)}


def draw(indices, size, seed=0):
    """Draw scenes: RGB, uint8 (len(indices), size, size, 3).

    `indices` (0 or greater, in any order) say which; no scene depends on the others asked for.
    `size` is pixels a side, at least 16. Another `seed` (0 or greater) is another data set. Raises
    ValueError if an index or the seed is negative.
    """
    rgb = lab.lab_to_rgb(_render(indices, size, seed, 0))
    return (np.asarray(rgb) * 255.0 + 0.5).astype(np.uint8)


def oracle_mean(indices, size, seed=0):
    """The best possible prediction: the mean of ab over all colours that the scene may have.

    Computed from the probabilities in `CHANCES`, pixel by pixel; nothing is estimated. Takes and
    raises what `draw` does; gives ab in CIELAB units, float32 (len(indices), size, size, 2).
    """
    return _render(indices, size, seed, None)[..., 1:]


def oracle_sample(indices, size, seed=0):
    """Colours drawn anew from the distribution that the scene's own colours came from.

    Independent of the colours of `draw`, and the same at every call. Takes, gives and raises what
    `oracle_mean` does.
    """
    return _render(indices, size, seed, 1)[..., 1:]


def oracles(photos):
    """The two oracles as rows of the study's table: functions of rows of photos and their L."""

    def row(oracle):  # the row of a scene among the photos is its index
        return lambda rows, _: oracle(rows, photos.image_size, photos.seed)

    return {"oracle_mean": row(oracle_mean), "oracle_sample": row(oracle_sample)}


def _render(indices, size, seed, redraw):
    """CIELAB (N, size, size, 3). Redraw 0: the true colours; 1, 2, ...: others; None: the mean."""
    scenes = np.empty((len(indices), size, size, 3), np.float32)
    for scene, index in zip(scenes, indices, strict=True):
        layout = np.random.default_rng((seed, index, 0))
        colours = None if redraw is None else np.random.default_rng((seed, index, 1 + redraw))
        canvas = Canvas(int(size), layout, colours, PALETTE)
        canvas.one_of(_beach, _meadow, _town, _winter, _desert, _lake)(canvas)
        scene[..., 0], scene[..., 1], scene[..., 2] = canvas.lightness, *canvas.ab
    return scenes


# Compositions. A horizon above the picture (below 0) leaves no sky.


def _beach(canvas):
    horizon = canvas.between(-0.2, 0.45)
    _sky(canvas, horizon, "day", "day", "sunset")
    _land(canvas, "sea", canvas.window().y - horizon)
    shore = max(horizon, 0.0) + canvas.between(0.15, 0.3)
    _scatter(canvas, 0, 2, shore - 0.1, shore - 0.04, "boat")
    beach = _hill(canvas, shore, 0.03) + canvas.between(-0.3, 0.3) * (canvas.window().x - 0.5)
    _land(canvas, "sand", beach)
    canvas.paint((canvas.window(), canvas.coverage(0.012 - np.abs(beach))), 94.0, "white")
    things = "umbrella", "umbrella", "striped umbrella", "ball", "ball", "panelled ball"
    _scatter(canvas, 2, 5, shore + 0.2, 1.0, *things)


def _meadow(canvas):
    horizon = canvas.between(-0.2, 0.6)
    _sky(canvas, horizon, "day", "day", "sunset")
    _scatter(canvas, 0, int(horizon > 0.3), 0.75 * horizon, 0.9 * horizon, *BALLOONS)
    _land(canvas, "grass", _hill(canvas, horizon, 0.04))
    _land(canvas, "grass", _hill(canvas, horizon + 0.15, 0.04))
    if canvas.one_of(True, True, False):
        field = canvas.coverage(_hill(canvas, max(horizon, 0.0) + 0.35, 0.05))
        blooms = dots(canvas.window().x, canvas.window().y, 15.0, canvas.pixel, 0.37)
        flowers = canvas.window(), field * np.clip(0.2 + blooms, 0.0, 1.0)
        canvas.paint(flowers, 54.0 + 14.0 * blooms, "flowers")
    things = "tree", "tree", "tree", "pine tree", "blossom tree", "ball", "ball", "panelled ball"
    _scatter(canvas, 2, 5, max(horizon, 0.0) + 0.2, 1.0, *things)


def _town(canvas):
    street = canvas.between(0.5, 0.78)
    lit = "lit " * (_sky(canvas, street, "day", "day", "sunset", "night") == "night")
    _land(canvas, "grass", canvas.window().y - street + 0.06)
    things = lit + "house", lit + "house", lit + "house", lit + "brick house", "tree"
    _scatter(canvas, 2, 4, street - 0.01, street, *things)
    road = canvas.window(top=street)
    canvas.paint((road, canvas.coverage(road.y - street - 0.05)), 78.0, "stone")
    tarmac = road, canvas.coverage(road.y - street - 0.08)
    canvas.paint(tarmac, canvas.between(38.0, 70.0), "stone")
    dashes = np.clip(4.0 * np.sin(31.4 * road.x), 0.0, 1.0)
    stripe = canvas.coverage(0.008 - np.abs(road.y - 0.5 * street - 0.53))
    canvas.paint((road, dashes * stripe), 88.0, "white")
    _scatter(canvas, 1, 4, street + 0.17, 0.98, "car", "car", "car", "taxi car")


def _winter(canvas):
    horizon = canvas.between(0.05, 0.6)
    lit = "lit " * (_sky(canvas, horizon, "day", "sunset", "night") == "night")
    _land(canvas, "snow", _hill(canvas, horizon, 0.05))
    _land(canvas, "snow", _hill(canvas, horizon + 0.15, 0.05))
    things = "snowy pine tree", "bare tree", lit + "snowy house", lit + "snowy brick house", "ball"
    _scatter(canvas, 3, 5, horizon + 0.2, 1.0, *things)


def _desert(canvas):
    horizon = canvas.between(-0.1, 0.6)
    _sky(canvas, horizon, "day", "sunset", "night")
    _scatter(canvas, 0, 2 * (horizon > 0.3), 0.75 * horizon, 0.9 * horizon, *BALLOONS)
    for step in (0.0, 0.2, 0.4):
        _land(canvas, "dune", _hill(canvas, horizon + step, 0.06))
    _scatter(canvas, 1, 3, max(horizon, 0.0) + 0.25, 1.0, "umbrella", "car", "ball")


def _lake(canvas):
    horizon = canvas.between(0.25, 0.55)
    _sky(canvas, horizon, "day", "day", "sunset")
    for peak in range(canvas.one_of(2, 3, 4)):
        x, height = 0.3 * peak + canvas.between(0.0, 0.3), canvas.between(0.2, 0.45)
        _mountain(canvas.at(x, horizon, height))
    _land(canvas, "sea", canvas.window().y - horizon)
    _scatter(canvas, 1, 2, horizon + 0.06, horizon + 0.12, "boat")
    _land(canvas, "grass", _hill(canvas, horizon + 0.25, 0.05))
    _scatter(canvas, 2, 4, horizon + 0.3, 1.0, "tree", "tree", "pine tree", "blossom tree")


def _sky(canvas, horizon, *kinds):
    """A sky down to the horizon: clouds by day, at sunset a low sun and rays, at night stars."""
    kind = canvas.one_of(*kinds)
    if horizon <= 0.0:
        return kind
    window = canvas.window(bottom=horizon + 0.1)
    fall = np.clip(window.y / horizon, 0.0, 1.0)
    sun = 0.5 + canvas.sun_side * canvas.between(0.1, 0.36), horizon * canvas.between(0.2, 0.45)
    if kind == "sunset":
        sun = sun[0], horizon - 0.03
        rays = 3.0 * np.sin(22.0 * np.arctan2(horizon + 0.03 - window.y, window.x - sun[0]))
        lightness, paint = canvas.between(48.0, 60.0) + 14.0 * fall + rays, ("dusk", "glow")
    elif kind == "night":
        lightness, paint = canvas.between(12.0, 24.0) + 16.0 * fall, ("night", "night")
    else:
        lightness = canvas.between(50.0, 68.0) + canvas.between(6.0, 16.0) * fall
        paint = "zenith", "haze"
    (upper, above), (_, below) = canvas.pick(paint[0]), canvas.pick(paint[1])
    gradient = above[:, None, None] + fall * (below - above)[:, None, None]
    canvas.paint((window, 1.0), lightness, (upper, gradient))
    if kind == "night":
        canvas.paint((window, dots(window.x, window.y, 9.0, canvas.pixel, 0.12)), 90.0, "sun")
    canvas.paint(canvas.disc(*sun, 0.13 if kind == "sunset" else 0.08), 90.0, "sun")
    for _ in range(canvas.one_of(1, 2, 3) * (kind == "day")):
        place = canvas.between(0.0, 1.0), horizon * canvas.between(0.2, 0.7)
        _cloud(canvas.at(*place, canvas.between(0.05, 0.09)))
    return kind


def _cloud(canvas):
    for x, y, r in ((-1.3, 0.2, 0.7), (-0.5, -0.3, 1.0), (0.6, -0.1, 0.9), (1.4, 0.3, 0.6)):
        window, mask = canvas.disc(x, y, r)
        lightness = 91.0 - 6.0 * window.y + 3.0 * canvas.sun_side * window.x
        canvas.paint((window, mask * canvas.coverage(0.6 - window.y)), lightness, "white")


def _mountain(canvas):
    """A peak with a sunny and a shady side, and snow on top."""
    window, mask = canvas.wedge(0.0, -1.0, 0.05, 0.0, canvas.between(0.6, 0.9))
    lit = canvas.coverage(canvas.sun_side * (window.x + 0.05 * np.sin(16.0 * window.y)))
    canvas.paint((window, mask), canvas.between(44.0, 54.0) + 14.0 * lit, "rock")
    cap = mask * canvas.coverage(-0.62 + 0.07 * np.sin(22.0 * window.x) - window.y)
    canvas.paint((window, cap), 84.0 + 8.0 * lit, "snow")


def _hill(canvas, height, swing):
    """How far the pixels lie below a rolling line at about that height."""
    phase, bends = canvas.between(0.0, 6.3), canvas.between(3.0, 7.0)
    return canvas.window().y - height - swing * np.sin(bends * canvas.window().x + phase)


def _land(canvas, kind, depth):
    """Cover what lies deeper than 0 with a ground, told by its texture."""
    window, pixel, shift = canvas.window(), canvas.pixel, canvas.between(0.0, 60.0)
    x, y = window.x + shift, window.y + shift
    lightness = canvas.between(*LANDS[kind]) + canvas.between(-9.0, 9.0) * (window.y - 0.6)
    lightness = lightness + 2.0 * np.sin(4.0 * x + 5.0 * y)
    texture = {
        "grass": lambda: 9.0 * blades(x, y, 22.0, pixel),
        "sand": lambda: 7.0 * (dots(x, y, 30.0, pixel) - dots(y, x, 26.0, pixel)),
        "snow": lambda: 4.0 * np.sin(7.0 * x - 11.0 * y) + 3.0 * dots(x, y, 12.0, pixel, 0.2),
        "dune": lambda: 5.0 * waves(x, y + 0.3 * x, 15.0, pixel, 0.03),
        "sea": lambda: 5.0 * waves(x, y, 17.0, pixel, 0.006),
    }[kind]()
    canvas.paint((window, canvas.coverage(depth)), lightness + texture, kind)


def _scatter(canvas, least, most, top, bottom, *kinds):
    """Some things, well spread over a band of the picture, the far ones first and smaller."""
    count = canvas.one_of(*range(least, most + 1))
    columns = [(slot + canvas.between(0.2, 0.8)) / count for slot in range(count)]
    for y, x in sorted((canvas.between(top, bottom), x) for x in columns):
        kind = canvas.one_of(*kinds)
        draw_thing, size = THINGS[kind.split()[-1]]
        draw_thing(canvas.at(x, y, size * (0.55 + 0.6 * y)), kind)
