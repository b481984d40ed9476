"""Training that reads like the paper and never loses work.

`Colorizer` wraps a network: uint8 photos go in, CIELAB is computed inside the training step. `fit`
trains one, saves after every epoch, and goes on where it was after being killed; on a CPU the
resumed run ends with the very same weights, since the order of the photos and their flips depend
on the seed and the epoch alone.

A run's folder holds model.keras (the network, when finished), history.csv (one row an epoch),
params.json (sizes, settings, warnings) and, while it runs, checkpoint.json with its weights. Each
is written beside its place and renamed, so that none is ever half there.

References
----------
The paper, section V (Adam, batch 96, 250 to 500 epochs). Kingma, Ba (2015), Adam. Loshchilov,
Hutter (2017), SGDR (cosine rate, here without restarts).
"""

import time

import keras
import numpy as np
import pandas as pd
from keras import ops

from lib import features, lab, losses
from lib.checkpoint import Run
from lib.devices import (
    distribute,
    has_gpu,
    memory_advice,
    of_replica,
    replicas,
    share_of_replica,
    watched,
)

ACCURACY_DISTANCE = 10.0  # CIELAB units: a pixel nearer than this to the true ab counts as right


def prepare_device(seed):
    """Seed every random number generator, and use all GPUs that there are.

    Call it before building a network. On a GPU precision is mixed. With TensorFlow, each batch is
    split among all GPUs and machines, see `lib.devices`. Returns a dict: device, precision, xla,
    replicas.
    """
    gpu = has_gpu()
    distribute()
    keras.utils.set_random_seed(seed)
    keras.mixed_precision.set_global_policy("mixed_bfloat16" if gpu else "float32")
    precision = keras.mixed_precision.global_policy().name
    return {
        "device": "GPU" if gpu else "CPU",
        "precision": precision,
        "xla": gpu,
        "replicas": replicas(),
    }


def parts(x):
    """A batch as a list: photos, and what comes with them."""
    return list(x) if isinstance(x, list | tuple) else [x]


class Trainer(keras.Model):
    """A model that trains others; they are built before it is made.

    `encoded` is the one of them whose frozen encoder may be run once for all epochs.
    """

    def build(self, input_shape):
        self.built = True

    def _maybe_symbolic_build(self, iterator=None, data_batch=None):
        """Do nothing: here Keras averages a batch over all machines, which fails, to build them."""


class Colorizer(Trainer):
    """A network with its loss and measures, trained on uint8 photos.

    Parameters
    ----------
    network : keras.Model
        lightness_scaled (N, H, W, 1) to ab_scaled (N, H, W, 2).
    loss : str
        A colour loss on ab_scaled, see `losses.LOSSES`.
    feature_loss : losses.FeatureLoss or None
        Added to the colour loss, times `feature_weight`.
    feature_weight : float

    Called with photos alone, or with photos and the features that the network's frozen encoder
    makes of them; then only what comes after the encoder is run.
    """

    def __init__(self, network, loss="mse", feature_loss=None, feature_weight=1.0):
        super().__init__(name="colorizer")
        self.network = network
        self.loss_name = loss
        self.color_loss = losses.get(loss)
        self.feature_loss = feature_loss
        self.feature_weight = feature_weight
        self.near = keras.metrics.Mean("accuracy")
        self.error = keras.metrics.RootMeanSquaredError("rmse_ab")

    def call(self, x, training=False):
        rgb, *maps = parts(x)
        lightness_scaled, _ = lab.scale(lab.rgb_to_lab(rgb))
        if maps:
            return features.decode(self.network, lightness_scaled, maps, training)
        return self.network(lightness_scaled, training=training)

    @property
    def encoded(self):
        return self.network

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        rgb = parts(x)[0]
        lightness_scaled, ab_true = lab.scale(lab.rgb_to_lab(rgb))
        loss = self.color_loss(ab_true, y_pred)
        if self.feature_loss is not None:
            rgb_true = ops.cast(rgb, "float32") / 255.0
            rgb_pred = lab.lab_to_rgb(lab.unscale(lightness_scaled, y_pred))
            loss = loss + self.feature_weight * self.feature_loss(rgb_true, rgb_pred)
        return share_of_replica(loss)

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        ab_true = lab.rgb_to_lab(parts(x)[0])[..., 1:]
        ab_pred = ops.cast(y_pred, "float32") * lab.AB_SCALE
        self.error.update_state(ab_true, ab_pred)
        distance = ops.sqrt(ops.sum(ops.square(ab_pred - ab_true), axis=-1))
        self.near.update_state(ops.cast(distance < ACCURACY_DISTANCE, "float32"))
        return of_replica(self.get_metrics_result())

    def adam(self, rate):
        """The optimizer, with the paper's choice, Adam, at Keras's defaults."""
        return keras.optimizers.Adam(rate)

    def settings(self):
        """What the loss is, for params.json."""
        features = None if self.feature_loss is None else self.feature_weight
        return {"loss": self.loss_name, "feature_weight": features}


class Batches(keras.utils.PyDataset):
    """Batches of uint8 photos from a memory-mapped store, the same at the same seed and epoch.

    Training batches are shuffled, flipped left to right at random, and all full; the others come in
    order and whole. With `encoded` (features.Features), a batch is the photos and their features.
    """

    def __init__(self, images, rows, batch_size, seed=0, training=False, flips=True, encoded=None):
        super().__init__()
        if not 1 <= batch_size <= len(rows):
            raise ValueError(f"BATCH_SIZE: expected 1 to {len(rows)} photos, got {batch_size}")
        self.images, self.rows, self.batch_size = images, np.asarray(rows), batch_size
        self.seed, self.training, self.flips = seed, training, flips
        self.encoded, self.epoch = encoded, 0

    def __len__(self):
        count = len(self.rows) / self.batch_size
        return int(count) if self.training else int(np.ceil(count))

    def __getitem__(self, number):
        rows = self.rows
        if self.training:
            rows = np.random.default_rng((self.seed, self.epoch)).permutation(rows)
        rows = rows[number * self.batch_size : (number + 1) * self.batch_size]
        rgb, flipped = self.images[rows], np.zeros(len(rows), bool)
        if self.training and self.flips:
            flipped = np.random.default_rng((self.seed, self.epoch, number)).random(len(rows)) < 0.5
            rgb[flipped] = rgb[flipped, :, ::-1]
        return (rgb,) if self.encoded is None else ((rgb, *self.encoded.of_batch(rows, flipped)),)


def fit(
    trainer,
    photos,
    folder,
    *,
    epochs,
    batch_size,
    learning_rate,
    schedule="cosine",
    patience=None,
    flips=True,
    seed=0,
    xla=None,
    cache=None,
    warnings=(),
):
    """Train a network on the training photos, or go on where a killed run was.

    Parameters
    ----------
    trainer : Colorizer or nogan.CriticTrainer
        Holds the network with its loss, its measures and its optimizer.
    photos : preprocess.Photos
        "train" is trained on, "val" is measured after each epoch; "test" is not touched.
    folder : path
        Where the run is kept. A run there with other settings, data or code is started over.
    epochs, batch_size : int
    learning_rate : float
        Of Adam, at the start.
    schedule : str
        "cosine" (to zero at the end) or "constant".
    patience : int or None
        Stop when val_loss has not improved for that many epochs, and keep the best epoch's weights.
    flips : bool
        Mirror training photos at random.
    seed : int
    xla : bool or None
        Compile with XLA; None for only on a GPU (on 2 CPU cores these networks train 1.5 to 2
        times slower with it).
    cache : bool or None
        Keep what a frozen encoder makes of the photos on disk instead of running it in every
        epoch; None for where it pays (see `lib.features`). Changes nothing but the time.
    warnings : sequence of str
        Kept in params.json and shown in the report.

    Returns
    -------
    pandas.DataFrame
        One row an epoch: epoch, loss, accuracy, rmse_ab, val_loss, val_accuracy, val_rmse_ab,
        learning_rate (at the epoch's start), seconds. accuracy is the share of pixels within
        `ACCURACY_DISTANCE`; rmse_ab is pooled over all pixels, in CIELAB units.

    Raises
    ------
    ValueError
        If there are no validation photos, or fewer training photos than `batch_size`; if `cache`
        is asked for and there is no frozen encoder.
    FloatingPointError
        If a loss is not finite: names epoch and batch; the last good weights are kept.
    MemoryError
        If the device's memory is too small: names the parameter to halve.
    """
    rows = {split: photos.rows(split) for split in ("train", "val")}
    if not len(rows["val"]):
        raise ValueError(
            f"photos: expected some for validation, got none beside {len(rows['train'])} for "
            "training: raise MAX_IMAGES"
        )
    if cache is None:
        cache = features.pays(trainer.encoded, photos, epochs)
    encoded = features.of(trainer.encoded, photos) if cache else None
    train = Batches(photos.images, rows["train"], batch_size, seed, True, flips, encoded)
    few = min(batch_size, len(rows["val"]))
    validation = Batches(photos.images, rows["val"], few, encoded=encoded)
    settings = {
        **trainer.settings(),
        "epochs": epochs,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "schedule": schedule,
        "patience": patience,
        "flips": flips,
        "seed": seed,
    }
    rate = _rate(schedule, learning_rate, epochs * len(train))
    trainer.compile(trainer.adam(rate), jit_compile=has_gpu() if xla is None else xla)
    trainer.build(None)  # its parts are built: only a built model takes weights back
    run = Run(folder, [trainer], trainer.network, settings, photos.fingerprint)
    if not run.finished:
        train.epoch = run.start
        last = run.start if _exhausted(run.rows, patience) else epochs
        with memory_advice("BATCH_SIZE"):
            trainer.fit(
                train,
                validation_data=validation,
                initial_epoch=run.start,
                epochs=last,
                shuffle=False,
                verbose=1 if watched() else 2,
                callbacks=[_Epochs(run, train, patience)],
            )
        run.finish(warnings)
    return pd.DataFrame(run.rows)


class _Epochs(keras.callbacks.Callback):
    """After each batch check the loss; after each epoch keep everything."""

    def __init__(self, run, train, patience):
        super().__init__()
        self.run, self.train, self.patience = run, train, patience

    def on_epoch_begin(self, epoch, logs=None):
        self.train.epoch = self.epoch = epoch
        self.rate = float(ops.convert_to_numpy(self.model.optimizer.learning_rate))
        self.began = time.perf_counter()

    def on_train_batch_end(self, batch, logs=None):
        if not np.isfinite(logs["loss"]):
            raise FloatingPointError(
                f"the loss is {logs['loss']} at epoch {self.epoch + 1}, batch {batch + 1}: "
                "lower LEARNING_RATE; the weights of the last finished epoch are kept"
            )

    def on_epoch_end(self, epoch, logs=None):
        row = {"epoch": epoch + 1} | {name: float(value) for name, value in logs.items()}
        seconds = time.perf_counter() - self.began
        self.run.rows.append(row | {"learning_rate": self.rate, "seconds": round(seconds, 3)})
        if self.patience is not None:
            if np.argmin([row["val_loss"] for row in self.run.rows]) == epoch:
                self.run.save_best(epoch + 1)
            self.model.stop_training = _exhausted(self.run.rows, self.patience)
        self.run.save(epoch + 1)


def _exhausted(rows, patience):
    """True when val_loss has not improved for `patience` epochs."""
    if patience is None or not rows:
        return False
    return len(rows) - 1 - np.argmin([row["val_loss"] for row in rows]) >= patience


def _rate(schedule, learning_rate, steps):
    if schedule == "cosine":
        return keras.optimizers.schedules.CosineDecay(learning_rate, max(steps, 1))
    if schedule == "constant":
        return learning_rate
    raise ValueError(f"SCHEDULE: expected cosine or constant, got {schedule!r}")
