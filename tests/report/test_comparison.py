"""Studies side by side: what differs, what cannot be compared, sentences that follow numbers."""

import pandas as pd
import pytest
from studies import COLORS, ERRORS, Page, change_json, metrics, write

from lib.report import comparison, results


@pytest.fixture(name="first")
def first_study(tmp_path):
    return write(tmp_path / "first")


def test_a_variant_stands_beside_the_study_and_only_the_comparison_is_written(first, tmp_path):
    errors = {name: ERRORS[name] for name in ("truth", "gray", "generator")} | {"gan": 11.0}
    variant = write(tmp_path / "no critic", metrics(errors), CRITIC_EPOCHS=0)
    path = comparison.build([first, variant])
    assert path == tmp_path / "comparison-first-no critic.html" and not list(tmp_path.glob(".*"))
    assert not list(tmp_path.glob("*/*.html"))
    page = Page(path)
    assert "This study cannot say." in page.words and "Yes, by the paper’s own" in page.words
    assert "Not the same photos" not in page.words
    assert [image["alt"] for image in page.all("img")] == ["grid of first", "grid of no critic"]


def test_only_what_differs_is_listed(first, tmp_path):
    again = write(tmp_path / "again", EPOCHS=9, LOSS="mae")
    studies = {folder.name: results.read(folder) for folder in (first, again)}
    rows = comparison._differences(studies)
    assert dict(rows) == {"EPOCHS": ["8", "9"], "LOSS": ["–", "mae"]}
    twin = write(tmp_path / "twin")
    assert "Nothing that is recorded." in Page(comparison.build([first, twin])).words


def test_tables_have_all_models_of_all_studies_and_only_measures_that_are_there(first, tmp_path):
    photos = metrics({"truth": 0, "xception": 8.0, "gan": 9.0}, COLORS | {"xception": 30})
    folder = write(tmp_path / "other", photos)
    summary = pd.read_csv(folder / "summary.csv").assign(kid=3.25, kid_low=3.0, kid_high=3.5)
    summary.to_csv(folder / "summary.csv", index=False)
    both = [results.read(place).table for place in (first, folder)]
    tables = {name: dict(rows) for name, _, _, rows in comparison._tables(both)}
    assert tables["RMSE of ab"]["Xception"][0] == "–" and tables["RMSE of ab"]["CNN"][1] == "–"
    assert tables["RMSE of ab"]["Xception"][1].startswith("8.")
    kid = next(rows for name, rows in tables.items() if name.startswith("KID"))
    assert kid["The true photos"] == ["–", "3.2 [3.0, 3.5]"]  # the floor: truth against truth
    assert "CIEDE2000" not in tables


@pytest.mark.parametrize("how", ["other data", "other photos"])
def test_other_photos_are_named(first, tmp_path, how):
    photos = metrics()
    photos["photo"] = how + photos["photo"]
    folder = write(tmp_path / "other", photos if how == "other photos" else None)
    if how == "other data":
        change_json(folder / "data.json", fingerprint="cd")
    words = Page(comparison.build([first, folder])).words
    assert "Not the same photos. other was evaluated on other photos" in words


def test_fewer_than_two_studies_are_refused(first):
    with pytest.raises(ValueError, match="two or more"):
        comparison.build([first, first])
