"""Real photos in every report: the reference study beside it, whole, half there or broken."""

import json

import numpy as np
import pandas as pd
import pytest
from test_findings import ERRORS, metrics
from test_report import Page, png, write_study

from lib import report
from lib.intervals import summarize
from lib.report import cells, findings, html_page, reference

HEADING = "On real photos: the reference study"


@pytest.fixture(name="study")
def fresh_study(tmp_path):
    folder = write_study(tmp_path / "fake")
    data = json.loads((folder / "data.json").read_text()) | {"dataset": "scenes"}
    (folder / "data.json").write_text(json.dumps(data))
    return folder


@pytest.fixture(name="real")
def reference_study(tmp_path):
    """A reference study in which NoGAN loses."""
    folder = write_study(tmp_path / reference.STUDY)
    table = metrics({name: ERRORS[name] for name in ("truth", "gray", "cnn")} | {"gan": 19.0})
    table["photo"] = "real-" + table["photo"]
    table.to_csv(folder / "metrics.csv", index=False)
    summary = summarize(table).assign(kid=4.5, kid_low=4.0, kid_high=5.0)
    summary.to_csv(folder / "summary.csv", index=False)
    (folder / "figures" / "fig6_grid.png").write_bytes(png((700, 300), "a grid of real photos"))
    (folder / "summary.json").write_text('{"kid": {"weights": "imagenet"}}')
    data = {"dataset": "flickr8k", "fingerprint": "cd", "counts": {"train": 5001, "val": 702}}
    (folder / "data.json").write_text(json.dumps(data))
    parameters = {"SOURCE": "/a/place/photos.zip", "IMAGE_SIZE": 96, "EPOCHS": 10}
    run = {"study": "flickr8k", "profile": "flickr8k", "parameters": parameters, "seconds": 7200}
    (folder / "run.json").write_text(json.dumps(run | {"hardware": {"cpu": "A CPU", "cores": 2}}))
    return folder


def section(folder):
    """Words of the report's section on the reference study, and the whole page."""
    page = Page(report.build(folder))
    return page.words[page.words.index(HEADING) : page.words.index("Preprocessing Photos")], page


def test_without_one_or_of_itself_the_section_is_absent(study, real):
    assert HEADING not in Page(report.build(real)).words
    for path in sorted(real.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    (real / "README.md").write_text("Nothing yet.")
    page = Page(report.build(study))
    assert HEADING not in page.words and "On real photos" not in page.words


def test_stands_between_the_answer_and_the_data_with_its_grid(study, real):
    words, page = section(study)
    order = ["Yes, by the paper’s own measure", HEADING, "No, not by the paper’s", "5,001 others"]
    assert [page.words.index(text) for text in order[:3]] == sorted(
        map(page.words.index, order[:3])
    )
    assert "#reference" in [link["href"] for link in page.all("a")]
    assert "a grid of real photos" in [image["alt"] for image in page.all("img")]
    assert (study / "report.html").stat().st_size < html_page.LIMIT
    levels = [int(tag[1]) for tag, _ in page.tags if tag in ("h1", "h2", "h3")]
    assert np.diff(levels).max() <= 1
    assert "README.md" not in words
    (real / "README.md").write_text("More.")
    assert "results/flickr8k/README.md" in section(study)[0]


def test_its_words_and_numbers_are_its_own(study, real):
    words, _ = section(study)
    summary, table = pd.read_csv(real / "summary.csv"), pd.read_csv(real / "metrics.csv")
    for text in findings.answer(summary, table)[:2]:
        assert text in words
    count = table["photo"].nunique()
    assert f"{count} photos of flickr8k, 96 × 96 pixels. The networks learnt from 5,001" in words
    assert "for 10 epochs" in words and "the weights of ImageNet" in words
    assert "120 minutes on A CPU (2 cores)" in words
    assert "is another: Yes, by the paper’s own measure" in words
    for folder in (real, study):  # the error of both studies
        one = cells.indexed(pd.read_csv(folder / "summary.csv"))
        mean, _, ends = cells.interval(one, "gan", "rmse_ab").partition(" ")
        assert mean in words and ends in words
    assert "RMSE of ab, study fake" in words and "Compare within a column" in words
    assert "4.5" in words and "SSIM" not in words


def test_the_command_names_no_place_of_another_computer(study, real):
    words, _ = section(study)
    assert "SOURCE=photos.zip" in words and "/a/place" not in words
    assert "given the place of each file" in words and "lib.study flickr8k" in words


def test_photos_that_are_the_same_may_be_compared(study, real):
    for name in ("metrics.csv", "data.json"):
        (study / name).write_text((real / name).read_text())
    assert "Both studies were evaluated on the same photos." in section(study)[0]


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("summary.csv", None, "cannot be shown: no results/flickr8k/summary.csv"),
        ("summary.csv", "", "cannot be shown: results/flickr8k/summary.csv: expected"),
        ("summary.csv", "model,other\ngan,1\n", "known measures"),
        ("summary.csv", "model,rmse_ab\ngan,1\ngan,2\n", "one row a model"),
        ("summary.csv", "model,rmse_ab\ngan,high\ncnn,low\n", "cannot be shown: "),
        ("summary.csv", "\x89PNG\x00\n", "cannot be shown: "),
        ("summary.json", '{"paired": [{}]}', "cannot be shown: KeyError: 'measure'."),
        ("data.json", '{"counts": {"train": "many", "val": 1}}', "cannot be shown: "),
        ("data.json", "<<<<<<< HEAD", "data.json of the reference study is missing or broken"),
        ("run.json", None, "run.json of the reference study is missing or broken"),
        ("run.json", None, "How it was made is not recorded."),
        ("metrics.csv", None, "metrics.csv is missing"),
        ("figures/fig6_grid.png", None, "fig6_grid.png of the reference study is missing"),
        ("figures/fig6_grid.png", "version 1 oid", "fig6_grid.png of the reference study is"),
    ],
)
def test_what_is_missing_or_broken_is_said_and_the_report_is_built(study, real, name, text, words):
    if text is None:
        (real / name).unlink()
    else:
        (real / name).write_text(text, "latin-1")
    said, page = section(study)
    assert words in said and "Yes, by the paper’s own measure" in page.words
    assert str(real.parent) not in page.words
