"""Every row of the study's table, measured on the same photos.

A row is anything that gives ab for photos: the trivial baselines, what is known of drawn scenes,
and the trained networks. `predictors` makes them, `measure` measures them batch by batch, each
prediction once, so that memory does not grow with the number of photos. All that is computed of a
batch is one compiled program (see `lib.pixels`); rows are measured side by side, one a core, the
slowest first.
"""

import functools
import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from lib import baselines, classical, kid, lab, metrics, models, pixels, shared
from lib.classical.scribbles import SHARE
from lib.data import scenes
from lib.figures.style import NETWORKS
from lib.intervals import bootstrap_ratio
from lib.quiet import ops

CLASSICAL = ("reinhard", "welsh", "levin")
BATCH = 16  # photos at once; more are no faster, and need more memory


@dataclass(frozen=True)
class Measured:
    """What `measure` found."""

    table: pd.DataFrame  # metrics.csv: photo, model and a column a measure
    colors: dict  # row -> (N, 8, 4) float32: sums over the pixels of a class, `pixels.compare`
    histograms: dict  # row -> (23, 23) int64: pixels in each bin of ab, 'truth' among them
    examples: dict  # row -> (K, h, w, 3) uint8: the photos for KID, 96 pixels a side at most


def fit(photos):
    """Fit the baselines on the training photos: `baselines.Fitted`."""
    return baselines.fit(_lab_of(photos, photos.rows("train")))


def predictors(photos, rows, study, fitted, seed=0, scribbles=SHARE):
    """All rows of the table that can be made for a study.

    Parameters
    ----------
    photos : preprocess.Photos
    rows : array (N,) of int
        The photos that will be measured.
    study : path
        results/<study>, where the networks are.
    fitted : baselines.Fitted
        From `fit`.
    seed : int
        Of the random other photo, Welsh's samples and the scribbles' places.
    scribbles : float, optional
        Share of the pixels whose true colour Levin's row is given, above 0 up to 1. None leaves the
        classical methods out.

    Returns
    -------
    dict of name -> function
        Each takes an array of rows of `photos.images`, a part of `rows`, and their L, float32
        (n, H, W, 1), and gives ab in CIELAB units, float32 (n, H, W, 2). In the order of the
        table: baselines, classical methods, oracles, networks.
    """
    drawn = baselines.draw_photos(photos.rows("train"), len(rows), seed)
    other = dict(zip(rows.tolist(), drawn.tolist(), strict=True))
    found = {
        "gray": lambda part, lightness: baselines.predict_gray(lightness),
        "mean_ab": lambda part, lightness: baselines.predict_mean_ab(lightness, fitted.mean_ab),
        "l_lookup": lambda part, lightness: baselines.predict_l_lookup(lightness, fitted.l_lookup),
        "random_photo": lambda part, lightness: baselines.predict_random_photo(
            lightness, photos.images[[other[row] for row in part.tolist()]]
        ),
    }
    if scribbles is not None:
        found |= classical.predictors(photos, rows, seed, scribbles)
    if photos.dataset == "scenes":
        found["oracle_mean"] = lambda part, _: scenes.oracle_mean(*_drawn_as(photos, part))
        found["oracle_sample"] = lambda part, _: scenes.oracle_sample(*_drawn_as(photos, part))
    paths = {name: Path(study) / name / "model.keras" for name in NETWORKS}
    networks = {name: models.load(path) for name, path in paths.items() if path.is_file()}
    for name, network in shared.programs(networks).items():
        found[name] = lambda part, lightness, n=network: _predict(n, lightness)
    return found


def measure(photos, rows, predictors, examples=0):
    """All measures of all rows of the table on the given photos.

    Parameters
    ----------
    photos : preprocess.Photos
    rows : array (N,) of int
    predictors : dict of name -> function
        See `predictors`.
    examples : int
        Keep what so many photos look like, evenly spread, for KID.

    Returns
    -------
    Measured
        The table has one row a photo and model: photo (its file's name), model, and a column a
        measure (`metrics.MEASURES`). Measures of RGB are taken on the true L with the predicted
        ab, clipped to sRGB, as a viewer gets it; `rmse_ab`, the AuC, colour classes and histograms
        on the raw ab. The row `truth` measures the photos themselves; only its colorfulness says
        anything.

    Raises
    ------
    ValueError
        If a prediction is NaN or infinite, or of another shape than the photos.
    """
    histogram = sum(metrics.ab_histogram(part[..., 1:]) for part in _lab_of(photos, rows))
    weights = metrics.ab_bin_weights(histogram).astype(np.float32)
    describe = _programs()["describe"]
    chosen = np.linspace(0, len(rows) - 1, min(examples, len(rows))).astype(int)
    everything = {"truth": None, **predictors}
    found = {name: [] for name in everything}
    histograms = {name: np.zeros(pixels.BINS**2, np.int64) for name in everything}
    seconds = dict.fromkeys(everything, 0.0)  # that a row took for the last batch

    def collect(part, kept, tasks):
        for task in tasks:
            name, values, seconds[name] = task.result()
            values = {key: value[: len(part)] for key, value in values.items()}
            bins = values.pop("bins").ravel()
            histograms[name] += np.bincount(bins, minlength=pixels.BINS**2)
            found[name].append(values | {"rgb": kid.reduced(values["rgb"][kept])})

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        before = None
        for start in range(0, len(rows), BATCH):
            part = rows[start : start + BATCH]
            kept = chosen[(chosen >= start) & (chosen < start + BATCH)] - start
            filled = np.resize(part, min(BATCH, len(rows)))  # the last is compiled as the others
            truth = describe(photos.images[filled], weights)
            slowest_first = sorted(everything, key=seconds.get, reverse=True)
            tasks = [pool.submit(_one, n, everything[n], truth, filled) for n in slowest_first]
            if before:  # no core waits for the last row of a batch
                collect(*before)
            before = part, kept, tasks
        collect(*before)
    joined = {name: _joined(parts) for name, parts in found.items()}
    names = photos.names(rows)
    tables = [_table(names, name, values) for name, values in joined.items()]
    shape = (pixels.BINS, pixels.BINS)
    return Measured(
        pd.concat(tables, ignore_index=True),
        {name: values["colors"] for name, values in joined.items()},
        {name: counts.reshape(shape) for name, counts in histograms.items()},
        {name: values["rgb"] for name, values in joined.items()},
    )


def error_by_color(colors, seed=0):
    """Error and chroma of every row by the colour class of the true pixel, over all photos.

    Parameters
    ----------
    colors : dict of row -> array (N, 8, 4)
        Of `Measured`.
    seed : int
        Of the bootstrap.

    Returns
    -------
    DataFrame
        One row a class and model: color (see `metrics.color_classes`), model, pixels (the class's
        share of all test pixels), rmse_ab (the root of the mean over its pixels and both channels,
        pooled over photos) with its 95 % interval over photos rmse_ab_low and rmse_ab_high, and
        chroma_ratio (mean predicted chroma over mean true chroma: below 1 is too pale). The row
        `truth` is left out, and so are classes without a pixel.
    """
    share = colors["truth"][..., 0].sum(axis=0, dtype=float) / colors["truth"][..., 0].sum()
    tables = []
    for model in colors:
        sums = colors[model].astype(float)
        error = bootstrap_ratio(sums[..., 1], 2 * sums[..., 0], seed)
        chroma = [sums[..., number].sum(axis=0) for number in (2, 3)]
        with np.errstate(invalid="ignore"):  # a class without a pixel
            ratio = chroma[1] / chroma[0]
        columns = {"color": metrics.COLORS, "model": model, "pixels": share}
        columns |= dict(
            zip(["rmse_ab", "rmse_ab_low", "rmse_ab_high"], np.sqrt(error), strict=True)
        )
        tables.append(pd.DataFrame(columns | {"chroma_ratio": ratio}))
    table = pd.concat([table for table in tables if table.model[0] != "truth"], ignore_index=True)
    order = table["color"].map({color: place for place, color in enumerate(metrics.COLORS)})
    return table[table["pixels"] > 0].iloc[order[table["pixels"] > 0].argsort(kind="stable")]


def colored(photos, predictors, part):
    """What the given rows of the table make of some photos: dict of name -> uint8 (n, H, W, 3)."""
    rgb = photos.images[part]
    lab_true = ops.convert_to_numpy(lab.rgb_to_lab(rgb))
    return {
        name: metrics.recolor(rgb, _ab(name, predict, part, lab_true))
        for name, predict in predictors.items()
    }


@functools.cache
def _programs():
    """What is computed of a batch, compiled once for each size of photos and batch."""
    functions = {
        "describe": pixels.describe,
        "render": pixels.render,
        "sums_down": pixels.sums_down,
        "compare": pixels.compare,
    }
    return {name: pixels.compiled(function) for name, function in functions.items()}


def _lab_of(photos, rows):
    """CIELAB of photos, some at a time."""
    for start in range(0, len(rows), BATCH):
        yield pixels.to_lab(photos.images[rows[start : start + BATCH]])


def _one(name, predict, truth, part):
    """Name and values of one row of the table for one batch, and how many seconds they took."""
    start = time.perf_counter()
    ab = _ab(name, predict, part, truth["lab"])
    programs = _programs()
    rgb = programs["render"](truth["lab"], ab)
    sums = programs["sums_down"](rgb, truth["rgb"])
    values = pixels.to_numpy(programs["compare"](truth, rgb, sums, ab))
    if not np.isfinite(values["rmse_ab"]).all():
        raise ValueError(f"{name}: expected finite ab, got NaN or infinity")
    values |= pixels.to_numpy({"rgb": rgb})
    return name, values, time.perf_counter() - start


def _ab(name, predict, part, lab_true):
    if predict is None:
        return lab_true[..., 1:]
    ab = predict(part, np.clip(ops.convert_to_numpy(lab_true)[..., :1], 0, 100))
    expected = (*lab_true.shape[:3], 2)
    if ab.shape != expected:
        raise ValueError(f"{name}: expected ab of shape {expected}, got {ab.shape}")
    return ab


def _predict(network, lightness):
    """As `models.predict_ab`, but compiled, once: a smaller batch is filled up and cut again."""
    filled = np.resize(lightness, (max(BATCH, len(lightness)), *lightness.shape[1:]))
    scaled, _ = lab.scale(np.pad(filled, [(0, 0)] * 3 + [(0, 2)]))  # without any colours
    ab = ops.convert_to_numpy(lab.unscale(scaled, network(scaled)))[..., 1:]
    return ab[: len(lightness)]


def _joined(parts):
    return {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}


def _table(names, model, values):
    columns = {key: values[key].astype(float) for key in metrics.MEASURES if key in values}
    columns["psnr"] = metrics.psnr_of(columns["rmse_rgb"])
    weighted = [values[key].astype(float) for key in ("weighted", "weight")]
    columns["auc_rebalanced"] = metrics.pooled_share(*weighted)
    columns = {key: columns[key] for key in metrics.MEASURES}
    return pd.DataFrame({"photo": names, "model": model} | columns)


def _drawn_as(photos, part):
    """Arguments of the oracles: which scenes, at what size, from which seed."""
    return [scenes.index_of(name) for name in photos.names(part)], photos.image_size, photos.seed
