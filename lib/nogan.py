"""NoGAN: train the generator alone, then the critic alone, then both for a short while.

1. Generator: `train.fit` of a `train.Colorizer` with the feature loss.
2. Critic: `train.fit` of a `CriticTrainer`, a binary classifier of real and generated colours.
3. Both: `adversarial`. The critic trains until the loss of its batch is below 0.65, then the
   generator's decoder takes one step. Its author stopped by eye; here `choose` is the rule.

References
----------
Antic, DeOldify: the notebooks' recipe (losses, rates, threshold). The paper, section 3.6. Yazici
et al. (2019), The Unusual Effectiveness of Averaging in GAN Training (`average`).
"""

import contextlib
import time

import keras
import numpy as np
import pandas as pd
from keras import ops
from PIL import Image

from lib import lab, metrics, models
from lib.checkpoint import Run
from lib.files import replacing, write_text
from lib.losses import binary_cross_entropy
from lib.train import Batches, Colorizer, Trainer, memory_advice, replicas

CRITIC_THRESHOLD = 0.65  # binary cross-entropy per patch; a blind critic scores log 2 = 0.693
CRITIC_SPEED = 5  # the critic's learning rate, in units of the generator's
CONTENT_WEIGHT = 1.5  # of colour and feature loss, beside the adversarial loss
DECODER = ("central", "decode", "attention", "output")  # first letters of the layers that train
CHECKED = 200  # validation photos, at most, that a check measures
LOOKS = 6  # of them, those that it keeps as pictures, for choosing by eye


class _Part(Trainer):
    """A model that trains one of its networks; TensorFlow reads its weights, JAX its variables."""

    @property
    def trainable_variables(self):
        return self.network.trainable_variables

    @property
    def non_trainable_variables(self):
        moving = {id(variable) for variable in self.network.trainable_variables}
        return [variable for variable in self.variables if id(variable) not in moving]

    trainable_weights, non_trainable_weights = trainable_variables, non_trainable_variables

    def adam(self, rate, average=0.0):
        """DeOldify's Adam, but for its weight decay; above 0, `average` is that of the weights."""
        averaging = {"use_ema": True, "ema_momentum": average} if average else {}
        return keras.optimizers.Adam(rate, beta_1=0.0, beta_2=0.9, **averaging)


class CriticTrainer(_Part):
    """Trains a critic as a binary classifier: true ab is real, that of a generator is not.

    Both are shown with the same L, in one batch of twice the size. The generator does not move.
    """

    def __init__(self, critic, generator):
        super().__init__(name="critic_trainer")
        self.network, self.generator = critic, generator
        self.right = keras.metrics.Mean("accuracy")

    def call(self, rgb, training=False):
        lightness_scaled, ab_true = lab.scale(lab.rgb_to_lab(rgb))
        ab_pred = ops.stop_gradient(self.generator(lightness_scaled, training=False))
        both = ops.concatenate([ab_true, ops.cast(ab_pred, "float32")])
        return self.network([ops.concatenate([lightness_scaled] * 2), both], training=training)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return binary_cross_entropy(_real_then_generated(y_pred), y_pred) / replicas()

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        right = ops.equal(y_pred > 0, _real_then_generated(y_pred) > 0)
        self.right.update_state(ops.cast(right, "float32"))
        return self.get_metrics_result()

    def settings(self):
        return {"loss": "binary cross-entropy of patches"}


class GeneratorTrainer(_Part, Colorizer):
    """Trains a generator to be called real by a critic that stands still.

    loss = its binary cross-entropy + `CONTENT_WEIGHT` x (colour loss + feature loss).
    """

    def __init__(self, generator, critic, feature_loss=None, feature_weight=1.0):
        Colorizer.__init__(self, generator, "mae", feature_loss, feature_weight)
        self.critic = critic

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        lightness_scaled, _ = lab.scale(lab.rgb_to_lab(x))
        logits = self.critic([lightness_scaled, y_pred], training=False)
        # Critic, colour and feature loss each send y_pred a gradient. TensorFlow adds three in any
        # order, and no run is like another. So two go through one copy: turned twice, it stays one.
        apart = ops.flip(ops.flip(y_pred, axis=1), axis=1)
        content = Colorizer.compute_loss(self, x, y, apart, sample_weight, training)
        fooled = binary_cross_entropy(ops.ones_like(logits), logits)
        return fooled / replicas() + CONTENT_WEIGHT * content


def adversarial(
    generator,
    critic,
    photos,
    folder,
    *,
    steps,
    batch_size,
    learning_rate,
    feature_loss=None,
    feature_weight=1.0,
    tolerance=0.10,
    average=0.0,
    check_every=10,
    whole=False,
    seed=0,
    warnings=(),
):
    """Phase 3: train generator and critic together, and keep the generator's best moment.

    Parameters that are not named here, and errors, are those of `train.fit` and `train.Colorizer`.
    `steps` batches are shown to the critic (DeOldify: 1 to 3 % of the data), with a check after
    each `check_every`. `learning_rate`, constant, is the generator's. `tolerance` is how much
    RMSE_ab the chosen moment may cost, relative, see `choose`. With `average`, below 1, checked and
    kept are averages of the weights, at each step this much of the former average. With `whole`
    all of the generator is trained, not its decoder alone: for a plain GAN from scratch.

    `folder` gets model.keras, params.json, nogan.csv, critic.keras, and looks/<step>.png: the same
    few validation photos at each check. A killed run goes on from its last check.

    Gives a DataFrame with one row a check: step, generator_steps (so far), critic_loss,
    generator_loss (means since the check before), rmse_ab (mean over photos), colorfulness_ratio
    (mean of the outputs' over that of the truths'), seconds, chosen.
    """
    train = Batches(photos.images, photos.rows("train"), batch_size, seed, training=True)
    validation = photos.images[photos.rows("val")[:CHECKED]]
    critics = CriticTrainer(critic, generator)
    generators = GeneratorTrainer(generator, critic, feature_loss, feature_weight)
    flags = {layer: layer.trainable for layer in generator._flatten_layers(include_self=False)}
    for layer in generator.layers:  # the others stand still, with their running statistics
        if not (whole or layer.name.startswith(DECODER)):
            layer.trainable = False
    critics.begin(critics.adam(CRITIC_SPEED * learning_rate))
    generators.begin(generators.adam(learning_rate, average))
    settings = generators.settings() | {"steps": steps, "batch_size": batch_size, "seed": seed}
    settings |= {"learning_rate": learning_rate, "tolerance": tolerance, "average": average}
    settings |= {"check_every": check_every, "whole": whole}
    run = Run(folder, [critics, generators], generator, settings, photos.fingerprint)
    if not run.finished:
        _play(run, train, validation)
    for layer, flag in flags.items():  # an encoder first, then what is in it
        layer.trainable = flag
    if not run.finished:
        write_text(run.folder / "nogan.csv", pd.DataFrame(run.rows).to_csv(index=False))
        with replacing(run.folder / "critic.keras") as temporary:
            models.save(critic, temporary)
        run.finish(warnings)
    critic.load_weights(run.folder / "critic.keras")
    return pd.DataFrame(run.rows)


def _play(run, train, validation):
    """The steps of phase 3 that are left, with a check after every few of them."""
    critics, generators = run.trainers
    losses, began = {"critic_loss": [], "generator_loss": []}, time.perf_counter()
    if not run.rows:
        _check(run, 0, validation, losses, 0, 0.0)
        run.save(0)
    taken = run.rows[-1]["generator_steps"]
    steps, check_every = run.settings["steps"], run.settings["check_every"]
    for step in range(run.start + 1, steps + 1):
        train.epoch, number = divmod(step - 1, len(train))
        (rgb,) = train[number]
        with memory_advice("BATCH_SIZE"):
            losses["critic_loss"].append(_step(critics, rgb, step))
            if losses["critic_loss"][-1] < CRITIC_THRESHOLD:
                losses["generator_loss"].append(_step(generators, rgb, step))
                taken += 1
        if step % check_every == 0 or step == steps:
            with _averaged(generators):
                seconds = time.perf_counter() - began
                _check(run, step, validation, losses, taken, seconds)
            run.save(step)
            losses, began = {name: [] for name in losses}, time.perf_counter()


def choose(rows, tolerance=0.10):
    """The stopping rule, which check of phase 3 to keep: index into `rows`.

    Among those that cost at most `tolerance` (relative) more RMSE_ab than row 0, the generator
    before, the one whose colorfulness is nearest to the truth's, as a ratio; row 0 is allowed.
    """
    error, ratio = np.array([(row["rmse_ab"], row["colorfulness_ratio"]) for row in rows]).T
    distance = np.abs(np.log(np.maximum(ratio, 1e-6)))
    return int(np.argmin(np.where(error <= (1 + tolerance) * error[0], distance, np.inf)))


def _step(trainer, rgb, step):
    """One training step; its loss, checked."""
    trainer.reset_metrics()
    loss = float(trainer.train_on_batch(rgb, return_dict=True)["loss"])
    if not np.isfinite(loss):
        what = f"{trainer.network.name}: the loss is {loss} at step {step}"
        raise FloatingPointError(f"{what}: lower GAN_LEARNING_RATE")
    return loss


@contextlib.contextmanager
def _averaged(trainer):
    """Within, the trained weights are their average over the steps, if there is one."""
    optimizer = getattr(trainer.optimizer, "inner_optimizer", trainer.optimizer)  # of loss scaling
    variables = trainer.trainable_variables
    now = [ops.convert_to_numpy(variable) for variable in variables]
    if ops.convert_to_numpy(optimizer.iterations):
        optimizer.finalize_variable_values(variables)
    yield
    for variable, value in zip(variables, now, strict=True):
        variable.assign(value)


def _check(run, step, validation, losses, taken, seconds):
    """Measure the generator on validation photos, log it, keep it if it is the best so far."""
    ab_pred = models.predict_ab(run.network, validation)
    rgb_pred = metrics.recolor(validation, ab_pred)
    error = metrics.rmse_ab(lab.rgb_to_lab(validation)[..., 1:], ab_pred).mean()
    ratio = metrics.colorfulness(rgb_pred).mean() / metrics.colorfulness(validation).mean()
    measured = {"rmse_ab": float(error), "colorfulness_ratio": float(ratio)}
    shown = np.linspace(0, len(validation) - 1, min(LOOKS, len(validation))).astype(int)
    with replacing(run.folder / f"looks/{step:06d}.png") as temporary:
        Image.fromarray(np.concatenate(rgb_pred[shown], axis=1)).save(temporary)
    means = {name: np.mean(values).item() if values else None for name, values in losses.items()}
    row = {"step": step, "generator_steps": taken, **means, **measured}
    run.rows.append(row | {"seconds": round(seconds, 3)})
    chosen = choose(run.rows, run.settings["tolerance"])
    for number, row in enumerate(run.rows):
        row["chosen"] = number == chosen
    if chosen == len(run.rows) - 1:
        run.save_best(step)
    words = ", ".join(f"{name} {value:.2f}" for name, value in measured.items())
    print(f"step {step} of {run.settings['steps']}: {words}", flush=True)


def _real_then_generated(logits):
    """Ones for the first half of the batch, zeros for the second."""
    half = ops.ones_like(logits[: ops.shape(logits)[0] // 2])
    return ops.concatenate([half, 0 * half])
