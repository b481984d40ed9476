"""Cached features of a frozen encoder: the same training, resumed writing, clear refusals."""

import dataclasses

import numpy as np
import pytest

from lib import features, models, nogan, train
from lib.data import preprocess
from lib.data.sources import DataError


@pytest.fixture(scope="module")
def xception():
    return models.load_xception(None)


@pytest.fixture
def photos(tmp_path):
    return preprocess.prepare("scenes", image_size=32, max_images=40, processed=tmp_path)


def build(name, xception):
    train.prepare_device(0)
    if name == "generator":
        return models.build_generator(4, encoder="xception", xception=xception)
    return models.MODELS[name](xception, filters=16)


def fitted(name, xception, photos, folder, cache):
    network = build(name, xception)
    history = train.fit(
        train.Colorizer(network, "rmse"), photos, folder, epochs=2, batch_size=16,
        learning_rate=1e-3, cache=cache,
    )  # fmt: skip
    return network, history.drop(columns="seconds")


@pytest.mark.parametrize("name", ["xception", "generator"])
def test_training_is_the_same_with_and_without_the_cache(name, xception, photos, tmp_path):
    without, plain = fitted(name, xception, photos, tmp_path / "plain", cache=False)
    cached, kept = fitted(name, xception, photos, tmp_path / "kept", cache=True)
    for column in ("loss", "rmse_ab", "val_loss", "val_rmse_ab"):
        np.testing.assert_allclose(kept[column], plain[column], rtol=1e-3)
    rgb = photos.images[:4]
    difference = models.predict_ab(cached, rgb) - models.predict_ab(without, rgb)
    assert np.abs(difference).max() < 0.03  # CIELAB units; rounding, and what Adam makes of it


def test_nogan_is_the_same_with_and_without_the_cache(xception, photos, tmp_path):
    logs = []
    for name, cache in [("plain", False), ("kept", True)]:
        generator = build("generator", xception)
        critic = models.build_critic(4)
        if cache:
            features.of(generator, photos)
        assert features.pays(generator, photos) is cache
        trainer = nogan.CriticTrainer(critic, generator)
        settings = {"batch_size": 16, "learning_rate": 1e-3}
        history = train.fit(trainer, photos, tmp_path / name / "critic", epochs=1, **settings)
        log = nogan.adversarial(
            generator, critic, photos, tmp_path / name / "gan", steps=2, check_every=1, **settings
        )
        assert (log.generator_steps > 0).any() or log.critic_loss.notna().any()
        logs.append([history.loss, history.val_loss, log.rmse_ab, log.critic_loss[1:]])
    for plain, kept in zip(*logs, strict=True):
        np.testing.assert_allclose(kept, plain, rtol=1e-3)


def test_features_are_those_of_the_encoder_also_mirrored(xception, photos):
    network = build("xception_skips", xception)
    kept, encoder = features.of(network, photos), features.frozen_encoder(network)
    rows, flipped = photos.rows("train")[[3, 0, 5]], np.array([True, False, True])
    rgb = photos.images[rows]
    rgb[flipped] = rgb[flipped, :, ::-1]
    expected = encoder(features.lightness_of(rgb))
    for found, maps in zip(kept.of_batch(rows, flipped), expected, strict=True):
        maps = np.asarray(maps)
        np.testing.assert_allclose(found, maps, rtol=1e-4, atol=1e-5 * np.abs(maps).max())
    upright = kept.of_batch(rows, np.array([False] * 3))[0]
    assert np.abs(upright[0, :, ::-1] - kept.of_batch(rows, flipped)[0][0]).max() > 1e-3


def test_networks_on_one_encoder_share_the_files(xception, photos):
    features.of(build("xception_skips", xception), photos)
    folder = photos.folder / "features"
    before = {file.name: file.stat().st_mtime_ns for file in folder.glob("*.npy")}
    features.of(build("generator", xception), photos)
    features.of(build("xception", xception), photos)
    assert {file.name: file.stat().st_mtime_ns for file in folder.glob("*.npy")} == before
    assert len(before) == 5


def test_a_killed_encoding_goes_on(xception, photos, monkeypatch):
    network = build("xception_skips", xception)
    monkeypatch.setattr(features, "BATCH", 8)
    whole = features.of(network, photos)
    rows, flipped = photos.rows("train"), np.zeros(len(photos.rows("train")), bool)
    expected = [np.array(maps) for maps in whole.of_batch(rows, flipped)]
    folder = photos.folder / "features"
    for file in folder.glob("*.npy"):
        file.unlink()
    calls, seen = [], features.lightness_of

    def killed(rgb):
        calls.append(len(rgb))
        if len(calls) == 4:
            raise KeyboardInterrupt
        return seen(rgb)

    monkeypatch.setattr(features, "lightness_of", killed)
    with pytest.raises(KeyboardInterrupt):
        features.of(network, photos)
    assert not list(folder.glob("*.npy"))
    part = next(folder.glob(".*.part"))
    with part.open("ab") as stream:  # and one file was cut in the middle of a photo
        stream.truncate(part.stat().st_size - 10)
    again = features.of(network, photos)
    total = 2 * len(rows) + len(photos.rows("val"))
    assert sum(calls[4:]) == total - 23  # of the 24 that were encoded, 23 were whole
    for found, maps in zip(again.of_batch(rows, flipped), expected, strict=True):
        np.testing.assert_allclose(found, maps, rtol=1e-4, atol=1e-5 * np.abs(maps).max())


def test_another_data_set_or_encoder_is_not_mistaken(xception, photos):
    network, other = build("xception", xception), build("xception", models.load_xception(None))
    rows, flipped = photos.rows("val"), np.zeros(len(photos.rows("val")), bool)
    ours, theirs = (features.of(net, photos).of_batch(rows, flipped)[0] for net in (network, other))
    assert np.abs(ours - theirs).max() > 0.01 * np.abs(ours).max()
    changed = dataclasses.replace(photos, fingerprint="another", images=photos.images[::-1])
    old, new = (features.of(network, data).of_batch(rows, flipped)[0] for data in (photos, changed))
    assert np.abs(old - new).max() > 0.01 * np.abs(old).max()


def test_it_pays_only_with_a_frozen_encoder_epochs_and_room(xception, photos, monkeypatch):
    network = build("xception_skips", xception)
    assert features.pays(network, photos, epochs=3)
    assert not features.pays(network, photos, epochs=2)
    assert not features.pays(models.build_cnn(4), photos, epochs=100)
    monkeypatch.setattr("shutil.disk_usage", lambda folder: type("", (), {"free": 1e6})())
    assert not features.pays(network, photos, epochs=3)


def test_refusals(xception, photos, monkeypatch):
    with pytest.raises(ValueError, match="cnn: expected a network with a frozen encoder"):
        features.of(models.build_cnn(4), photos)
    tuned = models.build_xception(models.load_xception(None), fine_tune=True, filters=16)
    with pytest.raises(ValueError, match="frozen encoder"):
        features.of(tuned, photos)
    network = build("xception", xception)
    with pytest.raises(ValueError, match="rows of train, or of val as they are"):
        features.of(network, photos).of_batch(photos.rows("test")[:1], np.array([False]))
    free = type("", (), {"free": 10})()
    monkeypatch.setattr("shutil.disk_usage", lambda folder: free)
    with pytest.raises(DataError, match="the disk is too full"):
        features.of(build("xception_skips", xception), photos)
