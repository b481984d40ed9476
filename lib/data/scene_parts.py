"""The paintbox of `scenes`: a canvas in CIELAB, soft shapes, textures, and things drawn with them.

x runs right and y down, from 0 to 1 at any number of pixels, or in units of a thing (`Canvas.at`).
A shape is a window and a mask in [0, 1] with an edge one pixel wide. Paints mix linearly, so the
mean over colours of a mix is the mix of their means; only `Canvas.pick` draws a colour.
"""

import copy
import math
from collections import namedtuple

import numpy as np

Window = namedtuple("Window", "rows columns x y")  # two slices; centres of the pixels in them
GRAINS = np.random.default_rng(0).random((3, 64, 64), dtype=np.float32)  # of the cells of a grid


class Canvas:
    """L and ab of one scene while it is drawn.

    `palette`: name to (least L, greatest L, options of (probability, a, b)). `layout`: the random
    stream of all that shows in L. `colours`: the one that draws the options; None for their mean.
    """

    def __init__(self, size, layout, colours, palette):
        self.size, self.layout, self.colours, self.palette = size, layout, colours, palette
        self.left, self.top, self.scale, self.pixel = 0.0, 0.0, 1.0, 1.0 / size
        self.lightness, self.least = np.full((2, size, size), 50.0, np.float32)  # L, and its limit
        self.ab = np.zeros((2, size, size), np.float32)
        self.centres = (np.arange(size, dtype=np.float32) + 0.5) / size
        self.sun_side = self.one_of(-1, 1)  # light falls from the right or the left
        self.autumn = colours is not None and colours.random() < 0.5  # never seen in L

    def at(self, x, y, scale):
        """The same canvas with its origin at (x, y) and another unit of length."""
        view = copy.copy(self)
        view.left, view.top, view.scale, view.pixel = x, y, scale, self.pixel / scale
        return view

    def between(self, low, high):
        """A random number of the layout."""
        return low + (high - low) * self.layout.random()

    def one_of(self, *options):
        """One of the options, drawn from the layout."""
        return options[int(self.layout.random() * len(options))]

    def pick(self, name):
        """The paint of that name: (name, ab), its colour drawn by the probabilities of its options.

        Crowns of one scene agree on the season: in summer they take options of the first half of
        the probability, in autumn of the second; each crown by itself keeps its probabilities.
        """
        options = np.array(self.palette[name][2], np.float32)
        if self.colours is None or len(options) == 1:
            return name, options[:, 0] @ options[:, 1:]
        draw = self.colours.random()
        draw = 0.5 * (self.autumn + draw) if name == "crown" else draw
        chosen = int((np.cumsum(options[:-1, 0]) <= draw).sum())
        return name, options[chosen, 1:]

    def paint(self, shape, lightness, paint):
        """Fill a shape with a paint, or one of that name, at that L, kept to the paint's range."""
        window, mask = shape
        name, ab = self.pick(paint) if isinstance(paint, str) else paint
        low, high, _ = self.palette[name]
        values = np.clip(lightness, low, high), low, ab if ab.ndim == 3 else ab[:, None, None]
        for layer, value in zip((self.lightness, self.least, self.ab), values, strict=True):
            under = layer[..., window.rows, window.columns]
            under += mask * (value - under)

    def shadow(self, width, y=0.0):
        """A shadow on what lies below, away from the sun: L falls, as far as the paint allows."""
        window, mask = self.disc(-0.4 * self.sun_side * width, y, width, 0.2 * width)
        under = self.lightness[window.rows, window.columns]
        least = np.maximum(self.least[window.rows, window.columns], 0.76 * under)
        under -= mask * np.maximum(under - least, 0.0)

    def window(self, left=0.0, top=0.0, right=1.0, bottom=1.0):
        """The pixels of a rectangle and one pixel around it, as far as they are on the canvas."""
        rows, columns = self._pixels(self.top, top, bottom), self._pixels(self.left, left, right)
        x, y = self.centres[None, columns] - self.left, self.centres[rows, None] - self.top
        return Window(rows, columns, x / self.scale, y / self.scale)

    def _pixels(self, origin, start, stop):
        start, stop = ((origin + edge * self.scale) * self.size for edge in (start, stop))
        return slice(max(0, math.floor(start) - 1), max(0, math.floor(stop) + 2))

    def coverage(self, depth):
        """Mask of a shape from the depth inside its edge."""
        return np.clip(depth / self.pixel + 0.5, 0.0, 1.0)

    def disc(self, x, y, rx, ry=None):
        """An ellipse."""
        ry = ry or rx
        window = self.window(x - rx, y - ry, x + rx, y + ry)
        radius = np.sqrt(((window.x - x) / rx) ** 2 + ((window.y - y) / ry) ** 2)
        return window, self.coverage((1.0 - radius) * min(rx, ry))

    def box(self, left, top, right, bottom, corner=0.0):
        """A rectangle with corners of that radius."""
        window = self.window(left, top, right, bottom)
        dx = np.abs(window.x - 0.5 * (left + right)) - 0.5 * (right - left) + corner
        dy = np.abs(window.y - 0.5 * (top + bottom)) - 0.5 * (bottom - top) + corner
        outside = np.sqrt(np.maximum(dx, 0.0) ** 2 + np.maximum(dy, 0.0) ** 2)
        return window, self.coverage(corner - outside - np.minimum(np.maximum(dx, dy), 0.0))

    def wedge(self, x, top, bottom, upper, lower, lean=0.0):
        """A trapezium standing at x, by its half widths at top and bottom; the top may lean."""
        reach = max(upper, lower) + abs(lean)
        window = self.window(x - reach, top, x + reach, bottom)
        height = (bottom - window.y) / (bottom - top)
        sides = lower + height * (upper - lower) - np.abs(window.x - x - lean * height)
        steep = math.hypot(1.0, (abs(lower - upper) + abs(lean)) / (bottom - top))
        ends = np.minimum(window.y - top, bottom - window.y)
        return window, self.coverage(np.minimum(sides / steep, ends))


# Textures: fields of about [-1, 1] for L. `cells` is the number of grains in a unit of y.


def _cells(u, v):
    """Place within the cell of a grid (0..1 each way), and the three random numbers of the cell."""
    column, row = np.floor(u), np.floor(v)
    return u - column, v - row, GRAINS[:, row.astype(int) & 63, column.astype(int) & 63]


def _contrast(cells, pixel):
    """What is left of a texture where a pixel averages over several cells."""
    return min(1.0, 0.7 / (cells * pixel))


def dots(x, y, cells, pixel, radius=0.3):
    """Scattered light dots: sand, flowers, stars."""
    v = y * cells + 0.3 * np.sin(0.8 * cells * x)
    du, dv, (right, down, kind) = _cells(x * cells + 0.618 * (np.floor(v) % 5), v)
    distance = np.hypot(du - 0.3 - 0.4 * right, dv - 0.3 - 0.4 * down)
    inside = (radius * (0.6 + 0.8 * kind) - distance) / max(cells * pixel, 0.15)
    return np.clip(inside + 0.5, 0.0, 1.0) * _contrast(cells, pixel)


def blades(x, y, cells, pixel):
    """Upright blades, light and dark: grass."""
    u = x * cells
    du, dv, (right, lean, kind) = _cells(u, y * (0.45 * cells) + 0.37 * (np.floor(u) % 3))
    off = np.abs(du - 0.3 - 0.4 * right - 0.6 * (lean - 0.5) * (0.5 - dv))
    blade = np.clip((0.2 - off) / max(0.6 * cells * pixel, 0.2) + 0.5, 0.0, 1.0)
    return blade * (4.0 * dv * (1.0 - dv)) * (2.2 * kind - 1.0) * _contrast(0.6 * cells, pixel)


def rows(x, y, cells, pixel, round_ends):
    """Staggered rows of round scales (roof tiles, leaves), or of long stones (slates, bricks)."""
    u, v = x * (cells if round_ends else 0.5 * cells), y * cells
    du, dv, (kind, _, _) = _cells(u + 0.5 * (np.floor(v) % 2), v)
    if round_ends:
        rim = np.abs(np.hypot(du - 0.5, 0.9 * dv) - 0.45)
        return (np.minimum(rim * 6.0, 1.5) - 1.0 + 0.8 * (kind - 0.5)) * _contrast(cells, pixel)
    edge = np.minimum(2.0 * np.minimum(du, 1.0 - du), np.minimum(dv, 1.0 - dv))
    joint = np.clip((0.13 - edge) / max(cells * pixel, 0.1) + 0.5, 0.0, 1.0)
    return (joint * 1.4 + 0.9 * (kind - 0.7) * (1.0 - joint)) * _contrast(cells, pixel)


def waves(x, y, cells, pixel, bend):
    """Crests, level or bent: sea, dunes."""
    swing = bend * (np.sin(5.0 * x) + 0.35 * np.sin(13.0 * x + 9.0 * y))
    return np.sin((2.0 * math.pi * cells) * (y + swing)) * min(1.0, 0.35 / (cells * pixel))


# Things: drawn with the origin at their foot; a unit is about half the width of most of them.


def _panels(canvas, window, mask, across, lightness, count, paint):
    """Cloth in panels over -1..1 `across`; where the colour is known, every second one is white."""
    angle = np.arcsin(np.clip(across, -1.0, 1.0)) / math.pi + 0.5
    relief = 8.0 * np.sin(math.pi * count * angle) ** 2 - 4.0
    canvas.paint((window, mask), lightness + relief, paint)
    if paint != "toy":
        canvas.paint((window, mask * (np.floor(angle * count) % 2)), lightness + 30.0, "white")


def ball(canvas, kind):
    """A colour by chance; with white panels it is blue."""
    canvas.shadow(1.0, -0.1)
    window, mask = canvas.disc(0.0, -1.0, 1.0)
    x, y = window.x, window.y + 1.0
    lightness = 60.5 + 4.5 * canvas.sun_side * x - 5.0 * y
    canvas.paint((window, mask), lightness, "blue" if "panelled" in kind else "toy")
    if "panelled" in kind:
        white = canvas.coverage(0.3 * np.sin(3.0 * np.arctan2(y + 0.2, x - 0.2)))
        canvas.paint((window, mask * white), lightness + 28.0, "white")
    canvas.paint(canvas.disc(0.4 * canvas.sun_side, -1.42, 0.17), 92.0, "white")


def umbrella(canvas, kind):
    """A colour by chance; striped it is red and white."""
    canvas.shadow(0.9)
    canvas.paint(canvas.box(-0.03, -1.2, 0.03, 0.0), 84.0, "white")
    window, mask = canvas.disc(0.0, -1.0, 1.0, 0.85)
    dy = (window.y + 1.0) / 0.85
    across = window.x / np.sqrt(np.maximum(1.0 - dy * dy, 1e-3))
    cloth = window, mask * canvas.coverage(-dy - 0.08 * np.sin(18.0 * across) ** 2)
    lightness = 60.5 + 4.0 * canvas.sun_side * window.x
    _panels(canvas, *cloth, across, lightness, 6, "red" if "striped" in kind else "toy")


def balloon(canvas, kind):
    """A colour by chance; striped it is violet and white."""
    window, mask = canvas.wedge(0.0, -0.9, -0.3, 0.42, 0.17)
    canvas.paint((window, 0.5 * mask), 40.0, "wood")
    canvas.paint(canvas.box(-0.2, -0.35, 0.2, 0.0), 45.0, "wood")
    window = canvas.window(-1.0, -2.9, 1.0, -0.6)
    x, y = window.x, window.y + 1.9
    half = np.where(y < 0.3, np.sqrt(np.maximum(1.0 - y * y, 1e-4)), 1.152 - 0.66 * y)
    cloth = window, canvas.coverage(np.minimum(half - np.abs(x), 1.25 - y))
    lightness, across = 60.5 + 3.0 * canvas.sun_side * x - 2.0 * y, x / np.maximum(half, 0.01)
    _panels(canvas, *cloth, across, lightness, 8, "violet" if "striped" in kind else "toy")


def car(canvas, kind):
    """A colour by chance; with a chequered band it is a taxi, and yellow."""
    canvas.shadow(1.1)
    tone, body = canvas.between(56.0, 61.0), canvas.pick("yellow" if "taxi" in kind else "car")
    window, mask = canvas.box(-1.0, -0.52, 1.0, -0.1, 0.16)
    canvas.paint((window, mask), tone - 12.0 * (window.y + 0.3), body)
    canvas.paint(canvas.wedge(0.0, -0.85, -0.45, 0.42, 0.68), tone + 4.0, body)
    if "taxi" in kind:
        checks = (np.floor(window.x * 7.0) + np.floor(window.y * 14.0)) % 2
        band = canvas.coverage(0.07 - np.abs(window.y + 0.32))
        canvas.paint((window, mask * band), 25.0 + 65.0 * checks, "white")
    for side in (-1.0, 1.0):
        glass = canvas.wedge(0.26 * side, -0.77, -0.48, 0.17, 0.22)
        canvas.paint(glass, 73.0 + 7.0 * side * canvas.sun_side, "glass")
        canvas.paint(canvas.disc(0.55 * side, -0.12, 0.2), 22.0, "stone")
        canvas.paint(canvas.disc(0.55 * side, -0.12, 0.09), 75.0, "stone")


def boat(canvas, kind):
    """White sails over a hull whose colour is left to chance."""
    window, mask = canvas.wedge(0.0, -1.3, -0.2, 0.0, 0.7)
    sails = mask * canvas.coverage(np.abs(window.x) - 0.02)
    canvas.paint((window, sails), 86.0 + 7.0 * canvas.sun_side * np.sign(window.x), "white")
    canvas.paint(canvas.wedge(0.0, -0.14, 0.18, 0.9, 0.6), 60.0, "toy")


def house(canvas, kind):
    """Bricks and round tiles are red, slates blue grey; a plain wall has any pastel."""
    canvas.shadow(0.9)
    top = canvas.between(-1.1, -0.8)
    window, mask = canvas.box(-0.62, top, 0.62, 0.0)
    tone = canvas.between(66.0, 76.0) + 4.0 * canvas.sun_side * window.x
    tone = tone - 12.0 * canvas.coverage(top + 0.12 - window.y)  # below the eaves
    bricks = 8.0 * rows(window.x, window.y, 9.0, canvas.pixel, False) - 10.0
    canvas.paint((window, mask), *((tone + bricks, "tile") if "brick" in kind else (tone, "wall")))
    for x, y in ((-0.32, top + 0.35), (0.32, top + 0.35)):
        canvas.paint(canvas.box(x - 0.16, y - 0.18, x + 0.16, y + 0.16), 88.0, "white")
        pane = canvas.box(x - 0.12, y - 0.14, x + 0.12, y + 0.12)
        canvas.paint(pane, *((82.0, "yellow") if "lit" in kind else (60.0, "glass")))
    canvas.paint(canvas.box(-0.12, -0.4, 0.12, 0.0, 0.03), 40.0, "wood")
    window, mask = canvas.wedge(0.0, top - 0.55, top + 0.02, canvas.between(0.0, 0.3), 0.78)
    roof, tone = canvas.one_of("tile", "slate"), canvas.between(48.0, 60.0)
    relief = 9.0 * rows(window.x, window.y, 7.0, canvas.pixel, roof == "tile")
    canvas.paint((window, mask), *((88.0, "snow") if "snowy" in kind else (tone + relief, roof)))


def tree(canvas, kind):
    """Pines are green, blossom is pink, bare trees are brown; a crown has the season's colour."""
    canvas.shadow(0.5)
    canvas.paint(canvas.wedge(0.0, -0.8, 0.0, 0.05, 0.09), 40.0, "wood")
    tone, sun, pixel = canvas.between(46.0, 58.0), canvas.sun_side, canvas.pixel
    if "bare" in kind:
        for lean, top in ((-0.5, -1.25), (0.5, -1.15), (-0.2, -1.6), (0.2, -1.5)):
            canvas.paint(canvas.wedge(0.0, top, -0.65, 0.025, 0.05, lean), 42.0, "wood")
    elif "pine" in kind:
        for foot, half in ((-0.3, 0.55), (-0.75, 0.45), (-1.2, 0.33)):
            window, mask = canvas.wedge(0.0, foot - 0.75, foot, 0.0, half)
            needles = 4.0 * np.sin(40.0 * window.x - 14.0 * foot) + 10.0 * sun * window.x
            canvas.paint((window, mask), tone - 8.0 + needles, "pine")
            if "snowy" in kind:
                canvas.paint((window, mask * canvas.coverage(foot - 0.45 - window.y)), 90.0, "snow")
    else:
        paint = canvas.pick("blossom" if "blossom" in kind else "crown")
        for x, y in ((0.0, -1.45), (-0.36, -1.1), (0.36, -1.1), (0.0, -1.05)):
            window, mask = canvas.disc(x, y, 0.42 - 0.16 * abs(x))
            light = tone + 8.0 * sun * (window.x - x) - 12.0 * (window.y - y)
            place = window.x, window.y, 6.0, pixel
            leaves = 18.0 * dots(*place, 0.36) if "blossom" in kind else 4.0 * rows(*place, True)
            canvas.paint((window, mask), light + leaves, paint)


# The last word of its kind: what draws a thing, and its size in the middle of the picture.
THINGS = {"ball": (ball, 0.1), "umbrella": (umbrella, 0.22), "balloon": (balloon, 0.17)}
THINGS |= {"car": (car, 0.16), "boat": (boat, 0.14), "house": (house, 0.3), "tree": (tree, 0.3)}
