"""Every row of the study's table, measured on the same photos.

A row is anything that gives ab for photos: the trivial baselines, what is known of drawn scenes,
and the trained networks. `predictors` makes them, `measure` measures them batch by batch, so that
memory does not grow with the number of photos.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from lib import baselines, lab, metrics, models, scenes

NETWORKS = ("cnn", "autoencoder", "xception", "xception_skips", "generator", "gan")
BATCH = 64  # photos at once


def predictors(photos, rows, study, seed=0):
    """All rows of the table that can be made for a study.

    Parameters
    ----------
    photos : preprocess.Photos
        The baselines are fitted on its training photos.
    rows : array (N,) of int
        The photos that will be measured.
    study : path
        results/<study>, where the networks are.
    seed : int
        Of the random other photo.

    Returns
    -------
    dict of name -> function
        Each takes an array of rows of `photos.images`, a part of `rows`, and gives ab in CIELAB
        units, float32 (n, H, W, 2). In the order of the table: baselines, oracles, networks.
    """
    mean_ab = baselines.fit_mean_ab(_lab(photos, part)[..., 1:] for part in _parts(photos, "train"))
    table = baselines.fit_l_lookup(_lab(photos, part) for part in _parts(photos, "train"))
    drawn = baselines.draw_photos(photos.rows("train"), len(rows), seed)
    other = dict(zip(rows.tolist(), drawn.tolist(), strict=True))
    found = {
        "gray": lambda part: baselines.predict_gray(_lightness(photos, part)),
        "mean_ab": lambda part: baselines.predict_mean_ab(_lightness(photos, part), mean_ab),
        "l_lookup": lambda part: baselines.predict_l_lookup(_lightness(photos, part), table),
        "random_photo": lambda part: baselines.predict_random_photo(
            _lightness(photos, part), photos.images[[other[row] for row in part.tolist()]]
        ),
    }
    if photos.dataset == "scenes":
        found["oracle_mean"] = lambda part: scenes.oracle_mean(*_drawn_as(photos, part))
        found["oracle_sample"] = lambda part: scenes.oracle_sample(*_drawn_as(photos, part))
    for name in NETWORKS:
        path = Path(study) / name / "model.keras"
        if path.is_file():
            network = models.load(path)
            found[name] = lambda part, n=network: models.predict_ab(n, photos.images[part])
    return found


def measure(photos, rows, predictors):
    """All measures of all rows of the table on the given photos.

    Returns
    -------
    pandas.DataFrame
        One row a photo and model: photo (its file's name), model, and a column a measure
        (`metrics.MEASURES`). The row `truth` measures the photos themselves; only its colorfulness
        says anything.
    """
    tables = []
    for part in np.array_split(rows, -(-len(rows) // BATCH)):
        rgb = photos.images[part]
        ab_true = _lab(photos, part)[..., 1:]
        for name, predict in {"truth": lambda _, ab=ab_true: ab, **predictors}.items():
            values = metrics.evaluate(rgb, predict(part))
            tables.append(pd.DataFrame({"photo": photos.names(part), "model": name} | values))
    table = pd.concat(tables)
    order = {name: number for number, name in enumerate(["truth", *predictors])}
    return table.sort_values("model", key=lambda names: names.map(order), kind="stable")


def _parts(photos, split):
    rows = photos.rows(split)
    return np.array_split(rows, -(-len(rows) // BATCH))


def _lab(photos, part):
    return np.asarray(lab.rgb_to_lab(photos.images[part]))


def _lightness(photos, part):
    return np.clip(_lab(photos, part)[..., :1], 0, 100)


def _drawn_as(photos, part):
    """Arguments of the oracles: which scenes, at what size, from which seed."""
    return [scenes.index_of(name) for name in photos.names(part)], photos.image_size, photos.seed
