"""What the report says follows the numbers, whichever way they fall."""

import numpy as np
import pandas as pd
import pytest

from lib import findings
from lib.intervals import summarize

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
    found = {row.measure: row for row in findings.compare(summary, table)}
    assert found["rmse_ab"].verdict == verdict
    assert findings.headline(summary, table).startswith(start)
    assert claim in findings.answer(summary, table)
    assert found["rmse_ab"].model in findings.answer(summary, table)


def test_pairing_tells_apart_what_two_intervals_cannot():
    table = changed(gan=11.5)
    summary = summarize(table)
    verdicts = [
        {row.measure: row.verdict for row in findings.compare(summary, t)}["rmse_ab"]
        for t in (table, None)
    ]
    assert verdicts == ["better", "open"]
    assert "60 test photos" in findings.answer(summary, table)


def test_two_colour_spaces_may_disagree():
    table = changed(gan=14)
    gan = table.model == "gan"
    table.loc[gan, "rmse_rgb"] -= 10
    assert "depends on the colour space" in findings.headline(summarize(table), table)


def test_colorfulness_is_best_at_the_truth():
    table = metrics(colors=COLORS | {"gan": 140})
    summary = summarize(table)
    found = {row.measure: row.verdict for row in findings.compare(summary, table)}
    assert found["colorfulness"] == "worse"
    assert findings.best(findings.indexed(summary), "colorfulness") == "generator"
    rest = table[~table.model.isin(["truth", "oracle_sample"])]
    found = {row.measure: row.verdict for row in findings.compare(summarize(rest), rest)}
    assert found["colorfulness"] == "more"
    assert findings.best(findings.indexed(summarize(rest)), "colorfulness") is None


def test_the_best_is_among_what_a_model_could_know():
    table = findings.indexed(summarize(metrics()))
    assert findings.best(table, "rmse_ab") == findings.best(table, "psnr") == "gan"
    assert list(table.index[:3]) == ["gray", "mean_ab", "l_lookup"]


def test_an_unknown_measure_is_shown_and_not_judged():
    table = metrics().assign(kid=1.0)
    summary = summarize(table)
    assert findings.measures(findings.indexed(summary))[-1] == "kid"
    assert findings.best(findings.indexed(summary), "kid") is None


def test_observations_name_the_networks_below_a_baseline():
    table = metrics()
    words = " ".join(findings.observations(summarize(table), table, {}))
    assert "(mean colour of each lightness, " in words
    assert "is beaten by CNN, Generator alone and NoGAN." in words
    assert "is not even reached by Autoencoder." in words
    assert "RMSE rewards caution" in words
    best = pd.DataFrame({"epoch": range(1, 11), "val_loss": abs(np.arange(10) - 2.0)})
    assert "epoch 3 of 10" in " ".join(
        findings.observations(summarize(table), table, {"cnn": best})
    )


@pytest.mark.parametrize(
    "value, digits, text",
    [(12.345, 1, "12.3"), (-0.04, 1, "0.0"), (-1.5, 1, "−1.5"), (12345.6, 0, "12,346")],
)
def test_numbers(value, digits, text):
    assert findings.number(value, digits) == text


def test_digits_follow_the_width_of_the_interval():
    for half, digits in [(0.4, 1), (1.5, 1), (3.0, 0), (0.02, 2), (0.005, 3)]:
        table = pd.DataFrame({"m": [50.0], "m_low": [50 - half], "m_high": [50 + half]})
        assert findings.places(table, "m") == digits
