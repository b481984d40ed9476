"""Training: arguments, what a run leaves, the same numbers from the same seed, what goes wrong."""

import json
import types

import helpers
import keras
import numpy as np
import pandas as pd
import pytest

from lib import lab, models, train

COLUMNS = [
    *("epoch", "accuracy", "loss", "rmse_ab", "val_accuracy", "val_loss", "val_rmse_ab"),
    *("learning_rate", "seconds"),
]


# ---------------------------------------------------------------- arguments and schedule


def test_unknown_schedule_is_refused(tmp_path):
    with pytest.raises(ValueError, match="SCHEDULE: expected cosine or constant, got 'linear'"):
        helpers.fit_tiny(tmp_path, schedule="linear")


def test_cosine_schedule_ends_at_zero_and_the_constant_one_stays():
    cosine = train._rate("cosine", 0.01, 100)
    rates = [float(cosine(step)) for step in (0, 50, 100)]
    assert rates == pytest.approx([0.01, 0.005, 0.0], abs=1e-8)
    assert train._rate("constant", 0.01, 100) == 0.01


def test_accuracy_and_rmse_are_in_cielab_units():
    colorizer = train.Colorizer(helpers.tiny_network())
    rgb = helpers.patches(1, 8)
    ab_true = np.asarray(lab.rgb_to_lab(rgb))[..., 1:]
    off = np.zeros_like(ab_true)
    off[:, :, :4, 0] = 9.9  # half of the pixels are near enough
    off[:, :, 4:, 1] = 10.1
    measured = colorizer.compute_metrics(rgb, None, (ab_true + off) / 110, None)
    assert float(measured["accuracy"]) == pytest.approx(0.5)
    assert float(measured["rmse_ab"]) == pytest.approx(np.sqrt((9.9**2 + 10.1**2) / 4), rel=1e-4)


# ---------------------------------------------------------------- what a run leaves


def test_history_has_one_row_an_epoch(finished):
    folder, _, history = finished
    assert list(history.columns) == COLUMNS
    assert list(history["epoch"]) == list(range(1, 11))
    written = pd.read_csv(folder / "history.csv", float_precision="round_trip")
    pd.testing.assert_frame_equal(written, history, check_exact=True)
    assert (history["seconds"] > 0).all()
    assert history["learning_rate"].is_monotonic_decreasing
    assert history["loss"].iloc[-1] < history["loss"].iloc[0]


def test_folder_of_a_finished_run_holds_model_history_and_params(finished):
    folder, network, _ = finished
    names = {path.name for path in folder.iterdir()}
    assert names == {"model.keras", "history.csv", "params.json", "checkpoint.json"}
    params = json.loads((folder / "params.json").read_text())
    assert params["parameters"] == network.count_params()
    assert params["trainable"] == params["parameters"] - 8  # moving mean and variance
    assert params["warnings"] == ["a warning"]
    assert params["settings"]["batch_size"] == 4
    assert params["settings"]["loss"] == "mse"
    assert helpers.same_weights(models.load(folder / "model.keras"), network)


def test_validation_rmse_is_that_of_the_saved_model(finished):
    folder, _, history = finished
    rgb, ab_true = helpers.validation()
    ab_pred = models.predict_ab(models.load(folder / "model.keras"), rgb)
    rmse = np.sqrt(np.square(ab_pred - ab_true).mean())
    assert history["val_rmse_ab"].iloc[-1] == pytest.approx(rmse, rel=1e-4)


def test_same_seed_gives_the_same_history_and_weights_bit_for_bit(finished, tmp_path):
    _, network, history = finished
    again, repeated = helpers.fit_tiny(tmp_path, epochs=10)
    known = helpers.numbers(history)
    pd.testing.assert_frame_equal(helpers.numbers(repeated), known, check_exact=True)
    assert helpers.same_weights(again, network)


def test_a_finished_run_returns_at_once(finished, monkeypatch):
    folder, network, history = finished

    def fail(*_, **__):
        raise AssertionError("trained again")

    monkeypatch.setattr(train.Colorizer, "fit", fail)
    again, repeated = helpers.fit_tiny(folder, epochs=10)
    pd.testing.assert_frame_equal(repeated, history, check_exact=True)
    assert helpers.same_weights(again, network)


# ---------------------------------------------------------------- when it goes wrong


def test_a_loss_that_is_not_finite_stops_and_keeps_epochs_before(monkeypatch, tmp_path, finished):
    # steps 1 to 4 are sound, the fifth throws the weights away: epoch 2, batch 3 sees it
    def explode(*_):
        return keras.optimizers.schedules.PiecewiseConstantDecay([3], [1e-2, 1e30])

    monkeypatch.setattr(train, "_rate", explode)
    with pytest.raises(FloatingPointError, match="at epoch 2, batch 3: lower LEARNING_RATE"):
        helpers.fit_tiny(tmp_path, epochs=10)
    monkeypatch.undo()
    saved = json.loads((tmp_path / "checkpoint.json").read_text())
    assert saved["done"] == 1
    assert not (tmp_path / "model.keras").exists()
    network, history = helpers.fit_tiny(tmp_path, epochs=10)  # goes on from epoch 1
    assert len(history) == 10
    assert all(np.isfinite(w).all() for w in network.get_weights())


def test_patience_stops_and_keeps_the_best_epoch(monkeypatch, tmp_path):
    # three epochs learn, the next ones unlearn
    def worsen(*_):
        return keras.optimizers.schedules.PiecewiseConstantDecay([8], [1e-2, 1.0])

    monkeypatch.setattr(train, "_rate", worsen)
    network, history = helpers.fit_tiny(tmp_path, epochs=10, patience=2)
    best = history["val_loss"].argmin()
    assert len(history) == best + 3 < 10
    assert history["val_loss"].iloc[-1] > 2 * history["val_loss"][best]
    rgb, ab_true = helpers.validation()
    for model in (network, models.load(tmp_path / "model.keras")):
        rmse = np.sqrt(np.square(models.predict_ab(model, rgb) - ab_true).mean())
        assert rmse == pytest.approx(history["val_rmse_ab"][best], rel=1e-4)
    assert list(tmp_path.glob("*.weights.h5")) == []


@pytest.mark.parametrize(
    ("val_loss", "half", "expected"),
    [
        ([], 0, 0),
        ([3.0, 2.0, 2.5], 0, 1),
        ([3.0, 2.0, 2.0, 2.0], 0, 2),
        ([3.0, 2.0, 2.5, 1.0], 0, 0),
        ([1.0, 3.0], 2, 0),
        ([1.0, 3.0, 2.0, 2.5], 2, 1),
    ],
)
def test_epochs_since_the_best_by_hand(val_loss, half, expected):
    run = types.SimpleNamespace(rows=[{"val_loss": value} for value in val_loss])
    assert train._Epochs(run, None, 1, half).since_best() == expected


def test_photos_of_half_size_are_means_of_two_by_two():
    photos = helpers.photos(size=20).images
    batches = train.Batches(photos, np.arange(8), 4, training=True)
    (full,) = batches[1]
    batches.half = True
    expected = full.reshape(4, 10, 2, 10, 2, 3).mean(axis=(2, 4))
    np.testing.assert_allclose(batches[1][0], expected, atol=0.5)
    assert batches[1][0].dtype == np.uint8


def test_epochs_at_half_size_come_first(tmp_path, monkeypatch):
    seen, plain = {}, train.Batches.__getitem__

    def noted(self, number):
        seen.setdefault(self.training, {})[self.epoch] = plain(self, number)[0].shape[1]
        return plain(self, number)

    monkeypatch.setattr(train.Batches, "__getitem__", noted)
    options = {"half_size_epochs": 2, "patience": 2, "network": lambda: models.build_cnn(2)}
    history = helpers.fit_tiny(tmp_path, epochs=2, **options)[1]
    assert len(history) == 4 and seen[True] == {0: 8, 1: 8, 2: 16, 3: 16}


def test_a_share_of_photos_is_made_to_look_old():
    new, _ = lab.scale(lab.rgb_to_lab(helpers.patches(64, 16)))
    for share, low, high in ((0.0, 0, 0), (0.5, 20, 44), (1.0, 64, 64)):
        old = np.asarray(train.age(new, share, keras.random.SeedGenerator(3)))
        assert low <= (old != new).any(axis=(1, 2, 3)).sum() <= high
    assert np.abs(old).max() <= 1 and 0.5 < (old.std((1, 2)) / new.std((1, 2))).mean() < 0.9
    np.testing.assert_allclose(old.mean(axis=(1, 2)), new.mean(axis=(1, 2)), atol=0.06)


def test_the_network_sees_old_photos_in_training_alone():
    seen = []
    trainer = train.Colorizer(lambda lightness, training: seen.append(lightness), aged=1.0)
    for training in (False, True):
        trainer.call(helpers.patches(4, 16), training)
    plain, _ = lab.scale(lab.rgb_to_lab(helpers.patches(4, 16)))
    assert np.array_equal(seen[0], plain) and not np.array_equal(seen[1], plain)


def test_out_of_memory_names_the_parameter_to_halve():
    class ResourceExhaustedError(Exception):
        pass

    for error in (RuntimeError("RESOURCE_EXHAUSTED: no memory"), ResourceExhaustedError("OOM")):
        refused = pytest.raises(MemoryError, match="halve BATCH_SIZE")
        with refused as caught, train.memory_advice("BATCH_SIZE"):
            raise error
        assert caught.value.__cause__ is error


def test_no_validation_photos_are_refused(tmp_path):
    trainer = train.Colorizer(helpers.tiny_network())
    options = {"epochs": 1, "batch_size": 4, "learning_rate": 1e-3}
    with pytest.raises(ValueError, match="photos: expected some for validation, got none"):
        train.fit(trainer, helpers.photos(train=8, val=0), tmp_path, **options)


def test_device_is_seeded_and_named():
    facts = train.prepare_device(5)
    first = keras.random.normal((3,))
    assert facts == train.prepare_device(5)
    assert np.array_equal(np.asarray(first), np.asarray(keras.random.normal((3,))))
    if facts["device"] == "CPU":
        assert (facts["precision"], facts["xla"]) == ("float32", False)
