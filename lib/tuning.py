"""What was tried before the reference study was trained; measured on validation photos alone.

    python -m lib.tuning --source Flickr8k_Dataset.zip --xception xception.weights.h5

Each trial is a short training on few and small photos: enough to see which of two settings is
better, not how good it gets. The trials of NoGAN's joint phase, and of more colour, start from the
networks of results/flickr8k, and are measured at its size; they wait until these are there. One row
a trial goes to results/flickr8k/tried.csv as soon as it is measured; those that are there are not
tried again. About an hour on two cores.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from lib import losses, metrics, models, moment, nogan, preprocess, realism, train
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
    ("autoencoder", {"learning_rate": 3e-3}),
    ("autoencoder", {"code": 64}),
    ("autoencoder", {"code": 512}),
    ("autoencoder", {"filters": 64}),
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

STUDY = Path("results/flickr8k")  # the study that the joint phase's trials go on from
STUDY_SIZE = 96  # pixels a side
JOINT = {"steps": 160, "learning_rate": 4e-5, "tolerance": 0.2, "check_every": 6}
JOINT_TRIALS = (
    {},
    {"learning_rate": 2e-5, "steps": 114},
    {"average": 0.9, "steps": 102},
    {"steps": 0, "ab": 1.75},  # no joint training, but ab times 1.75
    *(
        {
            **{"learning_rate": 2e-5, "average": 0.9, "steps": 120, "check_every": 5},
            **{"tolerance": tolerance, "saturate": True},
        }
        for tolerance in (0.14, 0.16)
    ),
)
COLOR_TRIALS = (  # what more colour costs the study's own networks, with no more training
    ("generator", {"ab": 1.7, "power": 1.0}),
    ("generator", {"ab": 1.9, "power": 0.8}),
    ("gan", {"ab": 1.0, "power": 1.0}),
    ("gan", {"ab": 0.98, "power": 1.0}),
    ("gan", {"ab": 1.17, "power": 0.8}),
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
    start = time.monotonic()
    network, trainer, settings = _trainer(name, changes, xception)
    with tempfile.TemporaryDirectory() as folder:
        history = train.fit(
            trainer, photos, folder, epochs=EPOCHS, batch_size=BATCH_SIZE, patience=EPOCHS,
            learning_rate=settings["learning_rate"], flips=settings["flips"],
        )  # fmt: skip
    return {
        "epoch": int(history.val_loss.argmin()) + 1,
        **_measured(models.predict_ab(network, _validation(photos)), photos),
        "parameters": sum(int(np.prod(v.shape)) for v in network.trainable_variables),
        "seconds": round(time.monotonic() - start, 1),
    }


def try_joint(changes, photos, xception):
    """Train the study's generator and critic together; as `try_one`, with kid (see `realism.kid`).

    `changes` differ from `JOINT`; "ab" is a factor of the answer. Of `epoch`, the step is given.
    """
    start = time.monotonic()
    train.prepare_device(0)
    settings = JOINT | changes
    factor = settings.pop("ab", 1.0)
    generator = models.load(STUDY / "generator" / "model.keras")
    critic = models.load(STUDY / "critic" / "cycle1" / "model.keras")
    feature_loss = losses.FeatureLoss(models.load_xception(xception))
    with tempfile.TemporaryDirectory() as folder:
        log = nogan.adversarial(
            generator, critic, photos, folder, batch_size=BATCH_SIZE, feature_loss=feature_loss,
            **settings,
        )  # fmt: skip
    rgb = _validation(photos)
    ab_pred = factor * models.predict_ab(generator, rgb)
    pictures = {"truth": rgb, "pred": metrics.recolor(rgb, ab_pred)}
    features = realism.features(models.load_xception(xception), pictures)
    return {
        "epoch": int(log.step[log.chosen].item()),
        **_measured(ab_pred, photos),
        "kid": round(realism.kid(features["truth"], features["pred"])[0] * 1000, 2),
        "seconds": round(time.monotonic() - start, 1),
    }


def try_color(name, photos, ab, power):
    """The answers of a network of the study with other colours; as `try_one`, seconds aside.

    ab is multiplied by `ab` times (C / 10)^(power - 1), of its own chroma C: with a power below 1
    pale colours gain more than strong ones.
    """
    found = models.predict_ab(models.load(STUDY / name / "model.keras"), _validation(photos))
    chroma = np.maximum(np.hypot(found[..., :1], found[..., 1:]), 1e-3)
    values = np.float32(ab * (chroma / 10) ** (power - 1) * found)
    return {"epoch": 0, **_measured(values, photos)}


def _validation(photos):
    return photos.images[photos.rows("val")]


def _measured(ab_pred, photos):
    """What counts of an answer to the val photos."""
    measured, _ = moment.Truth(_validation(photos)).measure(ab_pred)
    return {name: round(value, 3) for name, value in measured.items()}


def _trainer(name, changes, xception):
    """The network of a trial, what trains it, and its settings."""
    train.prepare_device(0)
    settings = USUAL | changes
    built = {key: value for key, value in changes.items() if key not in USUAL}
    if name == "autoencoder":
        built["image_size"] = SIZE
    elif name != "cnn":
        built["xception"] = models.load_xception(xception)
    network = models.MODELS[name](**built)
    weight = settings["feature_weight"]
    feature_loss = losses.FeatureLoss(models.load_xception(xception)) if weight else None
    return network, train.Colorizer(network, settings["loss"], feature_loss, weight), settings


def main(arguments=None):
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--source", help="the archive or folder of Flickr8k; default: download")
    parser.add_argument("--xception", default="imagenet", help="imagenet, or a .weights.h5 file")
    parser.add_argument("--out", type=Path, default="results/flickr8k/tried.csv")
    options = parser.parse_args(arguments)
    try:
        rows = pd.read_csv(options.out, keep_default_na=False).to_dict("records")
    except FileNotFoundError:
        rows = []
    trials = [(name, changes, SIZE, EPOCHS) for name, changes in TRIALS]
    if (STUDY / "critic" / "cycle1" / "model.keras").is_file():
        trials += [("gan", changes, STUDY_SIZE, "") for changes in JOINT_TRIALS]
    if (STUDY / "gan" / "model.keras").is_file():
        trials += [(name, changes, STUDY_SIZE, "") for name, changes in COLOR_TRIALS]
    for name, changes, size, epochs in trials:
        changed = ", ".join(f"{key} {value}" for key, value in changes.items())
        trial = {"model": name, "changed": changed, "size": size, "epochs": epochs}
        if any(all(str(row[key]) == str(trial[key]) for key in trial) for row in rows):
            continue
        photos = preprocess.prepare(
            "flickr8k", options.source, size, PHOTOS if size == SIZE else None
        )
        counts = {split: len(photos.rows(split)) for split in ("train", "val")}
        if "power" in changes:
            found = try_color(name, photos, **changes)
        elif name == "gan":
            found = try_joint(changes, photos, options.xception)
        else:
            found = try_one(name, changes, photos, options.xception)
        rows.append(trial | counts | found)
        write_text(options.out, pd.DataFrame(rows).to_csv(index=False))
        print(rows[-1], flush=True)


if __name__ == "__main__":
    main()
