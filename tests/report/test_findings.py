"""Which row is better, and what the report says of it, whichever way the numbers fall."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from studies import COLORS, changed, metrics, study_of

from lib.intervals import summarize
from lib.report import findings, number_format, seeds, verdicts


def judged(study):
    return {row.measure: row for row in verdicts.compare(study)}


def observed(**others):
    return " ".join(findings.observations(study_of(metrics(), **others)))


def test_rows_are_compared_only_over_the_same_photos():
    photos = changed(gan=11.5)
    assert judged(study_of(photos))["rmse_ab"].verdict == "better"  # two intervals overlap
    assert judged(study_of(None, summarize(photos))) == {}


def test_paired_differences_are_those_of_summary_json():
    pair = {"measure": "rmse_ab", "model": "gan", "reference": "cnn"}
    pair |= {"difference": -5.0, "low": -8.0, "high": 2.0}
    row = judged(study_of(metrics(), facts={"paired": [pair]}))["rmse_ab"]
    assert row.difference == "−5 [−8, 2]" and row.verdict == "open"


@pytest.mark.parametrize(
    "gan, verdict", [(96, "better"), (104, "worse"), (100, "open"), (60, "better"), (40, "open")]
)
def test_on_either_side_of_the_truth_the_distances_count(gan, verdict):
    photos = metrics(colors=COLORS | {"cnn": 40, "gan": gan, "truth": 70}, spread=0.5)
    random = np.random.default_rng(1)
    photos["colorfulness"] += random.normal(0, 2, len(photos))  # photo by photo, 0.3 for a mean
    assert judged(study_of(photos))["colorfulness"].verdict == verdict


def test_the_ratio_of_colorfulness_is_decided_as_colorfulness_is():
    photos = metrics()
    summary = summarize(photos)
    true = summary.set_index("model").loc["truth", "colorfulness"]
    for end in ("", "_low", "_high"):
        summary[f"colorfulness_ratio{end}"] = summary[f"colorfulness{end}"] / true
    study = study_of(photos, summary)
    rows = judged(study)
    assert rows["colorfulness_ratio"].verdict == rows["colorfulness"].verdict == "better"
    assert verdicts.best(study.table, "colorfulness_ratio") == "gan"
    loud = study_of(metrics(colors=COLORS | {"gan": 140}))
    assert verdicts.best(loud.table, "colorfulness") == "generator"
    assert rows["colorfulness_ratio"].difference.startswith("+0.37")  # (66 - 40) / 70


@pytest.mark.parametrize(
    "value, low, high, text",
    [
        (0.25, -0.024, 0.526, "+0.25 [−0.02, 0.53]"),  # one digit would hide that zero is inside
        (1.24, 0.98, 1.5, "+1.2 [1.0, 1.5]"),
        (-3.0, -3.0, -3.0, "−3.000 [−3.000, −3.000]"),
    ],
)
def test_a_difference_shows_whether_zero_is_inside(value, low, high, text):
    assert number_format.difference(value, low, high) == text


def test_digits_follow_the_width_of_the_interval():
    for half, digits in [(0.4, 1), (1.5, 1), (3.0, 0), (0.02, 2), (0.005, 3)]:
        table = pd.DataFrame({"m": [50.0], "m_low": [50 - half], "m_high": [50 + half]})
        assert number_format.places(table, "m") == digits


@pytest.mark.parametrize(
    "gan, verdict, start, claim",
    [
        (10, "better", "Yes", "holds here"),
        (14, "worse", "No, not", "does not hold here"),
        (12.001, "open", "By the paper’s own measure, RMSE, these", "is not confirmed here"),
    ],
)
def test_the_answer_follows_the_numbers(gan, verdict, start, claim):
    study = study_of(changed(gan=gan))
    found = judged(study)
    assert found["rmse_ab"].verdict == verdict
    assert findings.headline(study).startswith(start)
    _, said = findings.answer(study)
    assert claim in said and found["rmse_ab"].model in said and "60 test photos" in said


def test_two_colour_spaces_may_disagree():
    photos = changed(gan=14)
    photos.loc[photos.model == "gan", "rmse_rgb"] -= 10
    assert "depends on the colour space" in findings.headline(study_of(photos))


@pytest.mark.parametrize(
    "found, words",
    [
        (
            {"rmse_ab": "worse", "psnr": "worse", "colorfulness": "better", "kid": "open"},
            "Compared with the CNN, NoGAN is truer in how colourful it is, but further from the "
            "true colours. These photos show no difference in the likeness to real photos as a "
            "whole.",
        ),
        (
            {"rmse_ab": "open", "ssim": "better", "auc_rebalanced": "better"},
            "Compared with the CNN, NoGAN is nearer to the true colours (by 1 of 2 measures) and "
            "better at rare colours.",
        ),
        ({"rmse_ab": "worse", "ssim": "better"}, "The measures of the distance from the true"),
    ],
)
def test_the_lead_says_what_the_verdicts_come_to(found, words):
    rows = [
        verdicts.Comparison(name, name, "", "1", "2", "-1", kind) for name, kind in found.items()
    ]
    assert findings._lead(rows).startswith(words)


def test_observations_name_the_networks_below_a_baseline():
    words = observed()
    assert "(mean colour of each lightness, " in words
    assert "is beaten by CNN, Generator alone and NoGAN; not even reached by Autoencoder." in words
    assert "RMSE rewards caution" in words
    best = pd.DataFrame({"epoch": range(1, 11), "val_loss": abs(np.arange(10) - 2.0)})
    assert "epoch 3 of 10" in observed(histories={"cnn": best})


def test_welch_agrees_with_scipy():
    one, other = [36.1, 30.2, 44.0, 37.5], [31.0, 32.2, 30.9]
    known = stats.ttest_ind(one, other, equal_var=False).confidence_interval(0.95)
    runs = [{"mean": np.mean(v), "sd": np.std(v, ddof=1), "seeds": len(v)} for v in (one, other)]
    assert seeds.welch(*runs) == pytest.approx((known.low, known.high))


@pytest.mark.parametrize(
    "gan, over, sd, words",
    [
        (10, 10.0, 0.2, "survives the seeds: over the runs the GAN is better"),
        (10, 11.0, 2.0, "the GAN is better, over the runs the GAN cannot be told from the CNN"),
        (10, 14.0, 0.2, "does not survive the seeds: by the photos of this run the GAN is better"),
        (12.001, 12.1, 0.4, "survives the seeds: over the runs the GAN cannot be told"),
    ],
)
def test_the_answer_survives_the_seeds_or_not(gan, over, sd, words):
    runs = pd.DataFrame([("cnn", "rmse_ab", 3, 12.0, sd), ("gan", "rmse_ab", 3, over, sd)])
    runs.columns = ["model", "measure", "seeds", "mean", "sd"]
    study = study_of(changed(gan=gan), seeds=runs)
    assert words in seeds.survives(study)
    assert [row[1] for row in seeds.spreads(study)] == ["CNN", "NoGAN"]
    for few in (runs.assign(seeds=1), runs[:1]):
        study.seeds = few
        assert seeds.survives(study) == ""


def test_spread_over_seeds_with_students_t():
    summaries = [
        pd.DataFrame({"model": ["gray", "cnn"], "rmse_ab": [13.0, mean], "rmse_ab_low": 0.0})
        for mean in (10.0, 11.0, 12.0)
    ]
    summaries[0] = summaries[0].assign(kid=1.0, kid_low=0.0)  # not in all: left out
    found = seeds.over_seeds(summaries)
    assert list(found) == ["model", "measure", "seeds", "mean", "sd", "low", "high"]
    gray, cnn = found.itertuples()
    assert (cnn.measure, cnn.seeds, cnn.mean, cnn.sd) == ("rmse_ab", 3, 11.0, 1.0)
    half = 4.302653 / np.sqrt(3)  # Student's t table: 0.975, 2 degrees of freedom
    np.testing.assert_allclose([cnn.low, cnn.high], [11 - half, 11 + half], rtol=1e-6)
    assert (gray.mean, gray.sd, gray.low, gray.high) == (13, 0, 13, 13)
    assert seeds.over_seeds(summaries[:1])[["sd", "low", "high"]].isna().all(axis=None)
