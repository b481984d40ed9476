"""Parameters: every name, type and path is checked before anything runs, and said in one line."""

import json

import pytest

from lib.study import profiles

PARAMETERS = """\
STUDY: str = "tiny"  # where results go
SOURCE: str | None = None
XCEPTION_WEIGHTS: str | None = "auto"
IMAGE_SIZE: int = 64  # pixels
LEARNING_RATE: float = 1e-3
AUGMENT: bool = False
SIZES: list[int] = [1, 2]
"""


def read_notebook(folder, parameters):
    """Write a notebook with this parameters cell (None: without one), and read it."""
    cells = [
        {"cell_type": "markdown", "metadata": {}, "source": "Words."},
        {"cell_type": "code", "metadata": {}, "source": ["x = 1\n", "y = 2"]},
    ]
    if parameters is not None:
        metadata = {"tags": ["parameters"]}
        cells.append({"cell_type": "code", "metadata": metadata, "source": parameters})
    path = folder / "03_cnn.ipynb"
    path.write_text(json.dumps({"cells": cells}))
    return profiles.read_notebook(path)


@pytest.fixture
def read(tmp_path):
    """Read a profile, and --set, against one notebook; gives the values."""

    def read_profile(text, *settings):
        folder = tmp_path / "notebooks/profiles"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "quick.yaml").write_text(text)
        notebooks = {"03_cnn": read_notebook(tmp_path, PARAMETERS)}
        return profiles.read_profile("quick", settings, notebooks, tmp_path)[1]

    return read_profile


def refuse(words, function, *arguments):
    with pytest.raises(profiles.UsageError) as caught:
        function(*arguments)
    message = str(caught.value)
    assert "\n" not in message
    assert all(word in message for word in words), message


def test_a_notebook_is_read(tmp_path):
    notebook = read_notebook(tmp_path, PARAMETERS)
    assert notebook.code == ("x = 1\ny = 2",)
    assert notebook.values({"IMAGE_SIZE": 32, "OTHER": 1}) == {
        "STUDY": "tiny",
        "SOURCE": None,
        "XCEPTION_WEIGHTS": "auto",
        "IMAGE_SIZE": 32,
        "LEARNING_RATE": 0.001,
        "AUGMENT": False,
        "SIZES": [1, 2],
    }


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        (None, "one cell tagged 'parameters', found 0"),
        ("SIZE = 3", "got SIZE = 3"),
        ("SIZE: int = 3 * X", "got SIZE: int = 3 * X"),
        ("SIZE: int = 3.5", "got SIZE: int = 3.5"),
        ("SIZE: Number = 3", "got SIZE: Number = 3"),
        ("SIZE: int", "got SIZE: int"),
        ("SIZE: int = ", "invalid syntax"),
    ],
)
def test_a_wrong_parameters_cell_is_refused(tmp_path, parameters, words):
    refuse([words, "03_cnn.ipynb"], read_notebook, tmp_path, parameters)


def test_what_is_no_notebook_is_refused(tmp_path):
    path = tmp_path / "x.ipynb"
    refuse(["no notebook", "x.ipynb"], profiles.read_notebook, path)
    path.write_text("[]")
    refuse(["expected a notebook", "x.ipynb"], profiles.read_notebook, path)


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("IMAGE_SIZ=3", ["unknown parameter IMAGE_SIZ:", "the nearest known one is IMAGE_SIZE"]),
        ("augment=true", ["unknown parameter augment:", "the nearest known one is AUGMENT"]),
        ("IMAGE_SIZE=true", ["IMAGE_SIZE: expected int, got bool True"]),
        ("IMAGE_SIZE=3.5", ["IMAGE_SIZE: expected int, got float 3.5"]),
        ("IMAGE_SIZE=null", ["IMAGE_SIZE: expected int, got NoneType"]),
        ("IMAGE_SIZE=1e3", ["IMAGE_SIZE: expected int, got str '1e3'"]),
        ("AUGMENT=1", ["AUGMENT: expected bool, got int 1"]),
        ("SIZES=[1, a]", ["SIZES: expected list[int], got list"]),
        ("SOURCE=3", ["SOURCE: expected str | None, got int 3"]),
        ("SOURCE=no.zip", ["SOURCE: no file or folder 'no.zip'"]),
        ("SOURCE=''", ["SOURCE: no file or folder ''"]),
        ("XCEPTION_WEIGHTS=imagent", ["XCEPTION_WEIGHTS", "'imagent'", "or 'imagenet'"]),
        ("STUDY=../x", ["STUDY: expected letters, digits", "'../x'"]),
        ("IMAGE_SIZE", ["--set IMAGE_SIZE: expected NAME=VALUE"]),
        ("IMAGE_SIZE=[1", ["--set IMAGE_SIZE=[1"]),
    ],
)
def test_a_wrong_setting_is_refused(read, setting, words):
    refuse(words, read, "", setting)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("EPOCHZ: 1\n", ["profile quick: unknown parameter EPOCHZ"]),
        ("LEARNING_RATE: 1e-4\n", ["expected float, got str '1e-4'; write 1.0e-4"]),
        ("LEARNING_RATE: 1.5e4\n", ["write 1.5e+4"]),
        ("- 3\n", ["expected lines 'NAME: value', got list"]),
        ("A: [\n", ["quick.yaml: not readable as YAML"]),
        ("3: 4\n", ["unknown parameter 3"]),
    ],
)
def test_a_wrong_profile_is_refused(read, text, words):
    refuse(words, read, text)


def test_values_take_the_declared_type(read):
    given = read("IMAGE_SIZE: 32", "LEARNING_RATE=1e-4", "SOURCE=", "SIZES=[3]", "IMAGE_SIZE=48")
    expected = {"LEARNING_RATE": 1e-4, "SOURCE": None, "SIZES": [3], "IMAGE_SIZE": 48}
    assert given == expected | {"STUDY": "quick"}
    assert isinstance(read("LEARNING_RATE: 1")["LEARNING_RATE"], float)
    assert read("STUDY: a", "STUDY=b-1_C")["STUDY"] == "b-1_C"


def test_a_url_and_a_word_are_no_paths(read):
    url = "https://example.org/photos.zip"
    given = read("XCEPTION_WEIGHTS: imagenet", f"SOURCE={url}")
    assert (given["SOURCE"], given["XCEPTION_WEIGHTS"]) == (url, "imagenet")


def test_paths_are_found_from_the_root_first_and_then_from_here(read, tmp_path, monkeypatch):
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    for path in (tmp_path / "a.zip", here / "a.zip", here / "b.zip"):
        path.touch()
    assert read("SOURCE: a.zip")["SOURCE"] == "a.zip"
    assert read("SOURCE: b.zip")["SOURCE"] == str(here / "b.zip")


def test_a_profile_may_be_a_path_and_names_the_study(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("IMAGE_SIZE: 16\n")
    notebooks = {"03_cnn": read_notebook(tmp_path, PARAMETERS)}
    name, given = profiles.read_profile(str(path), [], notebooks, tmp_path)
    assert name == "mine"
    assert given == {"STUDY": "mine", "IMAGE_SIZE": 16}
    refuse(["no profile none.yaml"], profiles.read_profile, "none.yaml", [], notebooks, tmp_path)
