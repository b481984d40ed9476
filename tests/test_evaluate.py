"""Every row of the table: there when it can be, measured on the right photos, in order."""

import shutil

import keras
import numpy as np
import pytest

from lib import baselines, evaluate, lab, metrics, models
from lib.data import preprocess, scenes
from lib.files import write_json


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("processed")
    return preprocess.prepare("scenes", image_size=32, max_images=120, seed=3, processed=folder)


@pytest.fixture(scope="module")
def study(tmp_path_factory, photos):
    folder = tmp_path_factory.mktemp("study")
    (folder / "cnn").mkdir()
    keras.utils.set_random_seed(0)
    network = models.build_cnn(4)
    output = network.get_layer("output_ab")  # starts near no colour: make it lively
    output.set_weights([30_000 * weights for weights in output.get_weights()])
    models.save(network, folder / "cnn" / "model.keras")
    write_json(folder / "cnn" / "params.json", {"data": photos.fingerprint})
    return folder


@pytest.fixture(scope="module")
def rows(photos):
    return photos.rows("test")


@pytest.fixture(scope="module")
def predictors(photos, rows, study):
    networks, left_out = evaluate.networks(photos, study)
    assert left_out == []
    return baselines.predictors(photos, rows) | scenes.oracles(photos) | networks


@pytest.fixture(scope="module")
def measured(photos, rows, predictors):
    return evaluate.measure(photos, rows, predictors, examples=5)


@pytest.fixture(scope="module")
def table(measured):
    return measured.table


@pytest.fixture(scope="module")
def truth(photos, rows):
    """Of all test photos at once: RGB and ab."""
    rgb = photos.images[rows]
    return rgb, np.asarray(lab.rgb_to_lab(rgb))[..., 1:]


def predict(photos, predictors, name, part):
    lightness = np.asarray(lab.rgb_to_lab(photos.images[part]))[..., :1].clip(0, 100)
    return predictors[name](part, lightness)


def test_a_network_of_other_photos_is_left_out_and_named(photos, study, tmp_path):
    shutil.copytree(study / "cnn", tmp_path / "cnn")
    write_json(tmp_path / "cnn" / "params.json", {"data": "another"})
    networks, left_out = evaluate.networks(photos, tmp_path)
    assert networks == {} and len(left_out) == 1
    assert left_out[0].startswith("cnn has learnt from other photos")


def test_table_has_each_photo_once_a_row_with_every_measure(table, photos, rows, predictors):
    assert list(table.columns) == ["photo", "model", *metrics.MEASURES]
    assert list(table.model.unique()) == ["truth", *predictors]
    for _, part in table.groupby("model"):
        assert part.photo.tolist() == photos.names(rows)


def test_truth_has_no_error_and_gray_no_colour(table):
    means = table.groupby("model")[list(metrics.MEASURES)].mean()
    none = ["rmse_ab", "rmse_rgb", "delta_e_2000"]
    assert (means.loc["truth", none] < 1e-4).all() and means.ssim["truth"] == pytest.approx(1)
    whole = ["psnr", "auc", "auc_rebalanced"]
    np.testing.assert_allclose(means.loc["truth", whole], 100, rtol=1e-6)
    assert means.colorfulness["gray"] == pytest.approx(0, abs=0.05)


@pytest.mark.parametrize("name", ["gray", "random_photo", "oracle_sample", "cnn"])
def test_values_are_those_of_the_whole_set(name, table, photos, rows, predictors, truth):
    """One compiled program of a batch against each measure by itself."""
    rgb, ab_true = truth
    ab = predict(photos, predictors, name, rows)
    rgb_pred = metrics.recolor(rgb, ab)
    own = table[table.model == name].reset_index()
    expected = {
        measure: getattr(metrics, measure)(rgb, rgb_pred)
        for measure in ("rmse_rgb", "ssim", "delta_e_2000")
    }
    expected["psnr"] = metrics.psnr_of(expected["rmse_rgb"])
    expected["colorfulness"] = metrics.colorfulness(rgb_pred)
    expected["rmse_ab"] = metrics.rmse_ab(ab_true, ab)
    expected["auc"] = metrics.auc(ab_true, ab)
    weights = metrics.ab_bin_weights(metrics.ab_histogram(metrics.ab_bin(ab_true)))
    shares = np.array(metrics.weighted_shares(ab_true, ab, weights))
    expected["auc_rebalanced"] = metrics.pooled_share(*shares.T)
    assert set(expected) == set(metrics.MEASURES)
    for measure, values in expected.items():
        np.testing.assert_allclose(own[measure], values, rtol=2e-3, atol=2e-2, err_msg=measure)
        np.testing.assert_allclose(own[measure].mean(), values.mean(), rtol=3e-4, atol=5e-3)


def test_smaller_batches_change_nothing(photos, rows, predictors, measured, monkeypatch):
    monkeypatch.setattr(evaluate, "BATCH", 7)
    assert len(rows) % 7
    again = evaluate.measure(photos, rows, predictors, examples=5)
    numbers = list(metrics.MEASURES)
    assert again.table[["photo", "model"]].equals(measured.table[["photo", "model"]])
    np.testing.assert_allclose(again.table[numbers], measured.table[numbers], rtol=1e-3, atol=0.02)
    for name, counts in measured.histograms.items():
        assert counts.sum() == again.histograms[name].sum() == len(rows) * 32 * 32
        assert np.abs(counts - again.histograms[name]).sum() < 1e-3 * counts.sum()
        np.testing.assert_array_equal(again.examples[name].shape, measured.examples[name].shape)


def test_examples_are_what_a_viewer_gets(measured, photos, rows, predictors):
    chosen = rows[np.linspace(0, len(rows) - 1, 5).astype(int)]
    np.testing.assert_array_equal(measured.examples["truth"], photos.images[chosen])
    colored = evaluate.colored(photos, {"cnn": predictors["cnn"]}, chosen)["cnn"]
    differs = measured.examples["cnn"] != colored
    assert differs.mean() < 1e-3 and (measured.examples["cnn"] - colored + 1 <= 2).all()


def test_histograms_are_of_the_raw_ab(measured, photos, rows, predictors, truth):
    known = {"truth": truth[1], "random_photo": predict(photos, predictors, "random_photo", rows)}
    for name, ab in known.items():
        expected = metrics.ab_histogram(metrics.ab_bin(ab))
        np.testing.assert_array_equal(measured.histograms[name], expected)
    assert np.count_nonzero(measured.histograms["mean_ab"]) == 1


def test_error_by_color_is_that_of_its_pixels(measured, photos, rows, predictors, truth):
    colors = evaluate.error_by_color(measured.colors)
    interval = ["rmse_ab", "rmse_ab_low", "rmse_ab_high"]
    assert list(colors) == ["color", "model", "pixels", *interval, "chroma_ratio"]
    assert "truth" not in set(colors.model)
    own = colors[colors.model == "random_photo"].set_index("color")
    assert own.pixels.sum() == pytest.approx(1)
    assert list(own.index) == [name for name in metrics.COLORS if name in own.index]
    ab, classes = predict(photos, predictors, "random_photo", rows), metrics.color_classes(truth[1])
    for name in own.index:
        pixels = classes == metrics.COLORS.index(name)
        true, pred = truth[1][pixels], ab[pixels]
        rmse = np.sqrt(np.square(pred - true).mean())
        chroma = np.linalg.norm(pred, axis=-1).mean() / np.linalg.norm(true, axis=-1).mean()
        row = own.loc[name]
        np.testing.assert_allclose([row.rmse_ab, row.chroma_ratio], [rmse, chroma], rtol=1e-3)
        assert row.rmse_ab_low <= row.rmse_ab <= row.rmse_ab_high
        assert row.pixels == pytest.approx(pixels.mean())
    gray = colors[colors.model == "gray"].set_index("color")
    assert (gray.chroma_ratio == 0).all() and gray.rmse_ab["grey"] < 10 / np.sqrt(2)


def test_classes_without_a_pixel_are_left_out():
    sums = np.zeros((3, 8, 4), np.float32)
    sums[:, 4] = [[10, 2 * 10 * 25, 100, 50], [5, 0, 50, 25], [0, 0, 0, 0]]  # green
    colors = evaluate.error_by_color({"truth": sums, "cnn": sums})
    assert colors.color.tolist() == ["green"] and colors.pixels.tolist() == [1.0]
    np.testing.assert_allclose(colors.rmse_ab, np.sqrt(500 / 30))
    np.testing.assert_allclose(colors.chroma_ratio, 0.5)
    assert np.isfinite(colors[["rmse_ab_low", "rmse_ab_high"]]).all(axis=None)


@pytest.mark.parametrize(
    ("ab", "message"),
    [(np.nan, "broken: expected finite ab"), (None, "broken: expected ab of shape")],
)
def test_broken_predictions_are_refused(photos, rows, ab, message):
    def broken(part, lightness):
        shape = (*lightness.shape[:3], 2) if ab is not None else lightness.shape
        return np.full(shape, ab or 0, np.float32)

    with pytest.raises(ValueError, match=message):
        evaluate.measure(photos, rows, {"broken": broken})


def test_networks_predict_as_models_does(photos, rows, predictors, study):
    network = models.load(study / "cnn" / "model.keras")
    expected = models.predict_ab(network, photos.images[rows[:5]])
    found = predict(photos, predictors, "cnn", rows[:5])
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3)
