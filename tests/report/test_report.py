"""The report: it says what the numbers say, whatever is missing, in one file that asks nobody."""

import html.parser
import io
import json
import re
import shlex
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image, PngImagePlugin
from test_findings import metrics

from lib import report
from lib.intervals import summarize
from lib.report import cells, fidelity, html_page, results, verdicts
from lib.report.tables import NEEDED

ROOT = Path(__file__).resolve().parents[2]


def png(size, alt):
    memory, chunks = io.BytesIO(), PngImagePlugin.PngInfo()
    chunks.add_text("Description", alt)
    noise = np.random.default_rng(1).integers(0, 256, (*size[::-1], 3), dtype=np.uint8)
    Image.fromarray(noise).save(memory, "PNG", pnginfo=chunks)
    return memory.getvalue()


@pytest.fixture(name="study")
def fresh_study(tmp_path):
    return write_study(tmp_path / "results" / "fake")


def write_study(folder):
    """Write the results of a study without Xception."""
    (folder / "figures" / "slider").mkdir(parents=True)
    table = metrics()
    table.to_csv(folder / "metrics.csv", index=False)
    summarize(table).to_csv(folder / "summary.csv", index=False)
    shown = ("fig1_gray_sample", "fig3_flow", "fig7_8_curves", "worst", "an_unknown_one")
    for name in shown:
        (folder / "figures" / f"{name}.png").write_bytes(png((600, 40), f"words of <{name}>"))
    (folder / "figures" / "broken.png").write_bytes(b"not a picture")
    for name in ("my-photo-before", "my-photo-after-gan", "lonely-after-gan", "other-before"):
        (folder / "figures" / "slider" / f"{name}.png").write_bytes(png((32, 32), name))
    epochs = np.arange(1, 11)
    history = pd.DataFrame(
        {
            "epoch": epochs,
            "loss": 1 / epochs,
            "val_loss": abs(epochs - 4) + 1,
            "accuracy": epochs / 20,
            "val_accuracy": epochs / 25,
            "seconds": 2.5,
        }
    )
    for name in ("cnn", "autoencoder", "generator", "gan", "critic"):
        (folder / name).mkdir()
        params = {"parameters": 1234567, "settings": {"epochs": 10, "loss": "mse"}, "warnings": []}
        params["warnings"] = ["weights are random <b>"] if name in ("generator", "gan") else []
        (folder / name / "params.json").write_text(json.dumps(params))
        if name not in ("gan", "critic"):
            history.to_csv(folder / name / "history.csv", index=False)
    (folder / "summary.json").write_text('{"warnings": ["KID is of random features."]}')
    counts = {"found": 1234, "kept": 1200, "train": 960, "val": 120, "test": 120}
    data = {
        "dataset": "flickr30k",
        "fingerprint": "ab" * 32,
        "counts": counts | {"rejected": {"grey": 34}},
    }
    (folder / "data.json").write_text(json.dumps(data))
    parameters = {"DATASET": "flickr30k", "IMAGE_SIZE": 200, "BATCH_SIZE": 96, "EPOCHS": 10}
    run = {
        "study": "fake",
        "profile": "paper",
        "parameters": parameters,
        "seed": 7,
        "git": None,
        "versions": {"python": "3.11.1", "tensorflow": "2.21.0", "keras": "3.15.1", "numpy": None},
        "hardware": {"cpu": "A CPU", "cores": 2, "memory_gb": 8.0, "gpus": ["A GPU"]},
        "steps": {"03_cnn": {"seconds": 12.3, "finished": "2026-01-05T10:00:00+00:00"}},
    }
    (folder / "run.json").write_text(json.dumps(run))
    return folder


class Page(html.parser.HTMLParser):
    """What the tests ask of a page: its tags with their attributes, and its words."""

    def __init__(self, path):
        super().__init__()
        self.tags, self.words = [], ""
        self.feed(Path(path).read_text("utf-8"))
        self.words = re.sub(r"\s+", " ", self.words)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.words += data + ("" if self.tags and self.tags[-1][0] in ("strong",) else " ")

    def all(self, *names):
        return [attributes for tag, attributes in self.tags if tag in names]


class TestPage:
    @pytest.fixture(name="study", scope="class")
    def one_study(self, tmp_path_factory):
        return write_study(tmp_path_factory.mktemp("results") / "fake")

    @pytest.fixture(name="page", scope="class")
    def read_page(self, study):
        path = report.build(study)
        assert path == study / "report.html" and path.stat().st_size < html_page.LIMIT
        assert not list(study.glob(".*"))  # no temporary file is left
        return Page(path)

    def test_asks_nothing_of_any_server(self, page, study):
        for _, attributes in page.tags:
            for name in ("src", "href", "srcset", "action", "data"):
                value = attributes.get(name) or "#"
                assert value.startswith(("data:image/", "#")), value[:80]
        assert not re.search(r"https?://|url\(|@import", (study / "report.html").read_text())

    def test_every_picture_has_words_and_a_size(self, page):
        images = page.all("img")
        assert len(images) >= 7
        for image in images:
            assert image["alt"].strip() and int(image["width"]) and int(image["height"])
        assert "words of <worst>" in [image["alt"] for image in images]

    def test_is_in_order_for_who_listens_to_it(self, page):
        levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch("h[1-6]", tag)]
        assert levels[0] == 1 and levels.count(1) == 1 and np.diff(levels).max() <= 1
        names = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
        assert len(names) == len(set(names))
        assert {link["href"].lstrip("#") for link in page.all("a")} <= set(names)
        assert all(cell.get("scope") for cell in page.all("th"))
        assert all(control.get("aria-label") for control in page.all("input"))
        assert page.all("html")[0]["lang"] == "en" and page.all("meta")[1]["name"] == "viewport"

    def test_begins_with_the_answer_and_what_to_know_first(self, page):
        before = page.words.index("Yes, by the paper’s own measure")
        assert before < page.words.index("Before you trust") < page.words.index("Preprocessing")
        assert page.words.count("Generator alone and NoGAN: weights are random <b>") == 1
        assert "KID is of random features" in page.words
        assert "Xception is not in this study: notebook 05" in page.words

    def test_numbers_are_those_of_the_tables(self, page, study):
        table = cells.indexed(pd.read_csv(study / "summary.csv"))
        row = table.loc["gan"]
        text = [f"{row[f'rmse_ab{end}']:.1f}" for end in ("", "_low", "_high")]
        assert cells.interval(table, "gan", "rmse_ab") == f"{text[0]} [{text[1]}, {text[2]}]"
        assert cells.interval(table, "gan", "rmse_ab") in page.words
        assert "960 for training" in page.words and "grey 34." in page.words
        assert "12.3" in page.words and "A GPU" in page.words and "1,234,567" in page.words

    def test_figures_stand_in_their_places_and_unknown_ones_at_the_end(self, page):
        captions = ["Figure 1. A", "Figure 3.", "Figures 7 and", "Best, median", "An unknown one"]
        places = [page.words.index(words) for words in captions]
        assert places == sorted(places) and "broken" not in page.words.lower()

    def test_sliders_are_pairs(self, page):
        assert [control["type"] for control in page.all("input")] == ["range"]
        assert "NoGAN" in page.words and "my-photo" in page.words and "lonely" not in page.words

    def test_compares_with_the_paper(self, page, study):
        rows = fidelity.compare(results.read(study), verdicts.compare(*tables(study)))
        same = {(row["section"], row["paper"][:11]): row["same"] for row in rows}
        assert same["3.1", "Flickr30k, "] == "yes" and same["3.1", "Flickr8k fi"] == "no"
        assert same["V", "Batch size "] == "yes" and same["V", "250 epochs;"] == "no"
        assert same["V, VI", "The GAN giv"] == "yes"
        assert same["3.5", "Pretrained "] == "absent"
        assert page.words.count("(see the warnings above)") == 1
        assert "Python 3.11.1, Keras 3.15.1 on TensorFlow 2.21.0, A GPU" in page.words


def tables(study):
    return pd.read_csv(study / "summary.csv"), pd.read_csv(study / "metrics.csv")


def test_without_a_summary_one_line_says_so(tmp_path):
    with pytest.raises(FileNotFoundError, match="summary.csv: run notebook 07") as error:
        report.build(tmp_path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", "model\n"])
def test_a_summary_that_is_none_is_refused(tmp_path, text):
    (tmp_path / "summary.csv").write_text(text)
    with pytest.raises(ValueError, match="column model"):
        report.build(tmp_path)


@pytest.mark.parametrize(
    "name, words",
    [
        ("metrics.csv", "metrics.csv is missing"),
        ("run.json", "run.json is missing"),
        ("data.json", "data.json is missing"),
    ],
)
@pytest.mark.parametrize("how", ["gone", "broken"])
def test_says_what_is_missing(study, name, words, how):
    if how == "gone":
        (study / name).unlink()
    else:
        (study / name).write_text("")
    assert words in Page(report.build(study)).words


def test_only_a_summary_is_enough(tmp_path):
    summarize(metrics()).to_csv(tmp_path / "summary.csv", index=False)
    page = Page(report.build(tmp_path))
    assert "no training curves" in page.words and "no pictures of results" in page.words


def test_without_the_gan_there_is_no_answer(tmp_path):
    table = metrics()
    summarize(table[table.model != "gan"]).to_csv(tmp_path / "summary.csv", index=False)
    page = Page(report.build(tmp_path))
    assert "This study cannot say." in page.words and "no row for NoGAN" in page.words


def test_a_page_that_is_too_large_is_made_smaller(study, monkeypatch):
    (study / "figures" / "fig6_grid.png").write_bytes(png((700, 500), "a large one"))
    large = report.build(study).stat().st_size
    monkeypatch.setattr(html_page, "LIMIT", large // 2)
    assert report.build(study).stat().st_size <= large // 2
    page = Page(study / "report.html")
    assert any(image["src"].startswith("data:image/jpeg") for image in page.all("img"))
    assert "a large one" in [image["alt"] for image in page.all("img")]


def test_fidelity_is_complete_and_points_to_files_that_are_there():
    text = (ROOT / "lib" / "report" / "fidelity.yaml").read_text("utf-8")
    entries = yaml.safe_load(text)
    assert len(entries) >= 20
    for entry in entries:
        assert {"section", "paper", "where", "got"} <= set(entry)
        assert len({"same", "when", "verdict"} & set(entry)) == 1
        assert entry.get("same", "yes") in fidelity.SAME
        assert set(entry.get("needs", [])) <= set(NEEDED)
    for name in set(re.findall(r"lib/\w+\.py", text)):
        assert (ROOT / name).is_file(), name


def test_measures_of_all_photos_stand_beside_those_of_each(study):
    summary = pd.read_csv(study / "summary.csv")
    for number, measure in enumerate(("kid", "colorfulness_ratio")):  # as notebook 07 writes them
        summary[measure] = np.linspace(2.0, 1.0 - number, len(summary))
        summary[f"{measure}_low"] = summary[measure] - 0.01
        summary[f"{measure}_high"] = summary[measure] + 0.01
    summary.loc[summary.model == "gray", "kid"] = np.nan  # not known
    summary.to_csv(study / "summary.csv", index=False)
    page = Page(report.build(study))
    heads = [words for words in ("Colorfulness / truth", "KID") if words in page.words]
    assert len(heads) == 2 and "nearest 1 is best" in page.words
    row = cells.interval(cells.indexed(summary), "cnn", "kid")
    assert row.split(" ")[0] in page.words and "nan" not in page.words.lower().split()


def test_seeds_stand_beside_photos_and_their_sentence_in_the_answer(study):
    assert "training runs" not in Page(report.build(study)).words
    seeds = [("cnn", "rmse_ab", 3, 12.0, 0.3), ("gan", "rmse_ab", 3, 10.1, 0.2)]
    columns = ["model", "measure", "seeds", "mean", "sd"]
    pd.DataFrame(seeds, columns=columns).to_csv(study / "seeds.csv", index=False)
    words = Page(report.build(study)).words
    assert "12.0 ± 0.3" in words and "10.1 ± 0.2" in words
    assert words.index("The answer survives the seeds") < words.index("Before you trust")


def test_the_commands_give_what_differs_from_the_profile():
    profile = yaml.safe_load((ROOT / "notebooks" / "profiles" / "smoke.yaml").read_text("utf-8"))
    run = {"profile": "smoke", "parameters": {**profile, "OTHER": 1}}
    assert results.commands(run, "smoke")[0] == "python -m lib.study smoke"
    changed = {"STUDY": "mine", "EPOCHS": 3, "SKIPS": False, "GENERATOR": {"filters": 8}}
    line = results.commands({**run, "parameters": profile | changed}, "mine")
    assert line[1] == "python -m lib.study report mine"
    settings = shlex.split(line[0])[4:]
    assert shlex.split(line[0])[3] == "smoke" and settings[0] == "--set"
    given = dict(setting.split("=", 1) for setting in settings[1:])
    assert {name: yaml.safe_load(value) for name, value in given.items()} == changed
    line = results.commands({**run, "seeds": [0, 1, 2]}, "smoke")[0]
    assert line == "python -m lib.study smoke --set 'SEEDS=[0, 1, 2]'"
    assert results.commands({}, "by-hand")[0] == "python -m lib.study by-hand"


def test_fidelity_says_what_the_joint_phase_was_allowed_to_cost():
    for parameters, words in [
        ({}, "10\u00a0% higher than before; under"),
        (
            {"GAN_TOLERANCE": 0.16, "GAN_SATURATE": True},
            "8\u00a0% higher than before; then ab is multiplied by a factor, up to 16\u00a0%",
        ),
    ]:
        run = {"parameters": {"GAN_STEPS": 120} | parameters}
        summary = pd.DataFrame({"model": ["cnn", "gan"]})
        known = {"run": run, "data": {}, "params": {}, "histories": {}, "summary": summary}
        rows = [row for row in fidelity.compare(known, []) if "when to stop" in row["paper"]]
        assert len(rows) == 1 and words in rows[0]["got"]
