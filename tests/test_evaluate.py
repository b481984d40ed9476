"""Every row of the table: there when it can be, measured on the right photos, in order."""

import numpy as np
import pytest

from lib import evaluate, lab, metrics, models, preprocess


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("processed")
    return preprocess.prepare("scenes", image_size=32, max_images=120, seed=3, processed=folder)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    (folder / "cnn").mkdir()
    models.build_cnn(4).save(folder / "cnn" / "model.keras")
    return folder


@pytest.fixture(scope="module")
def rows(photos):
    return photos.rows("test")


@pytest.fixture(scope="module")
def predictors(photos, rows, study):
    return evaluate.predictors(photos, rows, study, seed=0)


@pytest.fixture(scope="module")
def table(photos, rows, predictors):
    return evaluate.measure(photos, rows, predictors)


def test_rows_are_baselines_oracles_and_the_networks_that_are_there(predictors):
    baselines = ["gray", "mean_ab", "l_lookup", "random_photo"]
    assert list(predictors) == [*baselines, "oracle_mean", "oracle_sample", "cnn"]


def test_table_has_each_photo_once_a_row_with_every_measure(table, photos, rows, predictors):
    assert list(table.columns) == ["photo", "model", *metrics.MEASURES]
    assert list(table.model.unique()) == ["truth", *predictors]
    for _, part in table.groupby("model"):
        assert part.photo.tolist() == photos.names(rows)


def test_truth_has_no_error_and_gray_no_colour(table):
    means = table.groupby("model")[list(metrics.MEASURES)].mean()
    assert means.rmse_ab["truth"] == 0 and means.ssim["truth"] == pytest.approx(1)
    assert means.colorfulness["gray"] == pytest.approx(0, abs=0.05)


def test_values_are_those_of_the_whole_set_at_once(table, photos, rows):
    rgb = photos.images[rows]
    ab_true = np.asarray(lab.rgb_to_lab(rgb))[..., 1:]
    own = table[table.model == "gray"].rmse_ab.to_numpy()
    np.testing.assert_allclose(own, metrics.rmse_ab(ab_true, 0 * ab_true), rtol=1e-5)


def test_oracles_belong_to_the_photos_they_are_measured_on(table):
    errors = table.pivot(index="photo", columns="model", values="rmse_ab")
    assert errors.oracle_mean.mean() < 0.7 * errors.l_lookup.mean()
    assert errors.oracle_mean.mean() < errors.oracle_sample.mean()


def test_baselines_never_see_a_test_photo(photos, rows, study):
    """Another test set leaves the fitted baselines as they are."""
    one = evaluate.predictors(photos, rows, study)
    other = evaluate.predictors(photos, rows[: len(rows) // 2], study)
    for name in ("mean_ab", "l_lookup"):
        np.testing.assert_array_equal(one[name](rows[:2]), other[name](rows[:2]))
    drawn = one["random_photo"](rows)
    train_ab = np.asarray(lab.rgb_to_lab(photos.images[photos.rows("train")]))[..., 1:]
    for ab in drawn[:3]:
        assert (np.abs(train_ab - ab).max(axis=(1, 2, 3)) < 1e-3).any()
