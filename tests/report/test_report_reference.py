"""Real photos in every report: the reference study beside it, whole, half there or broken."""

import pandas as pd
import pytest
from studies import ERRORS, Page, change_json, metrics, png, write, write_study

from lib import report
from lib.report import findings, number_format, reference, results

HEADING = "On real photos: the reference study"


@pytest.fixture(name="study")
def fresh_study(tmp_path):
    folder = write_study(tmp_path / "fake")
    change_json(folder / "data.json", dataset="scenes")
    return folder


@pytest.fixture(name="real")
def reference_study(tmp_path):
    """A reference study in which NoGAN loses."""
    photos = metrics({name: ERRORS[name] for name in ("truth", "gray", "cnn")} | {"gan": 19.0})
    photos["photo"] = "real-" + photos["photo"]
    folder = write(tmp_path / reference.STUDY, photos, SOURCE="photos.zip", IMAGE_SIZE=96)
    summary = pd.read_csv(folder / "summary.csv").assign(kid=4.5, kid_low=4.0, kid_high=5.0)
    summary.to_csv(folder / "summary.csv", index=False)
    (folder / "figures" / "fig6_grid.png").write_bytes(png((700, 300), "a grid of real photos"))
    change_json(folder / "data.json", dataset="flickr8k", fingerprint="cd")
    change_json(folder / "run.json", seconds=7200, profile="flickr8k", hardware={"cpu": "A CPU"})
    return folder


def section(folder):
    """Words of the report's section on the reference study, and the whole page."""
    page = Page(report.build(folder))
    return page.words[page.words.index(HEADING) : page.words.index("Preprocessing Photos")], page


def test_without_one_or_of_itself_the_section_is_absent(study, real):
    assert HEADING not in Page(report.build(real)).words
    (real / "summary.csv").unlink()
    assert "On real photos" not in Page(report.build(study)).words


def test_stands_between_the_answer_and_the_data_with_its_grid(study, real):
    words, page = section(study)
    order = ["Yes, by the paper’s own measure", HEADING, "No, not by the paper’s"]
    places = [page.words.index(text) for text in order]
    assert places == sorted(places)
    assert "#reference" in [link["href"] for link in page.all("a")]
    assert "a grid of real photos" in [image["alt"] for image in page.all("img")]
    assert "results/flickr8k/README.md" in words


def test_its_words_and_numbers_are_its_own(study, real):
    words, _ = section(study)
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
        ("summary.csv", "model,rmse_ab\ngan,high\ncnn,low\n", "cannot be shown: "),
        ("summary.json", '{"paired": [{}]}', "cannot be shown: KeyError: 'measure'."),
        ("run.json", "<<<<<<< HEAD", "How it was made is not recorded."),
        ("figures/fig6_grid.png", "version 1 oid", "the same models and measures"),
    ],
)
def test_what_is_broken_is_said_and_the_report_is_built(study, real, name, text, words):
    (real / name).write_text(text, "latin-1")
    said, page = section(study)
    assert words in said and "Yes, by the paper’s own measure" in page.words
    assert str(real.parent) not in page.words
