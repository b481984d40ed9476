"""What was tried before the reference study was trained; measured on validation photos alone.

    python -m lib.tuning --source Flickr8k_Dataset.zip --xception xception.weights.h5

Each trial is a short training on few and small photos: enough to see which of two settings is
better, not how good it gets. One row a trial goes to results/flickr8k/tried.csv as soon as it is
measured; those that are there are not tried again. About half an hour on two cores.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from lib import lab, losses, metrics, models, preprocess, train
from lib.files import write_text

PHOTOS, SIZE, EPOCHS, BATCH_SIZE = 1500, 64, 5, 32
USUAL = {"loss": "mse", "learning_rate": 1e-3, "flips": True, "feature_weight": 0.0}
TRIALS = (
    ("cnn", {}),
    ("cnn", {"loss": "mae"}),
    ("cnn", {"loss": "huber"}),
    ("cnn", {"learning_rate": 3e-4}),
    ("cnn", {"learning_rate": 3e-3}),
    ("cnn", {"filters": 64}),
    ("cnn", {"flips": False}),
    ("autoencoder", {}),
    ("autoencoder", {"learning_rate": 3e-4}),
    ("autoencoder", {"code": 64}),
    ("xception", {}),
    ("xception_skips", {}),
    ("xception_skips", {"learning_rate": 3e-3}),
    ("xception_skips", {"filters": 256}),
    ("xception_skips", {"fine_tune": True, "learning_rate": 1e-4}),
    ("generator", {"loss": "mae"}),
    ("generator", {"loss": "mae", "feature_weight": 1.0}),
    ("generator", {"loss": "mae", "feature_weight": 1.0, "learning_rate": 3e-3}),
    ("generator", {"loss": "mae", "feature_weight": 1.0, "filters": 48}),
    ("generator", {"loss": "mae", "feature_weight": 1.0, "encoder": "xception"}),
)


def try_one(name, changes, photos, xception):
    """Train one network for a short while.

    Parameters
    ----------
    name : str
        See `models.MODELS`.
    changes : dict
        What differs from `USUAL`, or an argument of the network's builder.
    photos : preprocess.Photos
    xception : str
        See `models.load_xception`.

    Returns
    -------
    dict
        epoch (the best), rmse_ab (mean over val photos, CIELAB units), colorfulness_ratio (mean of
        the outputs' over mean of the truths'), parameters (trained), seconds.
    """
    start, (network, trainer, settings) = time.monotonic(), _trainer(name, changes, xception)
    with tempfile.TemporaryDirectory() as folder:
        history = train.fit(
            trainer, photos, folder, epochs=EPOCHS, batch_size=BATCH_SIZE, patience=EPOCHS,
            learning_rate=settings["learning_rate"], flips=settings["flips"],
        )  # fmt: skip
    seconds = time.monotonic() - start
    rgb = photos.images[photos.rows("val")]
    ab_pred = models.predict_ab(network, rgb)
    error = metrics.rmse_ab(np.asarray(lab.rgb_to_lab(rgb))[..., 1:], ab_pred)
    ratio = metrics.colorfulness(metrics.recolor(rgb, ab_pred)).mean()
    return {
        "epoch": int(history.val_loss.argmin()) + 1,
        "rmse_ab": round(float(error.mean()), 3),
        "colorfulness_ratio": round(float(ratio / metrics.colorfulness(rgb).mean()), 3),
        "parameters": sum(int(np.prod(v.shape)) for v in network.trainable_variables),
        "seconds": round(seconds, 1),
    }


def _trainer(name, changes, xception):
    """The network of a trial, what trains it, and its settings."""
    train.prepare_device(0)
    settings = USUAL | changes
    built = {key: value for key, value in changes.items() if key not in USUAL}
    weights = models.load_xception(xception)
    if name == "autoencoder":
        built["image_size"] = SIZE
    elif name != "cnn":
        built["xception"] = weights
    network = models.MODELS[name](**built)
    weight = settings["feature_weight"]
    feature_loss = losses.FeatureLoss(weights) if weight else None
    return network, train.Colorizer(network, settings["loss"], feature_loss, weight), settings


def main(arguments=None):
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--source", help="the archive or folder of Flickr8k; default: download")
    parser.add_argument("--xception", default="imagenet", help="imagenet, or a .weights.h5 file")
    parser.add_argument("--out", type=Path, default="results/flickr8k/tried.csv")
    options = parser.parse_args(arguments)
    photos = preprocess.prepare("flickr8k", options.source, SIZE, PHOTOS)
    try:
        rows = pd.read_csv(options.out, keep_default_na=False).to_dict("records")
    except FileNotFoundError:
        rows = []
    for name, changes in TRIALS:
        changed = ", ".join(f"{key} {value}" for key, value in changes.items())
        trial = {"model": name, "changed": changed, "size": SIZE, "epochs": EPOCHS}
        if any(all(row[key] == trial[key] for key in trial) for row in rows):
            continue
        counts = {split: len(photos.rows(split)) for split in ("train", "val")}
        rows.append(trial | counts | try_one(name, changes, photos, options.xception))
        write_text(options.out, pd.DataFrame(rows).to_csv(index=False))
        print(rows[-1], flush=True)


if __name__ == "__main__":
    main()
