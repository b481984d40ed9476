"""NoGAN's critic: its shape, what it looks at, and how it learns alone."""

import types

import helpers
import keras
import numpy as np
import pytest
from keras import layers

from lib import lab, models, nogan, train

# ---------------------------------------------------------------- the network


def test_critic_gives_patch_logits():
    critic = models.build_critic(4)
    sixteenths = [(2, 2), (3, 4), (1, 4), (3, 3)]
    for (height, width), patches in zip(helpers.SIZES, sixteenths, strict=True):
        inputs = [helpers.lightness(2, height, width), helpers.color(2, height, width)]
        assert critic.predict_on_batch(inputs).shape == (2, *patches, 1)
    last = critic.layers[-1]
    assert last.activation is keras.activations.linear


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


def test_critic_sees_the_true_colors_first_and_the_generated_ones_after():
    inputs = [keras.Input((16, 16, channels)) for channels in (1, 2)]
    shows_ab = keras.Model(inputs, layers.Identity()(inputs[1]))
    generator, rgb = helpers.tiny_network(), helpers.patches(2, 16)
    ab = np.asarray(nogan.CriticTrainer(shows_ab, generator).call(rgb))
    lightness_scaled, ab_true = lab.scale(lab.rgb_to_lab(rgb))
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
