"""Every network and phase trains under the settings of a GPU: 16-bit activations, XLA, both."""

import helpers
import keras
import numpy as np
import pytest

from lib import losses, models, nogan, train

POLICIES = ("float32", "mixed_bfloat16", "mixed_float16")
CASES = ("cnn", "autoencoder", "xception", "xception_skips", "generator", "critic")


@pytest.fixture(params=[(policy, xla) for policy in POLICIES for xla in (False, True)], ids=str)
def settings(request):
    """A dtype policy, and whether to compile with XLA; float32 again afterwards."""
    policy, xla = request.param
    keras.utils.set_random_seed(0)
    keras.mixed_precision.set_dtype_policy(policy)
    yield policy, xla
    keras.mixed_precision.set_dtype_policy("float32")


def trainer_of(case):
    """What trains a tiny network of its kind."""
    xception = helpers.tiny_xception()
    build = {
        "cnn": lambda: models.build_cnn(2),
        "autoencoder": lambda: models.build_autoencoder(40, filters=2, code=8),
        "xception": lambda: models.build_xception(xception, filters=16),
        "xception_skips": lambda: models.build_xception(xception, skips=True, filters=16),
    }
    network = build.get(case, lambda: models.build_generator(2, spectral=True))()
    if case == "critic":
        return nogan.CriticTrainer(models.build_critic(2), network)
    features = losses.FeatureLoss(xception) if case == "generator" else None
    return train.Colorizer(network, "mae", features)


def stays(path):
    """Weights that may stand still: gamma is zero at the start, and so are gradients behind it."""
    return any(part in path for part in ("query", "key", "value"))


@pytest.mark.parametrize("case", CASES)
def test_every_trained_weight_learns_and_the_loss_is_finite(case, settings):
    trainer = trainer_of(case)
    plain = keras.optimizers.SGD(1.0)  # compiled in half of Adam's time
    trainer.compile(plain, jit_compile=settings[1])
    photos = helpers.patches(4, 40)
    trainer(photos[:1])
    before = helpers.values(trainer.network)
    first = [trainer.train_on_batch(photos, return_dict=True)["loss"] for _ in range(3)]
    assert np.isfinite(first).all()
    moved = set(helpers.moved(before, helpers.values(trainer.network)))
    trained = {variable.path for variable in trainer.network.trainable_variables}
    assert {path for path in trained - moved if not stays(path)} == set()
    assert {v.dtype for v in trainer.network.trainable_variables} == {"float32"}


def test_the_joint_phase_moves_both_and_keeps_the_average(settings, tmp_path, monkeypatch):
    monkeypatch.setattr(nogan, "CRITIC_THRESHOLD", np.inf)
    generator, critic = helpers.tiny_network(), helpers.tiny_critic()
    before = [helpers.values(network) for network in (generator, critic)]
    averages, averaged = [], nogan._averaged

    def noted(trainer):
        averages.append(helpers.values(trainer.network))
        return averaged(trainer)

    monkeypatch.setattr(nogan, "_averaged", noted)
    monkeypatch.setattr(train, "compute_capability", lambda: (8, 0) if settings[1] else None)
    log = nogan.adversarial(
        *(generator, critic, helpers.photos(8, 4, 32), tmp_path),
        **{"steps": 3, "batch_size": 4, "learning_rate": 1e-2, "average": 0.5, "check_every": 3},
        tolerance=1e6,
        feature_loss=losses.FeatureLoss(helpers.tiny_xception()),
    )
    assert np.isfinite(log[["rmse_ab", "colorfulness_ratio"]]).all(axis=None)
    assert np.isfinite(log.generator_loss.iloc[-1])
    assert helpers.moved(before[0], averages[-1])  # it may be the first moment that is kept
    assert helpers.moved(before[1], helpers.values(critic))
    if log.chosen.iloc[-1]:  # what was kept is the average, not the last weights
        assert helpers.moved(averages[-1], helpers.values(generator))


def test_predictions_and_files_are_in_32_bits_whatever_a_network_was_trained_in(tmp_path):
    keras.mixed_precision.set_dtype_policy("mixed_bfloat16")
    network = models.build_cnn(2)
    keras.mixed_precision.set_dtype_policy("float32")
    plain = models.build_cnn(2)
    plain.set_weights(network.get_weights())
    rgb = helpers.patches(2, 32)
    ab = models.predict_ab(network, rgb)
    np.testing.assert_allclose(ab, models.predict_ab(plain, rgb), atol=1e-4)
    models.save(network, tmp_path / "model.keras")
    again = models.load(tmp_path / "model.keras")
    given = helpers.lightness(1, 32, 32)
    np.testing.assert_allclose(np.asarray(again(given)), np.asarray(plain(given)), atol=1e-6)
    assert {layer.compute_dtype for layer in network.layers[1:]} == {"bfloat16", "float32"}


@pytest.mark.parametrize(
    ("capability", "expected"),
    [
        (None, "float32"),  # no GPU
        ((6, 1), "float32"),
        ((7, 5), "mixed_float16"),  # T4: no bfloat16 in hardware
        ((8, 0), "mixed_bfloat16"),  # A100
        ((8, 9), "mixed_bfloat16"),  # L4
        ((9, 0), "mixed_bfloat16"),  # H100
    ],
)
def test_precision_is_chosen_by_the_card(monkeypatch, capability, expected):
    monkeypatch.setattr(train, "compute_capability", lambda: capability)
    try:
        device = train.prepare_device(0)
        assert device["precision"] == expected and keras.config.dtype_policy().name == expected
        assert device["xla"] == (capability is not None)
    finally:
        keras.mixed_precision.set_dtype_policy("float32")
