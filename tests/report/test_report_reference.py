"""Real photos in every report: the reference study beside it, whole or broken."""

import pandas as pd
import pytest
from studies import ERRORS, Page, change_json, metrics, png, write, write_study

from lib import report
from lib.report import findings, number_format, results

HEADING = "On real photos: the reference study"


@pytest.fixture(name="study")
def fresh_study(tmp_path):
    return write_study(tmp_path / "fake")


@pytest.fixture(name="real")
def reference_study(tmp_path):
    """A reference study in which NoGAN loses."""
    photos = metrics({name: ERRORS[name] for name in ("truth", "l_lookup", "cnn")} | {"gan": 19.0})
    folder = write(tmp_path / "flickr8k", photos, SOURCE="photos.zip", IMAGE_SIZE=96)
    summary = pd.read_csv(folder / "summary.csv").assign(kid=4.5, kid_low=4.0, kid_high=5.0)
    summary.to_csv(folder / "summary.csv", index=False)
    (folder / "figures" / "fig6_grid.png").write_bytes(png((700, 300), "a grid of real photos"))
    change_json(folder / "data.json", dataset="flickr8k", fingerprint="cd")
    change_json(folder / "run.json", seconds=7200, profile="flickr8k", hardware={"cpu": "A CPU"})
    return folder


def test_without_one_or_of_itself_the_section_is_absent(study, real):
    assert HEADING not in Page(report.build(real)).words
    (real / "summary.csv").unlink()
    assert "On real photos" not in Page(report.build(study)).words


def test_stands_after_the_answer_with_its_own_words_and_numbers(study, real):
    page = Page(report.build(study))
    words = page.words[page.words.index(HEADING) : page.words.index("Preprocessing Photos")]
    order = ["Yes, by the paper’s own measure", HEADING, "No, not by the paper’s"]
    places = [page.words.index(text) for text in order]
    assert places == sorted(places)
    assert "a grid of real photos" in [image["alt"] for image in page.all("img")]
    own = results.read(real)
    for text in findings.answer(own):
        assert text in words
    assert f"{own.photos} photos of flickr8k, 96 × 96 pixels." in words
    assert "120 minutes on A CPU" in words and "SOURCE=photos.zip" in words
    mean, _, ends = number_format.interval(own.table, "gan", "rmse_ab").partition(" ")
    assert mean in words and ends in words and "4.5" in words and "SSIM" not in words


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("summary.csv", "", "cannot be shown: ValueError: results/flickr8k/summary.csv: expected"),
        ("summary.json", '{"paired": [{}]}', "cannot be shown: KeyError: 'measure'."),
        ("run.json", "<<<<<<< HEAD", "How it was made is not recorded."),
    ],
)
def test_what_is_broken_is_said_and_the_report_is_built(study, real, name, text, words):
    (real / name).write_text(text)
    page = Page(report.build(study))
    assert words in page.words and "Yes, by the paper’s own measure" in page.words
