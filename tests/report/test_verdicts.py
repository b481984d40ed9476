"""Which row is better, and how the numbers of it are written."""

import numpy as np
import pandas as pd
import pytest
from studies import COLORS, changed, metrics, study_of

from lib.intervals import summarize
from lib.report import number_format, verdicts


def found(study, *rows):
    return {row.measure: row for row in verdicts.compare(study, *rows)}


def test_rows_are_compared_only_over_the_same_photos():
    photos = changed(gan=11.5)
    assert found(study_of(photos))["rmse_ab"].verdict == "better"  # two intervals overlap
    assert found(study_of(None, summarize(photos))) == {}


def test_paired_differences_are_those_of_summary_json():
    pair = {"measure": "rmse_ab", "model": "gan", "reference": "cnn"}
    pair |= {"difference": -5.0, "low": -8.0, "high": 2.0}
    row = found(study_of(metrics(), facts={"paired": [pair]}))["rmse_ab"]
    assert row.difference == "−5 [−8, 2]" and row.verdict == "open"


@pytest.mark.parametrize(
    "gan, verdict", [(96, "better"), (104, "worse"), (100, "open"), (60, "better"), (40, "open")]
)
def test_on_either_side_of_the_truth_the_distances_count(gan, verdict):
    photos = metrics(colors=COLORS | {"cnn": 40, "gan": gan, "truth": 70}, spread=0.5)
    random = np.random.default_rng(1)
    photos["colorfulness"] += random.normal(0, 2, len(photos))  # photo by photo, 0.3 for a mean
    assert found(study_of(photos))["colorfulness"].verdict == verdict


def test_the_ratio_of_colorfulness_is_decided_as_colorfulness_is():
    photos = metrics()
    summary = summarize(photos)
    true = summary.set_index("model").loc["truth", "colorfulness"]
    for end in ("", "_low", "_high"):
        summary[f"colorfulness_ratio{end}"] = summary[f"colorfulness{end}"] / true
    study = study_of(photos, summary)
    rows = found(study)
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
