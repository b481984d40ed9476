"""Means with intervals: by hand, normal distribution, coverage, pairs, refusals."""

import numpy as np
import pandas as pd
import pytest

from lib import intervals


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
    summary = intervals.summarize(table)
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
    summary = intervals.summarize(table, seed=1)
    pd.testing.assert_frame_equal(summary, intervals.summarize(table, seed=1))
    assert not summary.equals(intervals.summarize(table, seed=2))
    mixed = table.sample(frac=1, random_state=0)
    mixed = mixed.sort_values("model", key=lambda column: column != "gray", kind="stable")
    pd.testing.assert_frame_equal(summary, intervals.summarize(mixed, seed=1))


def test_intervals_cover_the_true_mean():
    samples = np.random.default_rng(4).normal(10, 2, (400, 50))
    summary = intervals.summarize(long_table({f"model {i}": s for i, s in enumerate(samples)}))
    covered = (summary["rmse_ab_low"] <= 10) & (summary["rmse_ab_high"] >= 10)
    assert 0.90 <= covered.mean() <= 0.98


def test_paired_difference_by_hand():
    table = long_table({"gray": [3.0, 5.0, 7.0, 1.0], "cnn": [2.0, 3.0, 4.0, -3.0]})
    result = intervals.paired_difference(table, "rmse_ab", "cnn", "gray")
    assert list(result) == ["difference", "low", "high", "effect_size", "photos"]
    assert result["difference"] == -2.5 and result["photos"] == 4
    assert -4 <= result["low"] < -2.5 < result["high"] <= -1
    np.testing.assert_allclose(result["effect_size"], -2.5 / np.sqrt(5 / 3))


def test_pairing_sees_what_two_intervals_hide():
    hard, noise = np.random.default_rng(5).normal(size=(2, 50))
    table = long_table({"gray": 20 + 10 * hard, "cnn": 19 + 10 * hard + 0.5 * noise})
    summary = intervals.summarize(table).set_index("model")
    assert summary.loc["cnn", "rmse_ab_high"] > summary.loc["gray", "rmse_ab_low"]
    assert intervals.paired_difference(table, "rmse_ab", "cnn", "gray")["high"] < 0


def test_undefined_effect_sizes_have_a_stated_answer():
    table = long_table({"gray": [3.0, 5.0], "same": [3.0, 5.0], "shifted": [3.1, 5.1]})
    assert intervals.paired_difference(table, "rmse_ab", "same", "gray")["effect_size"] == 0
    assert np.isnan(intervals.paired_difference(table, "rmse_ab", "shifted", "gray")["effect_size"])
    one = long_table({"gray": [3.0], "cnn": [2.0]})
    result = intervals.paired_difference(one, "rmse_ab", "cnn", "gray")
    assert result["difference"] == result["low"] == result["high"] == -1
    assert np.isnan(result["effect_size"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.replace(5.0, np.nan), "a finite number for each photo"),
        (lambda t: t.replace(5.0, np.inf), "a finite number for each photo"),
        (lambda t: t.iloc[1:], "a finite number for each photo"),
        (lambda t: pd.concat([t, t.iloc[:1]]), "duplicate"),
    ],
)
def test_tables_that_would_mislead_are_refused(change, message):
    table = long_table({"gray": [3.0, 5.0, 7.0], "cnn": [1.0, 2.0, 6.0]})
    with pytest.raises(ValueError, match=message):
        intervals.summarize(change(table))


# Ratios and seeds


def test_ratio_to_truth_by_hand():
    table = long_table({"truth": [10.0, 30.0], "gray": [0.0, 0.0], "cnn": [15.0, 15.0]})
    table = table.rename(columns={"rmse_ab": "colorfulness"})
    ratio = metrics_of(intervals.ratio_to_truth(table))
    assert ratio["truth"] == [1, 1, 1] and ratio["gray"] == [0, 0, 0]
    assert ratio["cnn"] == [0.75, 0.5, 1.5]  # of means; samples of one photo alone at the ends


def metrics_of(ratio):
    columns = ["colorfulness_ratio", "colorfulness_ratio_low", "colorfulness_ratio_high"]
    assert list(ratio) == ["model", *columns]
    return {row[1]: list(row[2:]) for row in ratio.itertuples()}


def test_interval_of_a_ratio_is_that_of_its_linearization():
    random = np.random.default_rng(6)
    below = random.uniform(1, 3, 1000)
    above = below * random.uniform(0.4, 0.8, 1000)
    ratio, low, high = intervals.bootstrap_ratio(above, below)
    spread = np.std(above - ratio * below) / below.mean() / np.sqrt(1000)
    np.testing.assert_allclose([low, high], ratio + 1.96 * spread * np.array([-1, 1]), rtol=5e-3)


def test_ratios_without_anything_below_are_nan():
    assert np.isnan(intervals.bootstrap_ratio(np.ones(3), np.zeros(3))).all()
    table = long_table({"truth": [0.0, 0.0], "cnn": [1.0, 2.0]})
    ratio = intervals.ratio_to_truth(table, "rmse_ab")
    assert ratio.drop(columns="model").isna().all(axis=None)
    with pytest.raises(KeyError, match="truth"):
        intervals.ratio_to_truth(long_table({"cnn": [1.0, 2.0]}), "rmse_ab")
