"""The table of what was tried: a row a trial, none twice, validation photos alone."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from lib import models, moment, preprocess, train, tuning


@pytest.fixture
def few(tmp_path, monkeypatch):
    """Two trials on a few small photos, in a folder of their own."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    (tmp_path / "photos").mkdir()
    for number in range(40):
        rgb = rng.integers(0, 256, (4, 4, 3), dtype=np.uint8)
        picture = Image.fromarray(rgb).resize((40, 40), Image.Resampling.BICUBIC)
        picture.save(tmp_path / "photos" / f"{number}.png")
    for name, value in {"PHOTOS": 40, "SIZE": 32, "EPOCHS": 1, "BATCH_SIZE": 8}.items():
        monkeypatch.setattr(tuning, name, value)
    monkeypatch.setattr(
        tuning, "TRIALS", (("cnn", {"filters": 4}), ("cnn", {"filters": 4, "loss": "mae"}))
    )
    return ["--source", str(tmp_path / "photos"), "--out", str(tmp_path / "tried.csv")]


def test_a_row_a_trial_and_none_twice(few, tmp_path, monkeypatch):
    tuning.main(few)
    table = pd.read_csv(tmp_path / "tried.csv")
    assert table.changed.to_list() == ["filters 4", "filters 4, loss mae"]
    assert (table.epoch == 1).all() and (table.rmse_ab > 0).all() and (table.val > 0).all()
    monkeypatch.setattr(tuning, "try_one", None)  # it would fail if it were called
    tuning.main(few)
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "tried.csv"), table)


def test_a_trial_that_breaks_loses_no_row(few, tmp_path, monkeypatch):
    plain = tuning.try_one

    def broken(name, changes, *rest):
        if "loss" in changes:
            raise KeyboardInterrupt
        return plain(name, changes, *rest)

    monkeypatch.setattr(tuning, "try_one", broken)
    with pytest.raises(KeyboardInterrupt):
        tuning.main(few)
    assert len(pd.read_csv(tmp_path / "tried.csv")) == 1


def test_trials_of_the_joint_phase_go_on_from_the_study(few, tmp_path, monkeypatch, xception):
    monkeypatch.setattr(tuning, "TRIALS", ())
    monkeypatch.setattr(tuning, "STUDY_SIZE", 32)
    monkeypatch.setattr(tuning, "JOINT", {"steps": 1, "learning_rate": 1e-4, "check_every": 1})
    monkeypatch.setattr(tuning, "JOINT_TRIALS", ({}, {"steps": 0, "ab": 2.0}))
    monkeypatch.setattr(models, "load_xception", lambda weights: xception)
    train.prepare_device(0)
    for name, network in {
        "generator": models.build_generator(4),
        "critic/cycle1": models.build_critic(4),
    }.items():
        (tuning.STUDY / name).mkdir(parents=True)
        network.save(tuning.STUDY / name / "model.keras")
    tuning.main(few)
    table = pd.read_csv(tmp_path / "tried.csv")
    assert table.model.to_list() == ["gan", "gan"]
    assert table.colorfulness_ratio[1] > 0 and np.isfinite(table.kid).all()


def test_trials_of_color_change_the_answers_alone(few, tmp_path, monkeypatch):
    monkeypatch.setattr(tuning, "TRIALS", ())
    monkeypatch.setattr(tuning, "STUDY_SIZE", 32)
    train.prepare_device(0)
    network = models.build_generator(4)
    output, rng = network.get_layer("output_ab"), np.random.default_rng(0)
    output.set_weights([rng.normal(0, 1, weights.shape) for weights in output.get_weights()])
    (tuning.STUDY / "gan").mkdir(parents=True)
    network.save(tuning.STUDY / "gan" / "model.keras")
    changed = ({"ab": 1.0, "power": 1.0}, {"ab": 0.0, "power": 1.0}, {"ab": 1.0, "power": 0.5})
    monkeypatch.setattr(tuning, "COLOR_TRIALS", [("gan", changes) for changes in changed])
    tuning.main(few)
    table = pd.read_csv(tmp_path / "tried.csv")
    photos = preprocess.prepare("flickr8k", few[1], 32, None)
    rgb = photos.images[photos.rows("val")]
    ab = models.predict_ab(network, rgb)
    truth = moment.Truth(rgb)
    chroma = np.hypot(*np.moveaxis(ab, -1, 0))[..., None]
    assert chroma.min() > 1e-3
    tenth = np.sqrt(chroma / 10)
    expected = [truth.measure(np.float32(values))[0] for values in (ab, 0 * ab, ab / tenth)]
    for key in ("rmse_ab", "colorfulness_ratio"):
        np.testing.assert_allclose(table[key], [row[key] for row in expected], atol=2e-3)
    assert table.colorfulness_ratio[1] < 0.01 < table.colorfulness_ratio[0]
