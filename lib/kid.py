"""Do colorized photos, as a set, look like photos? KID, the kernel inception distance.

The squared maximum mean discrepancy of two sets of features: 0 in expectation if both come from
the same distribution. The features are those of Keras's Xception, its last convolution averaged
over the photo: values compare only with values of the same network and weights. Unlike a Fréchet
distance it does with fewer photos than features.

To compare a photo with its own truth would flatter: half of the photos, coloured, are compared with
the true photos of the other half; see `kid`.

References
----------
Binkowski, Sutherland, Arbel, Gretton (2018), Demystifying MMD GANs (KID, equation 4, kernel).
Parmar, Zhang, Zhu (2022), On aliased resizing and surprising subtleties in GAN evaluation (photos
are reduced by PIL, with its antialiasing).
"""

import keras
import numpy as np
import pandas as pd
from PIL import Image

from lib.intervals import ends, resamples

NETWORK = "Xception"
LARGEST = 96  # pixels a side; larger photos are reduced to it, since features cost time
SPLITS = 200  # random halves for the floor
SCALE = 1000  # KID is small: tables hold KID x 1000


def reduced(rgb):
    """Square photos uint8 (N, S, S, 3), those of more than 96 pixels a side reduced to 96."""
    if rgb.shape[1] <= LARGEST:
        return rgb
    size, lanczos = (LARGEST, LARGEST), Image.Resampling.LANCZOS
    small = [np.asarray(Image.fromarray(photo).resize(size, lanczos)) for photo in rgb]
    return np.array(small, np.uint8).reshape(-1, *size, 3)


def features(xception, photos):
    """Features (N, 2048), float32, of several sets of photos: dict of name to array.

    `photos` is a dict of name to uint8 (N, H, W, 3). KID depends on the features' scale, and random
    weights give none to speak of: theirs get mean 0 and variance 1 for the photos `truth`.
    """
    mean = keras.layers.GlobalAveragePooling2D(dtype="float32")(xception.output)
    network = keras.Model(xception.input, mean)
    network.compile(jit_compile=False)  # XLA is slower for convolutions
    found = {
        name: network.predict(rgb.astype(np.float32) / 127.5 - 1, verbose=0)
        for name, rgb in photos.items()
    }
    if xception.weights_used == "random":
        center, spread = found["truth"].mean(axis=0), np.sqrt(found["truth"].var(axis=0).mean())
        found = {name: (values - center) / spread for name, values in found.items()}
    return found


def kernel(x, y):
    """The polynomial kernel (x . y / d + 1)^3 of all pairs: (N, d), (M, d) to float64 (N, M)."""
    return (np.float64(x) @ np.float64(y).T / len(x[0]) + 1) ** 3


def kid(true, pred, seed=0):
    """KID of photos whose truth is known, from pairs of different photos.

    The mean over i != j of k(p_i, p_j) + k(t_i, t_j) - k(p_i, t_j) - k(t_i, p_j), of the features
    (N, d) of the same photos: the mean over all ways to halve them; unbiased. Gives the value and
    its 95 % percentile interval, of the same samples of the photos as the other measures' (a photo
    that is drawn twice makes no pair with itself). NaN for fewer than 2 photos.
    """
    value, drawn = _bootstrap(true, pred, seed)
    return value, *ends(drawn)


def paired_differences(features, pairs, seed=0):
    """By how much the KID x 1000 of the first of each pair of rows differs from the second's.

    Takes the features of `table` and pairs of names; gives a list of dict, each as that of
    `intervals.paired_difference`, from the same samples of the photos for both. `effect_size` is
    None: there is no value of a single photo that could vary.
    """
    names = set().union(*pairs)
    found = {name: _bootstrap(features["truth"], features[name], seed) for name in names}
    results = []
    for (one, drawn), (other, drawn_other) in ((found[m], found[r]) for m, r in pairs):
        low, high = ends(drawn - drawn_other)
        result = {"difference": SCALE * (one - other), "low": SCALE * low, "high": SCALE * high}
        results.append(result | {"effect_size": None, "photos": len(features["truth"])})
    return results


def floor(true, seed=0):
    """What real photos score against other real photos: (mean, low, high).

    The unbiased estimator of Binkowski et al. for one random half and the other, 200 times: mean,
    2.5 and 97.5 percentiles: how far KID goes from 0 by chance. NaN for fewer than 4 photos.
    """
    half, pairs = len(true) // 2, kernel(true, true)
    if half < 2:
        return (np.nan,) * 3
    random, values = np.random.default_rng(seed), []
    for _ in range(SPLITS):
        order = random.permutation(len(true))
        one, other = order[:half], order[half:]
        inside = sum(_mean_of_pairs(pairs[np.ix_(part, part)]) for part in (one, other))
        values.append(inside - 2 * pairs[np.ix_(one, other)].mean())
    return float(np.mean(values)), *np.percentile(values, [2.5, 97.5]).tolist()


def table(features, seed=0):
    """Columns of summary.csv: model, kid, kid_low, kid_high, all x 1000.

    `features` is a dict of row name to array (N, d), `truth` among them, whose row has the `floor`.
    """
    truth = features["truth"]
    rows = [
        floor(truth, seed) if name == "truth" else kid(truth, found, seed)
        for name, found in features.items()
    ]
    columns = dict(zip(["kid", "kid_low", "kid_high"], SCALE * np.array(rows).T, strict=True))
    return pd.DataFrame({"model": list(features)} | columns)


def _bootstrap(true, pred, seed):
    """KID and its values in samples of the photos with replacement, NaN where no pairs are."""
    across = kernel(true, pred)
    pairs = kernel(true, true) + kernel(pred, pred) - across - across.T
    np.fill_diagonal(pairs, 0)
    times = resamples(len(pairs), seed)
    weight = len(pairs) ** 2 - np.square(times).sum(axis=1)
    total = np.einsum("rn,rn->r", times @ pairs, times)
    drawn = np.divide(total, weight, out=np.full(len(times), np.nan), where=weight > 0)
    return _mean_of_pairs(pairs), drawn


def _mean_of_pairs(values):
    """Mean of a square matrix without its diagonal; NaN if nothing else is there."""
    count = len(values)
    return (values.sum() - np.trace(values)) / (count * (count - 1)) if count > 1 else np.nan
