"""Training that reads like the paper and never loses work.

`Colorizer` wraps a network: uint8 photos go in, CIELAB is computed inside the training step. `fit`
trains one and saves after every epoch. Its folder ends with model.keras (the network), history.csv
(one row an epoch) and params.json (sizes, settings, warnings).

References
----------
The paper, section V (Adam, batch 96, 250 to 500 epochs). Kingma, Ba (2015), Adam. Loshchilov,
Hutter (2017), SGDR (cosine rate, here without restarts). Micikevicius et al. (2018), Mixed
precision training.
"""

import contextlib
import sys
import time

import keras
import numpy as np
import pandas as pd
from keras import ops
from PIL import Image

from lib import lab, losses, watched
from lib.checkpoint import Run

ACCURACY_DISTANCE = 10.0  # CIELAB units: a pixel nearer than this to the true ab counts as right


def prepare_device(seed):
    """Seed every random number generator, and use all GPUs; call it before building a network.

    On a GPU activations have 16 bits: bfloat16 where it has it, from compute capability 8.0 on,
    float16 on 7.x (a T4). With TensorFlow each batch is split among all GPUs. Returns a dict:
    device, precision, xla, replicas.
    """
    capability = compute_capability()
    precision = "float32"
    if capability is not None and capability >= (7, 0):
        precision = "mixed_float16" if capability < (8, 0) else "mixed_bfloat16"
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.enable_tensor_float_32_execution(False)  # 0.2 CIELAB units of noise
        several = len(tf.config.list_physical_devices("GPU")) > 1
        if several and not tf.distribute.has_strategy():
            tf.distribute.experimental_set_strategy(tf.distribute.MirroredStrategy())
    keras.utils.set_random_seed(seed)
    keras.mixed_precision.set_dtype_policy(precision)
    return {
        "device": "CPU" if capability is None else "GPU",
        "precision": precision,
        "xla": capability is not None,
        "replicas": replicas(),
    }


def compute_capability():
    """Compute capability of the first GPU, such as (7, 5), on JAX always (8, 0); None without."""
    if keras.backend.backend() == "jax":
        import jax

        return (8, 0) if jax.default_backend() == "gpu" else None
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    details = tf.config.experimental.get_device_details(gpus[0]) if gpus else {}
    return details.get("compute_capability", (0, 0)) if gpus else None


def replicas():
    """Among how many devices each batch is split; losses are divided by it, gradients added up."""
    if keras.backend.backend() != "tensorflow":
        return 1
    import tensorflow as tf

    return tf.distribute.get_strategy().num_replicas_in_sync


class Trainer(keras.Model):
    """A model that trains the one in `network`; that is built before it is made."""

    def begin(self, optimizer):
        """Compile, with XLA on a GPU only: two CPU cores train 1.5 to 2 times slower with it."""
        self.compile(optimizer, jit_compile=compute_capability() is not None)
        self.built = True  # only a built model takes weights back


class Colorizer(Trainer):
    """A network with its loss and measures, trained on uint8 photos.

    `network` makes ab_scaled (N, H, W, 2) of lightness_scaled (N, H, W, 1); `loss` is the name of a
    colour loss, see `losses.LOSSES`; a `losses.FeatureLoss` is added to it, times `feature_weight`.
    `aged` is the share of photos that training sees as old ones, see `age` (not in `nogan`).
    """

    def __init__(self, network, loss="mse", feature_loss=None, feature_weight=1.0, aged=0.0):
        super().__init__(name="colorizer")
        self.network, self.feature_loss, self.feature_weight = network, feature_loss, feature_weight
        self.loss_name, self.color_loss = loss, losses.LOSSES[loss]
        self.aged, self.chance = aged, keras.random.SeedGenerator(0)
        self.near = keras.metrics.Mean("accuracy")
        self.error = keras.metrics.RootMeanSquaredError("rmse_ab")

    def call(self, rgb, training=False):
        lightness_scaled, _ = lab.scale(lab.rgb_to_lab(rgb))
        if training and self.aged:
            lightness_scaled = age(lightness_scaled, self.aged, self.chance)
        return self.network(lightness_scaled, training=training)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        lightness_scaled, ab_true = lab.scale(lab.rgb_to_lab(x))
        loss = self.color_loss(ab_true, y_pred)
        if self.feature_loss is not None:
            rgb_true = ops.cast(x, "float32") / 255.0
            rgb_pred = lab.lab_to_rgb(lab.unscale(lightness_scaled, y_pred))
            loss = loss + self.feature_weight * self.feature_loss(rgb_true, rgb_pred)
        return loss / replicas()

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        ab_true = lab.rgb_to_lab(x)[..., 1:]
        ab_pred = ops.cast(y_pred, "float32") * lab.AB_SCALE
        self.error.update_state(ab_true, ab_pred)
        distance = ops.sqrt(ops.sum(ops.square(ab_pred - ab_true), axis=-1))
        self.near.update_state(ops.cast(distance < ACCURACY_DISTANCE, "float32"))
        return self.get_metrics_result()

    def adam(self, rate):
        """The optimizer, with the paper's choice, Adam, at Keras's defaults."""
        return keras.optimizers.Adam(rate)

    def settings(self):
        """What the loss is, for params.json."""
        features = None if self.feature_loss is None else self.feature_weight
        return {"loss": self.loss_name, "feature_weight": features, "aged": self.aged}


def age(lightness_scaled, share, seed):
    """Make a share of grey photos look old, by chance: blurred, of low contrast, and grainy.

    At most: a Gaussian blur of 1.5 pixels, 60 % of the contrast lost, grain of 5 units of L. Takes
    and gives lightness_scaled (N, H, W, 1) in [-1, 1]; `seed` is a keras.random.SeedGenerator.
    """
    photos = (ops.shape(lightness_scaled)[0], 1, 1, 1)
    blur, loss, grain, chance = (keras.random.uniform(photos, seed=seed) for _ in range(4))
    blurred = ops.image.gaussian_blur(lightness_scaled, (5, 5), (1.5, 1.5))
    old = lightness_scaled + blur * (blurred - lightness_scaled)
    mean = ops.mean(old, axis=(1, 2), keepdims=True)
    old = mean + (1 - 0.6 * loss) * (old - mean)
    old = old + 0.1 * grain * keras.random.normal(ops.shape(old), seed=seed)
    return ops.where(chance < share, ops.clip(old, -1.0, 1.0), lightness_scaled)


class Batches(keras.utils.PyDataset):
    """Batches of uint8 photos from a memory-mapped store, the same at the same seed and epoch.

    Training batches are shuffled, mirrored at random, and all full; the others come in order. While
    `half` is set, photos have half the size, each pixel the mean of 2 x 2.
    """

    def __init__(self, images, rows, batch_size, seed=0, training=False):
        super().__init__()
        if not 1 <= batch_size <= len(rows):
            raise ValueError(f"BATCH_SIZE: expected 1 to {len(rows)} photos, got {batch_size}")
        self.images, self.rows, self.batch_size = images, np.asarray(rows), batch_size
        self.seed, self.training, self.epoch, self.half = seed, training, 0, False

    def __len__(self):
        count = len(self.rows) / self.batch_size
        return int(count) if self.training else int(np.ceil(count))

    def __getitem__(self, number):
        rows = self.rows
        if self.training:
            rows = np.random.default_rng((self.seed, self.epoch)).permutation(rows)
        rows = rows[number * self.batch_size : (number + 1) * self.batch_size]
        rgb = self.images[rows]
        if self.training:
            flipped = np.random.default_rng((self.seed, self.epoch, number)).random(len(rows)) < 0.5
            rgb[flipped] = rgb[flipped, :, ::-1]
        if self.half:
            rgb = np.stack([Image.fromarray(photo).reduce(2) for photo in rgb])
        return (rgb,)


def fit(
    trainer,
    photos,
    folder,
    *,
    epochs,
    batch_size,
    learning_rate,
    half_size_epochs=0,
    schedule="cosine",
    patience=None,
    seed=0,
    warnings=(),
):
    """Train a network on the training photos, or go on where a killed run was.

    `trainer` is a `Colorizer` or a `nogan.CriticTrainer`, `photos` are `data.preprocess.Photos`. A
    run in `folder` with other settings, data or code is started over. `learning_rate` is Adam's at
    the start, `schedule` "cosine" (to zero at the end) or "constant". `half_size_epochs` come
    before the `epochs`, with photos of half the size, as DeOldify begins. With `patience` training
    stops when val_loss has not improved for so many epochs at full size, and the best one's weights
    are kept. `seed` is of the order and mirroring; `warnings` are kept in params.json.

    Gives a DataFrame with a row an epoch: epoch, loss, accuracy (the share of pixels within
    `ACCURACY_DISTANCE`), rmse_ab (pooled over all pixels, CIELAB units), val_loss, val_accuracy,
    val_rmse_ab, learning_rate (at the epoch's start), seconds. ValueError for a wrong value;
    FloatingPointError if a loss is not finite, MemoryError; neither loses more than an epoch.
    """
    rows, others = photos.rows("train"), photos.rows("val")
    if not len(others):
        raise ValueError("photos: expected some for validation, got none: raise MAX_IMAGES")
    train = Batches(photos.images, rows, batch_size, seed, training=True)
    validation = Batches(photos.images, others, min(batch_size, len(others)))
    settings = trainer.settings() | {"epochs": epochs, "batch_size": batch_size, "seed": seed}
    settings |= {"learning_rate": learning_rate, "schedule": schedule, "patience": patience}
    settings |= {"half_size_epochs": half_size_epochs}
    epochs += half_size_epochs
    trainer.begin(trainer.adam(_rate(schedule, learning_rate, epochs * len(train))))
    run = Run(folder, [trainer], trainer.network, settings, photos.fingerprint)
    after = _Epochs(run, train, patience, half_size_epochs)
    for end in [n for n in (half_size_epochs, epochs) if run.start < n and not run.finished]:
        trainer.train_function = trainer.test_function = None  # compiled for each size
        train.half = validation.half = run.start < half_size_epochs
        train.epoch = run.start
        with memory_advice("BATCH_SIZE"):
            trainer.fit(
                train,
                validation_data=validation,
                initial_epoch=run.start,
                epochs=run.start if after.since_best() >= after.patience else end,
                shuffle=False,
                verbose=1 if watched(sys.stdout) else 2,
                callbacks=[after],
            )
    if not run.finished:
        run.finish(warnings)
    return pd.DataFrame(run.rows)


class _Epochs(keras.callbacks.Callback):
    """After each batch check the loss; after each epoch keep everything."""

    def __init__(self, run, train, patience, half_size_epochs):
        super().__init__()
        self.run, self.train, self.first = run, train, half_size_epochs
        self.patience = np.inf if patience is None else patience

    def on_epoch_begin(self, epoch, logs=None):
        self.train.epoch = self.epoch = epoch
        self.rate = float(ops.convert_to_numpy(self.model.optimizer.learning_rate))
        self.began = time.perf_counter()

    def on_train_batch_end(self, batch, logs=None):
        if not np.isfinite(logs["loss"]):
            place = f"epoch {self.epoch + 1}, batch {batch + 1}"
            raise FloatingPointError(f"the loss is {logs['loss']} at {place}: lower LEARNING_RATE")

    def on_epoch_end(self, epoch, logs=None):
        row = {"epoch": epoch + 1} | {name: float(value) for name, value in logs.items()}
        seconds = time.perf_counter() - self.began
        self.run.rows.append(row | {"learning_rate": self.rate, "seconds": round(seconds, 3)})
        if np.isfinite(self.patience) and self.since_best() == 0:
            self.run.save_best(epoch + 1)
        self.model.stop_training = self.since_best() >= self.patience
        self.run.save(epoch + 1)

    def since_best(self):
        """How many epochs ago val_loss was lowest, among those at full size."""
        losses = [row["val_loss"] for row in self.run.rows[self.first :]]
        return len(losses) - 1 - np.argmin(losses) if losses else 0


@contextlib.contextmanager
def memory_advice(parameter):
    """Turn a device's out-of-memory error into one that names the parameter to halve."""
    try:
        yield
    except Exception as error:
        name = f"{type(error).__name__} {error}".upper().replace("_", "")  # TensorFlow's and JAX's
        if "RESOURCEEXHAUSTED" not in name:
            raise
        raise MemoryError(f"too little memory: halve {parameter}, or IMAGE_SIZE") from error


def _rate(schedule, learning_rate, steps):
    if schedule == "cosine":
        return keras.optimizers.schedules.CosineDecay(learning_rate, max(steps, 1))
    if schedule == "constant":
        return learning_rate
    raise ValueError(f"SCHEDULE: expected cosine or constant, got {schedule!r}")
