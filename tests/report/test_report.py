"""The report: it says what the numbers say, whatever is missing, in one file that asks nobody."""

import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from studies import ERRORS, Page, change_json, metrics, png, write, write_seeds, write_study

from lib import report
from lib.intervals import summarize
from lib.models import NETWORKS
from lib.report import findings, number_format, results
from lib.report.page import fidelity

ROOT = Path(__file__).resolve().parents[2]
REPORT = ROOT / "lib" / "report"
HEADING = "On real photos: the reference study"


@pytest.fixture(name="study")
def fresh_study(tmp_path):
    return write_study(tmp_path / "results" / "fake")


class TestPage:
    @pytest.fixture(name="study", scope="class")
    def one_study(self, tmp_path_factory):
        return write_study(tmp_path_factory.mktemp("results") / "fake")

    @pytest.fixture(name="page", scope="class")
    def read_page(self, study):
        path = report.build(study)
        assert path == study / "report.html" and not list(study.glob(".*"))
        return Page(path)

    def test_asks_nothing_of_any_server(self, page, study):
        for _, attributes in page.tags:
            for name in ("src", "href", "srcset", "action", "data"):
                value = attributes.get(name) or "#"
                assert value.startswith(("data:image/", "#")), value[:80]
        assert not re.search(r"https?://|url\(|@import", (study / "report.html").read_text())

    def test_is_in_order_for_who_listens_to_it(self, page):
        levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch("h[1-6]", tag)]
        assert levels[0] == 1 and levels.count(1) == 1 and np.diff(levels).max() <= 1
        names = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
        assert len(names) == len(set(names))
        assert {link["href"].lstrip("#") for link in page.all("a")} <= set(names)
        assert all(cell.get("scope") for cell in page.all("th"))
        assert all(control.get("aria-label") for control in page.all("input"))
        images = page.all("img")
        assert all(
            one["alt"].strip() and int(one["width"]) and int(one["height"]) for one in images
        )
        assert "words of <worst>" in [image["alt"] for image in images]
        assert page.all("html")[0]["lang"] == "en" and page.all("meta")[1]["name"] == "viewport"

    def test_begins_with_the_answer_and_what_to_know_first(self, page):
        before = page.words.index("Yes, by the paper’s own measure")
        assert before < page.words.index("Before you trust") < page.words.index("Preprocessing")
        assert page.words.count("Generator alone and NoGAN: weights are random <b>") == 1
        assert "KID is of random features" in page.words
        assert "Xception is not in this study: notebook 05" in page.words
        assert "Notebook 02 of this study has not been run." in page.words

    def test_numbers_are_those_of_the_tables(self, page, study):
        table = results.read(study).table
        row = table.loc["gan"]
        text = [f"{row[f'rmse_ab{end}']:.1f}" for end in ("", "_low", "_high")]
        assert f"{text[0]} [{text[1]}, {text[2]}]" in page.words
        assert "960 for training" in page.words and "grey 34." in page.words
        assert "12.3" in page.words and "A GPU" in page.words and "1,234,567" in page.words
        assert page.words.count("filters 8, epochs 10, loss mse, precision mixed_bfloat16") == 1

    def test_figures_stand_in_their_places_and_unknown_ones_at_the_end(self, page):
        captions = ["Figure 1. A", "Figure 3.", "Figures 7 and", "Best, median", "An unknown one"]
        places = [page.words.index(words) for words in captions]
        assert places == sorted(places) and "broken" not in page.words.lower()
        assert [control["type"] for control in page.all("input")] == ["range"]
        assert "my-photo" in page.words and "lonely" not in page.words

    def test_compares_with_the_paper(self, page, study):
        rows = fidelity(results.read(study))
        same = {(row["section"], row["paper"][:11]): row["same"] for row in rows}
        assert same["3.1", "Flickr30k, "] == "yes" and same["3.1", "Flickr8k fi"] == "no"
        assert same["V", "Batch size "] == "yes" and same["V", "250 epochs;"] == "no"
        assert same["V, VI", "The GAN giv"] == "yes"
        assert same["3.5", "Pretrained "] == "absent"
        assert page.words.count("(see the warnings above)") == 1
        assert "Python 3.11.1, Keras 3.15.1 on TensorFlow 2.21.0, A GPU" in page.words


def test_the_interval_of_a_difference_is_the_one_in_summary_json(study):
    pair = results.read(study).facts["paired"][0] | {"low": -2.26, "high": -1.74}
    change_json(study / "summary.json", paired=[pair])
    words = Page(report.build(study)).words
    assert words.count("[−2.3, −1.7]") == 3  # the answer, its table, fidelity


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", "model,rmse_ab\ngan,1\ngan,2\n", "\x89PNG\n"])
def test_a_summary_that_is_none_is_refused(tmp_path, text):
    (tmp_path / "summary.csv").write_text(text, "latin-1")
    with pytest.raises(ValueError, match="summary.csv: .* column model, and one row a model"):
        report.build(tmp_path)


@pytest.mark.parametrize("name", ["metrics.csv", "run.json", "data.json"])
def test_says_what_is_missing_or_broken(study, name):
    (study / name).write_text("")
    assert f"{name} is missing" in Page(report.build(study)).words


def test_a_summary_is_needed_and_enough(tmp_path):
    with pytest.raises(FileNotFoundError, match="summary.csv: run notebook 07"):
        report.build(tmp_path)
    summarize(metrics()).to_csv(tmp_path / "summary.csv", index=False)
    page = Page(report.build(tmp_path))
    assert "no training curves" in page.words and "no pictures of results" in page.words


def test_photos_to_slide_over_are_not_lost(study):
    report.build(study)
    shutil.rmtree(study / "figures" / "slider")
    with pytest.raises(ValueError, match="report.html shows photos of figures/slider, which are"):
        report.build(study)
    (study / "report.html").unlink()
    assert not Page(report.build(study)).all("input")


def test_the_paper_is_compared_with_files_that_are_there():
    text = (REPORT / "fidelity.yaml").read_text("utf-8")
    for entry in yaml.safe_load(text):
        assert {"section", "paper", "where", "got"} <= set(entry)
        assert len({"same", "when", "verdict"} & set(entry)) == 1
        assert set(entry.get("needs", [])) <= set(NETWORKS)
    for name in set(re.findall(r"lib/[\w/]+\.py", text)):
        assert (ROOT / name).is_file(), name


def test_seeds_stand_beside_photos_and_their_sentence_in_the_answer(study):
    assert "training runs" not in Page(report.build(study)).words
    write_seeds(study)
    words = Page(report.build(study)).words
    assert "12.0 ± 0.3" in words and "10.1 ± 0.2" in words
    assert words.index("The answer survives the seeds") < words.index("Before you trust")


def test_the_commands_are_those_that_ran_the_study():
    run = {"profile": "smoke", "command": "python -m lib.study smoke --set STUDY=mine"}
    assert results.commands(run, "mine") == [run["command"], "python -m lib.study report mine"]
    assert results.commands({}, "by-hand")[0] == "python -m lib.study by-hand"


@pytest.fixture(name="real")
def reference_study(tmp_path):
    """A reference study in which NoGAN loses."""
    photos = metrics({name: ERRORS[name] for name in ("truth", "l_lookup", "cnn")} | {"gan": 19.0})
    folder = write(tmp_path / "results" / "flickr8k", photos, IMAGE_SIZE=96)
    summary = pd.read_csv(folder / "summary.csv").assign(kid=4.5, kid_low=4.0, kid_high=5.0)
    summary.to_csv(folder / "summary.csv", index=False)
    (folder / "figures" / "fig6_grid.png").write_bytes(png((700, 300), "a grid of real photos"))
    change_json(folder / "data.json", dataset="flickr8k", fingerprint="cd")
    ran = {"command": "lib.study flickr8k", "hardware": {"cpu": "A CPU"}}
    change_json(folder / "run.json", seconds=7200, **ran)
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
    assert "120 minutes on A CPU" in words and "lib.study flickr8k" in words
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
