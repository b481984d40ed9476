"""Means with intervals: by hand, normal distribution, coverage, pairs, refusals."""

import numpy as np
import pandas as pd
import pytest

from lib import metrics


def long_table(values):
    """A metrics table of {model: values}, one measure."""
    frames = [
        pd.DataFrame({"photo": np.arange(len(column)), "model": model, "rmse_ab": column})
        for model, column in values.items()
    ]
    return pd.concat(frames, ignore_index=True)


def test_summary_has_means_in_order_of_appearance():
    table = long_table({"gray": [3.0, 5.0, 7.0], "cnn": [1.0, 2.0, 6.0]})
    table["psnr"] = 20.0
    summary = metrics.summarize(table)
    columns = ["rmse_ab", "rmse_ab_low", "rmse_ab_high", "psnr", "psnr_low", "psnr_high"]
    assert list(summary) == ["model", *columns]
    assert summary["model"].tolist() == ["gray", "cnn"]
    assert summary["rmse_ab"].tolist() == [5.0, 3.0]
    assert (summary["rmse_ab_low"] < summary["rmse_ab"]).all()
    assert (summary["rmse_ab_high"] > summary["rmse_ab"]).all()
    assert (summary[["psnr", "psnr_low", "psnr_high"]] == 20).all(axis=None)


def test_summary_is_reproducible_and_blind_to_the_order_of_rows():
    gray, cnn = np.random.default_rng(2).normal(size=(2, 30))
    table = long_table({"gray": gray, "cnn": cnn})
    summary = metrics.summarize(table, seed=1)
    pd.testing.assert_frame_equal(summary, metrics.summarize(table, seed=1))
    assert not summary.equals(metrics.summarize(table, seed=2))
    mixed = table.sample(frac=1, random_state=0)
    mixed = mixed.sort_values("model", key=lambda column: column != "gray", kind="stable")
    pd.testing.assert_frame_equal(summary, metrics.summarize(mixed, seed=1))


def test_summary_of_one_photo():
    summary = metrics.summarize(long_table({"cnn": [4.2]}))
    assert summary.loc[0, ["rmse_ab", "rmse_ab_low", "rmse_ab_high"]].tolist() == [4.2] * 3


def test_interval_of_many_photos_is_that_of_the_normal_distribution():
    values = np.random.default_rng(3).normal(10, 2, 2000)
    summary = metrics.summarize(long_table({"cnn": values})).loc[0]
    half = 1.96 * values.std() / np.sqrt(len(values))
    np.testing.assert_allclose(summary["rmse_ab_low"], values.mean() - half, atol=0.1 * half)
    np.testing.assert_allclose(summary["rmse_ab_high"], values.mean() + half, atol=0.1 * half)


def test_intervals_cover_the_true_mean():
    samples = np.random.default_rng(4).normal(10, 2, (400, 50))
    summary = metrics.summarize(long_table({f"model {i}": s for i, s in enumerate(samples)}))
    covered = (summary["rmse_ab_low"] <= 10) & (summary["rmse_ab_high"] >= 10)
    assert 0.90 <= covered.mean() <= 0.98


def test_paired_difference_by_hand():
    table = long_table({"gray": [3.0, 5.0, 7.0, 1.0], "cnn": [2.0, 3.0, 4.0, -3.0]})
    result = metrics.paired_difference(table, "rmse_ab", "cnn", "gray")
    assert list(result) == ["difference", "low", "high", "effect_size", "photos"]
    assert result["difference"] == -2.5 and result["photos"] == 4
    assert -4 <= result["low"] < -2.5 < result["high"] <= -1
    np.testing.assert_allclose(result["effect_size"], -2.5 / np.sqrt(5 / 3))


def test_pairing_sees_what_two_intervals_hide():
    hard, noise = np.random.default_rng(5).normal(size=(2, 50))
    table = long_table({"gray": 20 + 10 * hard, "cnn": 19 + 10 * hard + 0.5 * noise})
    summary = metrics.summarize(table).set_index("model")
    assert summary.loc["cnn", "rmse_ab_high"] > summary.loc["gray", "rmse_ab_low"]
    assert metrics.paired_difference(table, "rmse_ab", "cnn", "gray")["high"] < 0


def test_undefined_effect_sizes_have_a_stated_answer():
    table = long_table({"gray": [3.0, 5.0], "same": [3.0, 5.0], "shifted": [3.1, 5.1]})
    assert metrics.paired_difference(table, "rmse_ab", "same", "gray")["effect_size"] == 0
    assert np.isnan(metrics.paired_difference(table, "rmse_ab", "shifted", "gray")["effect_size"])
    one = long_table({"gray": [3.0], "cnn": [2.0]})
    result = metrics.paired_difference(one, "rmse_ab", "cnn", "gray")
    assert result["difference"] == result["low"] == result["high"] == -1
    assert np.isnan(result["effect_size"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.drop(columns="photo"), "expected photo, model and measures"),
        (lambda t: t.drop(columns="rmse_ab"), "expected photo, model and measures"),
        (lambda t: t.iloc[:0], "expected photo, model and measures"),
        (lambda t: t.replace(5.0, np.nan), "finite numbers in rmse_ab"),
        (lambda t: t.replace(5.0, np.inf), "finite numbers in rmse_ab"),
        (lambda t: t.assign(note="good"), "finite numbers in note"),
        (lambda t: pd.concat([t, t.iloc[:1]]), "more than once"),
        (lambda t: t.iloc[1:], "same photos"),
    ],
)
def test_tables_that_would_mislead_are_refused(change, message):
    table = long_table({"gray": [3.0, 5.0, 7.0], "cnn": [1.0, 2.0, 6.0]})
    with pytest.raises(ValueError, match=message):
        metrics.summarize(change(table))


def test_unknown_model_or_measure_is_refused():
    table = long_table({"gray": [3.0, 5.0], "cnn": [1.0, 2.0]})
    with pytest.raises(ValueError, match="gan"):
        metrics.paired_difference(table, "rmse_ab", "gan", "gray")
    with pytest.raises(ValueError, match="psnr"):
        metrics.paired_difference(table, "psnr", "cnn", "gray")
