"""NoGAN's critic: its shape, what it looks at, and how it learns alone."""

import types

import helpers
import keras
import numpy as np
import pandas as pd
import pytest
from keras import layers, ops

from lib import lab, models, nogan, train
from lib.models import SpectralConv2D

# ---------------------------------------------------------------- the network


def test_critic_gives_patch_logits():
    critic = models.build_critic(4)
    sixteenths = [(2, 2), (3, 4), (1, 4), (3, 3)]
    for (height, width), patches in zip(helpers.SIZES, sixteenths, strict=True):
        inputs = [helpers.lightness(2, height, width), helpers.color(2, height, width)]
        assert critic.predict_on_batch(inputs).shape == (2, *patches, 1)
    last = critic.layers[-1]
    assert last.activation is keras.activations.linear


def test_critic_looks_at_lightness_and_at_color():
    critic = models.build_critic(4)
    light, ab = helpers.lightness(1, 32, 32), helpers.color(1, 32, 32)
    logits = ops.convert_to_numpy(critic([light, ab]))
    assert np.abs(logits - ops.convert_to_numpy(critic([-light, ab]))).max() > 1e-3
    assert np.abs(logits - ops.convert_to_numpy(critic([light, -ab]))).max() > 1e-3
    assert np.array_equal(logits, ops.convert_to_numpy(critic([light, ab])))  # no dropout here


def test_every_convolution_of_the_critic_is_spectrally_normalized():
    critic = models.build_critic(4)
    assert helpers.of(critic, layers.Conv2D) == []
    assert len(helpers.of(critic, SpectralConv2D)) == 8


# ---------------------------------------------------------------- phase 2 of NoGAN


@pytest.fixture(scope="module")
def critic_phase(tmp_path_factory):
    """A critic that learns colourful photos from the grey of an untrained generator."""
    keras.utils.set_random_seed(0)
    generator, critic = models.build_generator(4), models.build_critic(4)
    before = helpers.values(generator), helpers.values(critic)
    trainer, folder = nogan.CriticTrainer(critic, generator), tmp_path_factory.mktemp("critic")
    photos = helpers.photos(train=32, val=8, size=32)
    options = {"epochs": 6, "batch_size": 8, "learning_rate": 2e-3, "schedule": "constant"}
    history = train.fit(trainer, photos, folder, **options)
    return types.SimpleNamespace(
        generator=generator, critic=critic, before=before, folder=folder, history=history
    )


def test_critic_learns_to_tell_gray_from_color(critic_phase):
    last = critic_phase.history.iloc[-1]
    assert last["accuracy"] > 0.9
    assert last["val_accuracy"] > 0.9
    assert last["val_loss"] < np.log(2) / 2


def test_critic_training_leaves_the_generator_alone_and_moves_all_of_the_critic(critic_phase):
    generator, critic = critic_phase.before
    assert helpers.moved(generator, helpers.values(critic_phase.generator)) == []
    after = helpers.values(critic_phase.critic)
    assert helpers.moved(critic, after) == [path for path, _ in critic]


def test_trained_critic_is_kept_with_its_history(critic_phase):
    history = pd.read_csv(critic_phase.folder / "history.csv")
    assert {"epoch", "loss", "accuracy", "val_loss", "val_accuracy"} <= set(history.columns)
    loaded = models.load(critic_phase.folder / "model.keras")
    assert helpers.same_weights(critic_phase.critic, loaded)


def test_critic_sees_the_true_colors_first_and_the_generated_ones_after():
    seen = []

    def judge(inputs, training=False):
        seen.append([ops.convert_to_numpy(part) for part in inputs])
        return inputs[0][:, :1, :1]

    keras.utils.set_random_seed(0)
    generator = helpers.tiny_network()
    trainer = nogan.CriticTrainer(models.build_critic(2), generator)
    object.__setattr__(trainer, "network", judge)
    rgb = helpers.patches(2, 16)
    trainer.call(rgb)
    ((light, ab),) = seen
    lightness_scaled, ab_true = (ops.convert_to_numpy(x) for x in lab.scale(lab.rgb_to_lab(rgb)))
    assert np.array_equal(light, np.concatenate([lightness_scaled] * 2))
    assert np.array_equal(ab[:2], ab_true)
    np.testing.assert_allclose(ab[2:], generator(lightness_scaled), atol=1e-6)


def test_critic_loss_and_accuracy_by_hand():
    trainer = nogan.CriticTrainer(models.build_critic(2), helpers.tiny_network())
    logits = np.array([2.0, -1.0, -3.0, 0.5], dtype=np.float32).reshape(4, 1, 1, 1)
    expected = np.mean(np.log1p(np.exp([-2.0, 1.0, -3.0, 0.5])))  # real, real, generated, generated
    loss = trainer.compute_loss(None, None, logits)
    assert float(loss) == pytest.approx(expected, rel=1e-5)
    trainer.compile("sgd")
    assert float(trainer.compute_metrics(None, None, logits)["accuracy"]) == pytest.approx(0.5)
