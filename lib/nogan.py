"""NoGAN: train the generator alone, then the critic alone, then both for a short while.

1. Generator: `train.fit` of a `train.Colorizer` with the feature loss; no critic.
2. Critic: `train.fit` of a `CriticTrainer`, a binary classifier of real colours against what the
   generator gives for the same photo. The generator stands still.
3. Both: `adversarial`. The critic trains until the loss of its batch is below 0.65, then the
   generator takes one step; the critic learns five times faster. Of the generator only the decoder
   moves.

The best moment of phase 3 was picked by eye by its author, who knew no signal for it. Here a rule
picks it: see `moment.choose`.

References
----------
Antic, DeOldify: the notebooks' recipe (losses, rates, threshold). The paper, section 3.6. Yazici
et al. (2019), The Unusual Effectiveness of Averaging in GAN Training (`average`).
"""

import contextlib
import json
import time

import keras
import numpy as np
import pandas as pd
from keras import ops
from PIL import Image

from lib import features, lab, models, moment
from lib.checkpoint import Run
from lib.devices import has_gpu, memory_advice, of_replica, share_of_replica, watched
from lib.files import replacing, write_text
from lib.losses import binary_cross_entropy
from lib.train import Batches, Colorizer, Trainer, parts

CRITIC_THRESHOLD = 0.65  # binary cross-entropy per patch; a blind critic scores log 2 = 0.693
CRITIC_SPEED = 5  # the critic's learning rate, in units of the generator's
CONTENT_WEIGHT = 1.5  # of colour and feature loss, beside the adversarial loss
DECODER = ("central", "decode", "attention", "output")  # first letters of the layers that train


class _Part(Trainer):
    """A model that trains some of its variables; the others are state.

    TensorFlow's trainer reads `trainable_weights`, JAX's and torch's `trainable_variables` and
    `non_trainable_variables`: all say the same here, or the wrong half would move as well.
    """

    def _trained(self):
        raise NotImplementedError

    @property
    def trainable_variables(self):
        return self._trained()

    @property
    def trainable_weights(self):
        return self._trained()

    @property
    def non_trainable_variables(self):
        moving = {id(variable) for variable in self._trained()}
        return [variable for variable in self.variables if id(variable) not in moving]

    @property
    def non_trainable_weights(self):
        return self.non_trainable_variables

    def adam(self, rate, average=0.0):
        """DeOldify's optimizer for generator and critic; it keeps the average of the weights."""
        averaging = {"use_ema": True, "ema_momentum": average} if average else {}
        return keras.optimizers.Adam(rate, beta_1=0.0, beta_2=0.9, **averaging)


class CriticTrainer(_Part):
    """Trains a critic as a binary classifier: true ab is real, the generator's ab is not.

    Both are shown with the same L, in one batch of twice the size. The generator does not move. May
    be called with features, as a `train.Colorizer`.
    """

    def __init__(self, critic, generator):
        super().__init__(name="critic_trainer")
        self.network, self.generator = critic, generator
        self.right = keras.metrics.Mean("accuracy")

    def _trained(self):
        return self.network.trainable_variables

    @property
    def encoded(self):
        return self.generator

    def call(self, x, training=False):
        rgb, *maps = parts(x)
        lightness_scaled, ab_true = lab.scale(lab.rgb_to_lab(rgb))
        if maps:
            ab_pred = features.decode(self.generator, lightness_scaled, maps, training=False)
        else:
            ab_pred = self.generator(lightness_scaled, training=False)
        ab_pred = ops.stop_gradient(ab_pred)
        both = ops.concatenate([ab_true, ops.cast(ab_pred, "float32")])
        return self.network([ops.concatenate([lightness_scaled] * 2), both], training=training)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return share_of_replica(binary_cross_entropy(_real_then_generated(y_pred), y_pred))

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        right = ops.equal(y_pred > 0, _real_then_generated(y_pred) > 0)
        self.right.update_state(ops.cast(right, "float32"))
        return of_replica(self.get_metrics_result())

    def settings(self):
        return {"loss": "binary cross-entropy of patches"}


class GeneratorTrainer(_Part, Colorizer):
    """Trains a generator against a critic that stands still.

    loss = binary cross-entropy of the critic's answers to "real" + `CONTENT_WEIGHT` x (colour loss
    + feature loss).
    """

    def __init__(self, generator, critic, loss="mae", feature_loss=None, feature_weight=1.0):
        Colorizer.__init__(self, generator, loss, feature_loss, feature_weight)
        self.critic = critic

    def _trained(self):
        return self.network.trainable_variables

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        lightness_scaled, _ = lab.scale(lab.rgb_to_lab(parts(x)[0]))
        logits = self.critic([lightness_scaled, y_pred], training=False)
        # Three gradients of one tensor are summed in any order, and no run is like another; of
        # two, one comes through here, where turning it twice keeps TensorFlow from merging sums.
        apart = ops.flip(ops.flip(y_pred, axis=1), axis=1)
        content = Colorizer.compute_loss(self, x, y, apart, sample_weight, training)
        fooled = binary_cross_entropy(ops.ones_like(logits), logits)
        return share_of_replica(fooled) + CONTENT_WEIGHT * content


def adversarial(
    generator,
    critic,
    photos,
    folder,
    *,
    steps,
    batch_size,
    learning_rate,
    loss="mae",
    feature_loss=None,
    feature_weight=1.0,
    tolerance=0.10,
    average=0.0,
    saturate=False,
    check_every=10,
    check_photos=200,
    whole=False,
    seed=0,
    warnings=(),
):
    """Phase 3: train generator and critic together, and keep the generator's best moment.

    Parameters
    ----------
    generator, critic : keras.Model
        From phases 1 and 2; both are changed. `generator` ends with the chosen weights.
    photos : preprocess.Photos
    folder : path
        Gets model.keras, params.json, nogan.csv, critic.keras, and looks/<step>.png for choosing
        by eye: the same few validation photos at each check. A killed run goes on from its last
        check.
    steps : int
        Batches shown to the critic. DeOldify: 1 to 3 % of the data.
    learning_rate : float
        The generator's; the critic's is `CRITIC_SPEED` times as high.
    loss, feature_loss, feature_weight
        See `train.Colorizer`.
    tolerance : float
        How much RMSE_ab the chosen moment may cost, relative, see `moment.choose`.
    average : float
        Below 1. What is checked and kept is the generator's weights averaged over its steps, each
        time this much of the former average and the rest of the new weights: the two players chase
        each other around, and the mean of the places is better than most of them. 0: not averaged.
    saturate : bool
        Let joint training spend half of the tolerance, and in the end multiply the generator's ab
        by the factor, 1 to 2, that the rule would keep with all of it. Without any critic a factor
        does as much for error and colorfulness, but nothing for KID.
    check_every : int
        Steps between two looks at the validation photos.
    check_photos : int
        How many of them, at most.
    whole : bool
        Train all of the generator, not its decoder alone: for a plain GAN from scratch.

    Returns
    -------
    pandas.DataFrame
        One row a check: step, generator_steps (so far), critic_loss, generator_loss (means since
        the check before), rmse_ab (mean over photos, CIELAB units), colorfulness_ratio (mean of the
        outputs' over mean of the truths'), seconds, saturation (of the chosen one; not yet in the
        other numbers of its row), chosen (see `moment.choose`).

    Raises
    ------
    FloatingPointError
        If a loss is not finite.
    """
    encoded = features.of(generator, photos) if features.pays(generator, photos) else None
    rows = photos.rows("train")
    train = Batches(photos.images, rows, batch_size, seed, training=True, encoded=encoded)
    truth = moment.Truth(photos.images[photos.rows("val")[:check_photos]])
    critics, generators = (
        CriticTrainer(critic, generator),
        GeneratorTrainer(generator, critic, loss, feature_loss, feature_weight),
    )
    trainable = [layer.trainable for layer in generator.layers]
    for layer in generator.layers:  # the others stand still, with their running statistics
        layer.trainable = layer.trainable and (whole or layer.name.startswith(DECODER))
    xla = has_gpu()
    critics.compile(critics.adam(CRITIC_SPEED * learning_rate), jit_compile=xla)
    generators.compile(generators.adam(learning_rate, average), jit_compile=xla)
    settings = {
        **generators.settings(),
        "steps": steps,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "tolerance": tolerance,
        "average": average,
        "saturate": saturate,
        "check_every": check_every,
        "check_photos": check_photos,
        "whole": whole,
        "seed": seed,
    }
    for trainer in (critics, generators):
        trainer(train[0][0])  # builds it
    run = Run(folder, [critics, generators], generator, settings, photos.fingerprint)
    if run.finished:
        critic.load_weights(run.folder / "critic.keras")
        _restore(generator, trainable)
        return pd.DataFrame(run.rows)
    if not run.rows:
        _check(run, 0, truth, {"critic_loss": None, "generator_loss": None}, 0, 0.0)
        run.save(0)
    taken = run.rows[-1]["generator_steps"]
    recent, began = {"critic_loss": [], "generator_loss": []}, time.perf_counter()
    for step in range(run.start + 1, steps + 1):
        train.epoch, number = divmod(step - 1, len(train))
        (x,) = train[number]
        with memory_advice("BATCH_SIZE"):
            recent["critic_loss"].append(_step(critics, x, step))
            if recent["critic_loss"][-1] < CRITIC_THRESHOLD:
                recent["generator_loss"].append(_step(generators, x, step))
                taken += 1
        if step % check_every == 0 or step == steps:
            means = {name: np.mean(v).item() if v else None for name, v in recent.items()}
            with _averaged(generators):
                _check(run, step, truth, means, taken, time.perf_counter() - began)
            run.save(step)
            recent, began = {name: [] for name in recent}, time.perf_counter()
    _restore(generator, trainable)
    if saturate:
        run.load_best()
        factor = moment.saturate(generator, truth, run.rows, tolerance)
        run.save_best(steps)
        run.rows[moment.choose(run.rows, moment.spendable(settings))]["saturation"] = factor
    log = pd.DataFrame(run.rows)
    write_text(run.written / "nogan.csv", log.to_csv(index=False))
    with replacing(run.written / "critic.keras") as temporary:
        critic.save(temporary)
    run.finish(warnings)
    return log


def _step(trainer, x, step):
    """One training step; its loss, checked."""
    trainer.reset_metrics()
    loss = float(trainer.train_on_batch(x, return_dict=True)["loss"])
    if not np.isfinite(loss):
        raise FloatingPointError(
            f"{trainer.network.name}: the loss is {loss} at step {step}: lower GAN_LEARNING_RATE; "
            "the weights of the last check are kept"
        )
    return loss


@contextlib.contextmanager
def _averaged(trainer):
    """Within, the trained weights are their average over the steps, if there is one."""
    optimizer, variables = trainer.optimizer, trainer.trainable_variables
    if not optimizer.use_ema or not ops.convert_to_numpy(optimizer.iterations):
        yield
        return
    now = [ops.convert_to_numpy(variable) for variable in variables]
    optimizer.finalize_variable_values(variables)
    yield
    for variable, value in zip(variables, now, strict=True):
        variable.assign(value)


def _check(run, step, truth, means, taken, seconds):
    """Measure the generator on validation photos, log it, keep it if it is the best so far."""
    measured, rgb_pred = truth.measure(models.predict_ab(run.network, truth.rgb))
    with replacing(run.written / "looks" / f"{step:06d}.png") as temporary:
        Image.fromarray(np.concatenate(rgb_pred[truth.shown], axis=1)).save(temporary)
    row = {"step": step, "generator_steps": taken, **means, **measured}
    row |= {"seconds": round(seconds, 3), "saturation": 1.0}
    run.rows.append(row)
    chosen = moment.choose(run.rows, moment.spendable(run.settings))
    for number, row in enumerate(run.rows):
        row["chosen"] = number == chosen
    if chosen == len(run.rows) - 1:
        run.save_best(step)
    if not watched():
        print(json.dumps(row))


def _restore(generator, trainable):
    for layer, flag in zip(generator.layers, trainable, strict=True):
        layer.trainable = flag


def _real_then_generated(logits):
    """Ones for the first half of the batch, zeros for the second."""
    half = ops.ones_like(logits[: ops.shape(logits)[0] // 2])
    return ops.concatenate([half, ops.zeros_like(half)])
