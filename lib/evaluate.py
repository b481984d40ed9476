"""Every row of the study's table, measured on the same photos.

A row is anything that gives ab for photos: baselines, classical methods, trained networks. All are
measured batch by batch, so that memory does not grow with the number of photos.
"""

import functools
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import pandas as pd
from keras import ops

from lib import kid, lab, metrics, models
from lib.files import read_json
from lib.intervals import bootstrap_ratio

BATCH = 16  # photos at once; more are no faster, and need more memory


@dataclass(frozen=True)
class Measured:
    """What `measure` found."""

    table: pd.DataFrame  # metrics.csv: photo, model and a column a measure
    colors: dict  # row -> (N, 8, 4) float32: sums over the pixels of a class, see `compare`
    histograms: dict  # row -> (23, 23) int64: pixels in each bin of ab, 'truth' among them
    examples: dict  # row -> (K, h, w, 3) uint8: the photos for KID, 96 pixels a side at most


def networks(photos, folder):
    """The rows of the trained networks in results/<study>, `folder`, in the order of the table.

    Gives a dict of name to function, which takes an array of rows of `photos.images` and their L,
    float32 (n, H, W, 1), and gives ab in CIELAB units, float32 (n, H, W, 2); and a list of str, a
    line for each network that is there, but has learnt from other photos.
    """
    found, left_out = {}, []
    for name in models.NETWORKS:
        path = Path(folder) / name / "model.keras"
        data = read_json(path.with_name("params.json")).get("data")
        if path.is_file() and data == photos.fingerprint:
            found[name] = functools.partial(_predict, models.load(path))
        elif path.is_file():
            left_out.append(f"{name} has learnt from other photos than these: {path.parent}")
    return found, left_out


def measure(photos, rows, predictors, examples=0):
    """All measures of all rows of the table on the given photos.

    `rows` (N,) are some of `photos`, `predictors` as those of `networks`; of `examples` photos,
    evenly spread, the pictures are kept, for KID. Measures of RGB are taken on the true L with the
    predicted ab, clipped to sRGB, as a viewer gets it; all others on the raw ab. The row `truth`
    measures the photos themselves; only its colorfulness says anything. ValueError if a prediction
    is NaN or infinite, or of another shape than the photos.
    """
    parts = [rows[start : start + BATCH] for start in range(0, len(rows), BATCH)]
    chosen = rows[np.linspace(0, len(rows) - 1, min(examples, len(rows))).astype(int)]
    found = {name: [] for name in ("truth", *predictors)}
    histograms = dict.fromkeys(found, 0)

    def histogram(part):
        return metrics.ab_histogram(metrics.ab_bin(lab.rgb_to_lab(photos.images[part])[..., 1:]))

    def one(part, truth, lab_true, name):
        ab_pred = lab_true[..., 1:]
        if name != "truth":
            ab_pred = _ab(name, predictors[name], part, lab_true)
        values = _compiled(compare)(truth, ab_pred)
        rgb_pred = values.pop("rgb")
        values["ssim"] = _compiled(metrics.ssim)(truth["rgb"], rgb_pred)  # in one: much slower
        values = {key: ops.convert_to_numpy(value) for key, value in values.items()}
        if not np.isfinite(values["rmse_ab"]).all():
            raise ValueError(f"{name}: expected finite ab, got NaN or infinity")
        histograms[name] += metrics.ab_histogram(values.pop("bins"))
        shown = ops.convert_to_numpy(rgb_pred)[np.isin(part, chosen)]
        found[name].append(values | {"rgb": kid.reduced(shown)})

    with ThreadPoolExecutor(os.cpu_count()) as pool:  # rows side by side
        weights = metrics.ab_bin_weights(sum(pool.map(histogram, parts))).astype(np.float32)
        for part in parts:
            truth = _compiled(describe)(photos.images[part], weights)
            lab_true = ops.convert_to_numpy(truth["lab"])
            list(pool.map(functools.partial(one, part, truth, lab_true), found))
    names = photos.names(rows)
    table = pd.concat([_table(names, *row) for row in found.items()], ignore_index=True)
    colors, pictures = (
        {name: np.concatenate([one[key] for one in values]) for name, values in found.items()}
        for key in ("colors", "rgb")
    )
    return Measured(table, colors, histograms, pictures)


def describe(rgb_true, weights):
    """What is needed of true photos, tensors (N, H, W, 3), with the weights of the bins of ab."""
    lab_true = lab.rgb_to_lab(rgb_true)
    colors = metrics.color_classes(lab_true[..., 1:])
    classes = ops.one_hot(colors, len(metrics.COLORS), axis=1, dtype="float32")  # (N, 8, H, W)
    return {"rgb": rgb_true, "lab": lab_true, "weights": weights, "classes": classes}


def compare(truth, ab_pred):
    """All but SSIM that is measured of predictions, tensors (N, H, W, 2): dict of tensors.

    Besides measures: the photos `rgb`; `metrics.weighted_shares`; bins (N, H, W) of the predicted
    ab; colors (N, 8, 4), for each of `metrics.COLORS` the sums over its pixels of 1, the squared
    error, the true chroma and the predicted chroma.
    """
    rgb_true, ab_true = truth["rgb"], truth["lab"][..., 1:]
    rgb_pred = metrics.with_ab(truth["lab"], ab_pred)
    distance = metrics.ciede2000(truth["lab"], lab.rgb_to_lab(rgb_pred))
    chroma = [ops.sqrt(ops.sum(ops.square(ab), axis=-1)) for ab in (ab_true, ab_pred)]
    error = ops.sum(ops.square(ab_pred - ab_true), axis=-1)
    parts = ops.stack([ops.ones_like(error), error, *chroma], axis=1)
    return {
        "rgb": rgb_pred,
        "rmse_ab": metrics.rmse_ab(ab_true, ab_pred),
        "rmse_rgb": metrics.rmse_rgb(rgb_true, rgb_pred),
        "delta_e_2000": ops.mean(distance, axis=(1, 2)),
        "colorfulness": metrics.colorfulness(rgb_pred),
        "auc": metrics.auc(ab_true, ab_pred),
        "weighted": metrics.weighted_shares(ab_true, ab_pred, truth["weights"]),
        "bins": metrics.ab_bin(ab_pred),
        "colors": ops.einsum("nchw,nshw->ncs", truth["classes"], parts),
    }


def error_by_color(colors, seed=0):
    """Error and chroma of every row by the colour class of the true pixel, over all photos.

    `colors` are those of `Measured`. Gives a DataFrame with one row a class and model, but for
    `truth` and classes without a pixel: color (see `metrics.color_classes`), model, pixels (the
    class's share of all), rmse_ab (pooled over pixels and channels) with its 95 % interval over
    photos rmse_ab_low and rmse_ab_high, chroma_ratio (predicted over true, below 1 is too pale).
    """
    tables = []
    for model, sums in colors.items():
        pixels, squared, true, pred = np.moveaxis(sums.astype(float), -1, 0)  # each (N, 8)
        error = np.sqrt(bootstrap_ratio(squared, 2 * pixels, seed))
        share = pixels.sum(axis=0) / pixels.sum()
        columns = {"color": metrics.COLORS, "model": model, "pixels": share}
        columns |= dict(zip(["rmse_ab", "rmse_ab_low", "rmse_ab_high"], error, strict=True))
        columns["chroma_ratio"], *_ = bootstrap_ratio(pred, true, seed)
        tables.append(pd.DataFrame(columns))
    table = pd.concat(tables, ignore_index=True)
    table = table[(table["model"] != "truth") & (table["pixels"] > 0)]
    return table.iloc[table["color"].map(metrics.COLORS.index).argsort(kind="stable")]


def colored(photos, predictors, part):
    """What the given rows of the table make of some photos: dict of name -> uint8 (n, H, W, 3)."""
    rgb = photos.images[part]
    lab_true = lab.rgb_to_lab(rgb)
    return {
        name: metrics.recolor(rgb, _ab(name, predict, part, lab_true))
        for name, predict in predictors.items()
    }


@functools.cache
def _compiled(function):
    """The function as one program of the backend, compiled once for each size of photos."""
    if keras.backend.backend() == "jax":
        import jax

        return jax.jit(function)
    import tensorflow as tf

    return tf.function(function, jit_compile=True)


def _ab(name, predict, part, lab_true):
    """A row's ab of some photos, checked."""
    lightness = np.clip(lab_true[..., :1], 0, 100)  # in spite of rounding
    ab, expected = predict(part, lightness), (*lightness.shape[:3], 2)
    if ab.shape != expected:
        raise ValueError(f"{name}: expected ab of shape {expected}, got {ab.shape}")
    return ab.astype(np.float32, copy=False)


def _predict(network, part, lightness):
    """As `models.predict_ab`, but compiled, without XLA, which is slower for convolutions."""
    network.jit_compile = False
    ab_scaled = network.predict_on_batch(lightness / lab.L_HALF - 1)
    return np.asarray(ab_scaled) * np.float32(lab.AB_SCALE)


def _table(names, model, batches):
    """A row's part of metrics.csv, from what was measured of each batch."""
    keys = [key for key in (*metrics.MEASURES, "weighted") if key in batches[0]]
    found = {key: np.concatenate([one[key] for one in batches]).astype(float) for key in keys}
    found["psnr"] = metrics.psnr_of(found["rmse_rgb"])
    found["auc_rebalanced"] = metrics.pooled_share(*found.pop("weighted").T)
    columns = {"photo": names, "model": model} | {key: found[key] for key in metrics.MEASURES}
    return pd.DataFrame(columns)
