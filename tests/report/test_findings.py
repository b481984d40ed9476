"""What the report says follows the numbers, whichever way they fall."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from lib.intervals import summarize
from lib.report import cells, findings, seeds, verdicts

PHOTOS = 60
ERRORS = {
    "truth": 0,
    "gray": 20,
    "mean_ab": 19,
    "l_lookup": 18,
    "oracle_mean": 9,
    "oracle_sample": 13,
    "cnn": 12,
    "autoencoder": 21,
    "generator": 11,
    "gan": 10,
}
COLORS = {
    "truth": 70,
    "gray": 0,
    "mean_ab": 9,
    "l_lookup": 12,
    "oracle_mean": 60,
    "oracle_sample": 70,
    "cnn": 40,
    "autoencoder": 20,
    "generator": 50,
    "gan": 66,
}


def metrics(errors=ERRORS, colors=COLORS, spread=0.5):
    """A table in which photos differ much and models differ by a known amount."""
    random, tables = np.random.default_rng(0), []
    hard = random.normal(0, 3, PHOTOS)
    for model, error in errors.items():
        noise = random.normal(0, spread, (3, PHOTOS))
        table = pd.DataFrame({"photo": [f"photo-{n}.jpg" for n in range(PHOTOS)], "model": model})
        table["rmse_ab"] = error + hard + noise[0] if error else 0.0
        table["rmse_rgb"] = 1.5 * (error + hard) + noise[1] if error else 0.0
        table["psnr"] = 30 - error / 2 + noise[2]
        table["colorfulness"] = colors[model] + hard
        tables.append(table)
    return pd.concat(tables)


def changed(**errors):
    return metrics(ERRORS | errors)


@pytest.mark.parametrize(
    "gan, verdict, start, claim",
    [
        (10, "better", "Yes", "holds here"),
        (14, "worse", "No, not", "does not hold here"),
        (12.001, "open", "By the paper’s own measure, RMSE, these", "is not confirmed here"),
    ],
)
def test_the_answer_follows_the_numbers(gan, verdict, start, claim):
    table = changed(gan=gan)
    summary = summarize(table)
    found = {row.measure: row for row in verdicts.compare(summary, table)}
    assert found["rmse_ab"].verdict == verdict
    assert findings.headline(summary, table).startswith(start)
    assert claim in findings.answer(summary, table)[1]
    assert found["rmse_ab"].model in findings.answer(summary, table)[1]


def test_pairing_tells_apart_what_two_intervals_cannot():
    table = changed(gan=11.5)
    summary = summarize(table)
    found = [
        {row.measure: row.verdict for row in verdicts.compare(summary, t)}["rmse_ab"]
        for t in (table, None)
    ]
    assert found == ["better", "open"]
    assert "60 test photos" in findings.answer(summary, table)[-1]


def test_two_colour_spaces_may_disagree():
    table = changed(gan=14)
    gan = table.model == "gan"
    table.loc[gan, "rmse_rgb"] -= 10
    assert "depends on the colour space" in findings.headline(summarize(table), table)


def test_colorfulness_is_best_at_the_truth():
    table = metrics(colors=COLORS | {"gan": 140})
    summary = summarize(table)
    found = {row.measure: row.verdict for row in verdicts.compare(summary, table)}
    assert found["colorfulness"] == "worse"
    assert cells.best(cells.indexed(summary), "colorfulness") == "generator"
    rest = table[~table.model.isin(["truth", "oracle_sample"])]
    found = {row.measure: row.verdict for row in verdicts.compare(summarize(rest), rest)}
    assert found["colorfulness"] == "more"
    assert cells.best(cells.indexed(summarize(rest)), "colorfulness") is None


@pytest.mark.parametrize(
    "gan, verdict", [(96, "better"), (104, "worse"), (100, "open"), (60, "better"), (40, "open")]
)
def test_on_either_side_of_the_truth_the_distances_count(gan, verdict):
    table = metrics(colors=COLORS | {"cnn": 40, "gan": gan, "truth": 70}, spread=0.5)
    random = np.random.default_rng(1)
    table["colorfulness"] += random.normal(0, 2, len(table))  # photo by photo, 0.3 for a mean
    for known in (table, None):
        rows = {row.measure: row for row in verdicts.compare(summarize(table), known)}
        if known is not None or verdict == "open" or gan == 60:
            assert rows["colorfulness"].verdict == verdict


def test_the_ratio_of_colorfulness_is_decided_as_colorfulness_is():
    table = metrics()
    summary = summarize(table)
    true = summary.set_index("model").loc["truth", "colorfulness"]
    for end in ("", "_low", "_high"):
        summary[f"colorfulness_ratio{end}"] = summary[f"colorfulness{end}"] / true
    rows = {row.measure: row for row in verdicts.compare(summary, table)}
    assert rows["colorfulness_ratio"].verdict == rows["colorfulness"].verdict == "better"
    assert cells.best(cells.indexed(summary), "colorfulness_ratio") == "gan"
    assert rows["colorfulness_ratio"].difference.startswith("+0.37")  # (66 - 40) / 70


@pytest.mark.parametrize("half, verdict", [(0.5, "better"), (3.0, "open")])
def test_measures_of_all_photos_count_if_their_intervals_leave_a_gap(half, verdict):
    table = metrics()
    summary = summarize(table)
    summary["kid"] = summary["model"].map({"cnn": 12.0, "gan": 8.0}).fillna(20.0)
    summary["kid_low"], summary["kid_high"] = summary["kid"] - half, summary["kid"] + half
    rows = {row.measure: row for row in verdicts.compare(summary, table)}
    assert rows["kid"].verdict == verdict
    words = findings.answer(summary, table)[0]
    assert ("more like real photos" in words) == (verdict == "better")
    assert ("no difference in the likeness" in words) == (verdict == "open")


def rows(**found):
    return [
        verdicts.Comparison(name, name, "", "1", "2", "-1", kind) for name, kind in found.items()
    ]


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
        ({"colorfulness": "more"}, "It differs in how colourful it is; which is truer is not"),
        ({"rmse_ab": "open"}, "These photos show no difference in the distance from the true"),
    ],
)
def test_the_lead_says_what_the_verdicts_come_to(found, words):
    assert findings.lead(rows(**found)).startswith(words)


def test_welch_agrees_with_scipy():
    one, other = [36.1, 30.2, 44.0, 37.5], [31.0, 32.2, 30.9]
    known = stats.ttest_ind(one, other, equal_var=False).confidence_interval(0.95)
    runs = [{"mean": np.mean(v), "sd": np.std(v, ddof=1), "seeds": len(v)} for v in (one, other)]
    assert seeds.welch(*runs) == pytest.approx((known.low, known.high))
    equal = {"mean": 3.0, "sd": 0.0, "seeds": 2}
    assert seeds.welch(equal, {**equal, "mean": 1.0}) == (2.0, 2.0)


@pytest.mark.parametrize(
    "gan, over, sd, words",
    [
        (10, 10.0, 0.2, "survives the seeds: the GAN is better"),
        (10, 11.0, 2.0, "does not survive the seeds"),
        (10, 14.0, 0.2, "turns round"),
        (12.001, 12.1, 0.4, "Neither other photos nor other seeds"),
        (12.001, 11.0, 0.1, "over the runs there is one: the GAN is better"),
    ],
)
def test_the_answer_survives_the_seeds_or_not(gan, over, sd, words):
    table = changed(gan=gan)
    names = ["model", "measure", "seeds", "mean", "sd"]
    runs = pd.DataFrame([("cnn", "rmse_ab", 3, 12.0, sd), ("gan", "rmse_ab", 3, over, sd)])
    runs.columns = names
    assert words in seeds.survives(runs, summarize(table), table)
    spread = seeds.spreads(runs, summarize(table))
    assert [row[0] for row in spread[0][1]] == ["CNN", "NoGAN"]
    assert "one training run" in seeds.survives(runs.assign(seeds=1), summarize(table), table)
    assert seeds.survives(runs[:1], summarize(table), table) == ""
    assert seeds.spreads(runs.assign(seeds=1), summarize(table)) == []


def test_the_best_is_among_what_a_model_could_know():
    table = cells.indexed(summarize(metrics()))
    assert cells.best(table, "rmse_ab") == cells.best(table, "psnr") == "gan"
    assert list(table.index[:3]) == ["gray", "mean_ab", "l_lookup"]


def test_an_unknown_measure_is_shown_and_not_judged():
    table = metrics().assign(novelty=1.0)
    summary = summarize(table)
    assert cells.measures(cells.indexed(summary))[-1] == "novelty"
    assert cells.best(cells.indexed(summary), "novelty") is None


def test_observations_name_the_networks_below_a_baseline():
    table = metrics()
    words = " ".join(findings.observations(summarize(table), table, {}))
    assert "(mean colour of each lightness, " in words
    assert "is beaten by CNN, Generator alone and NoGAN; not even reached by Autoencoder." in words
    assert "RMSE rewards caution" in words
    best = pd.DataFrame({"epoch": range(1, 11), "val_loss": abs(np.arange(10) - 2.0)})
    assert "epoch 3 of 10" in " ".join(
        findings.observations(summarize(table), table, {"cnn": best})
    )


def test_colours_are_named_at_which_a_network_is_better_or_worse():
    hues, shares = ["grey", "blue", "red"], [0.2, 0.5, 0.3]
    errors = {"l_lookup": [9.0, 20, 20], "gray": [8.0, 30, 30], "cnn": [10.0, 15, 20.5]}
    rows = [
        (color, model, share, error, error - 0.4, error + 0.4)
        for model, values in errors.items()
        for color, share, error in zip(hues, shares, values, strict=True)
    ]
    names = ["color", "model", "pixels", "rmse_ab", "rmse_ab_low", "rmse_ab_high"]
    colors, table = pd.DataFrame(rows, columns=names), metrics()
    assert cells.best_simple(colors) == "l_lookup"  # less over all pixels, though not at grey
    words = " ".join(findings.observations(summarize(table), table, {}, colors))
    assert "less error at blue and more error at grey; at the others the intervals" in words
    without = colors[colors["model"] != "cnn"]
    assert "true colour of a pixel" not in " ".join(
        findings.observations(summarize(table), table, {}, without)
    )


@pytest.mark.parametrize(
    "value, digits, text",
    [(12.345, 1, "12.3"), (-0.04, 1, "0.0"), (-1.5, 1, "−1.5"), (12345.6, 0, "12,346")],
)
def test_numbers(value, digits, text):
    assert cells.number(value, digits) == text


@pytest.mark.parametrize(
    "value, low, high, text",
    [
        (0.25, -0.024, 0.526, "+0.25 [−0.02, 0.53]"),  # one digit would hide that zero is inside
        (1.24, 0.98, 1.5, "+1.2 [1.0, 1.5]"),
        (-3.0, -3.0, -3.0, "−3.000 [−3.000, −3.000]"),
    ],
)
def test_a_difference_shows_whether_zero_is_inside(value, low, high, text):
    assert cells.difference(value, low, high) == text


def test_digits_follow_the_width_of_the_interval():
    for half, digits in [(0.4, 1), (1.5, 1), (3.0, 0), (0.02, 2), (0.005, 3)]:
        table = pd.DataFrame({"m": [50.0], "m_low": [50 - half], "m_high": [50 + half]})
        assert cells.places(table, "m") == digits


def test_kid_is_compared_by_its_paired_difference_where_that_is_known():
    columns = {"kid": [30.0, 25.0], "kid_low": [24.0, 20.0], "kid_high": [36.0, 30.0]}
    summary = pd.DataFrame({"model": ["cnn", "gan"]} | columns)
    (row,) = verdicts.compare(summary, None)
    assert row.verdict == "open"  # the intervals overlap
    pair = {"measure": "kid", "model": "gan", "reference": "cnn"}
    summary.attrs["paired"] = [pair | {"difference": -5.0, "low": -8.0, "high": -2.0}]
    (row,) = verdicts.compare(summary, None)
    assert row.verdict == "better" and row.difference == "−5 [−8, −2]"


def test_what_hints_are_worth_is_said():
    columns = {f"rmse_ab{end}": [12.0, 10.0, 9.0] for end in ("", "_low", "_high")}
    summary = pd.DataFrame({"model": ["levin", "cnn", "gan"]} | columns)
    texts = " ".join(findings.observations(summary, None, {}))
    assert "has an RMSE of ab of 12.0" in texts and "CNN and NoGAN have less without" in texts


def test_a_factor_of_ab_is_not_said_to_be_the_critics_work():
    table = metrics()
    joint = pd.DataFrame(
        {
            "step": [0, 5, 10],
            "colorfulness_ratio": [0.455, 0.627, 0.7],
            "saturation": [1.0, 1.26, 1.0],
            "chosen": [False, True, False],
        }
    )
    words = " ".join(findings.observations(summarize(table), table, {}, joint=joint))
    assert "from 46\u00a0% to 63\u00a0% of the truth’s" in words and "multiplied by 1.26" in words
    for plain in (joint.assign(saturation=1.0), joint.drop(columns="saturation")):
        assert "critic" not in " ".join(
            findings.observations(summarize(table), table, {}, joint=plain)
        )
