"""Profiles, --set and what notebooks declare: read as they are meant, or refused in one line."""

import json

import pytest

from lib.study import profiles
from lib.study.parameters import UsageError

PARAMETERS = """\
STUDY: str = "tiny"  # where results go
SOURCE: Optional[str] = None
LOSS: str = "mse"
IMAGE_SIZE: int = 64  # pixels
LEARNING_RATE: float = 1e-3
SKIPS: bool = False
GAN_STEPS: Union[int, list[int]] = [1, 2]
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
        notebook = read_notebook(tmp_path, PARAMETERS)
        _, values = profiles.read("quick", settings, tmp_path)
        return profiles.declared(values, [notebook], tmp_path)

    return read_profile


def refuse(words, function, *arguments):
    with pytest.raises(UsageError) as caught:
        function(*arguments)
    message = str(caught.value)
    assert "\n" not in message
    assert all(word in message for word in words), message


def test_a_notebook_is_read(tmp_path):
    notebook = read_notebook(tmp_path, PARAMETERS)
    assert notebook.code == ("x = 1\ny = 2",)
    assert notebook.values({"IMAGE_SIZE": 32, "OTHER": 1}) == {
        **{"STUDY": "tiny", "SOURCE": None, "LOSS": "mse", "IMAGE_SIZE": 32},
        **{"LEARNING_RATE": 0.001, "SKIPS": False, "GAN_STEPS": [1, 2]},
    }


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        (None, "one parameters cell"),
        ("IMAGE_SIZE", "NAME: type = literal"),
        ("IMAGE_SIZE = 3, f()", "NAME: type = literal"),
        ("IMAGE_SIZE: int = 3 * X", "NAME: type = literal"),
        ("IMAGE_SIZE: int", "NAME: type = literal"),
        ("IMAGE_SIZE: int = ", "invalid syntax"),
        ("SIZE: int = 3", "SIZE is not in lib/study/parameters.py"),
    ],
)
def test_a_wrong_parameters_cell_is_refused(tmp_path, parameters, words):
    refuse([words, "03_cnn.ipynb"], read_notebook, tmp_path, parameters)


def test_what_is_no_notebook_is_refused(tmp_path):
    path = tmp_path / "x.ipynb"
    refuse(["x.ipynb", "No such file"], profiles.read_notebook, path)
    path.write_text("[]")
    refuse(["expected a notebook", "x.ipynb"], profiles.read_notebook, path)


@pytest.mark.parametrize(
    ("text", "settings", "words"),
    [
        ("", ["IMAGE_SIZ=3"], ["unknown parameter IMAGE_SIZ:", "nearest known one is IMAGE_SIZE"]),
        ("", ["skips=true"], ["unknown parameter skips:", "the nearest known one is SKIPS"]),
        ("", ["CNN_FILTERS=3"], ["unknown parameter CNN_FILTERS:"]),  # of no notebook here
        ("", ["IMAGE_SIZE"], ["--set IMAGE_SIZE: expected NAME=VALUE"]),
        ("", ["IMAGE_SIZE=[1"], ["--set IMAGE_SIZE=[1: not readable as YAML"]),
        ("", ["IMAGE_SIZE=" + "9" * 5000], ["not readable as YAML"]),
        ("", ["IMAGE_SIZE=0x" + "f" * 5000], ["not readable as YAML"]),
        ("EPOCHZ: 1\n", [], ["unknown parameter EPOCHZ"]),
        ("- 3\n", [], ["expected lines 'NAME: value', got list"]),
        ("A: [\n", [], ["quick.yaml: not readable as YAML"]),
        ("3: 4\n", [], ["unknown parameter 3"]),
    ],
)
def test_what_cannot_be_read_is_refused(read, text, settings, words):
    refuse(words, read, text, *settings)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        *(("LEARNING_RATE=1e-4", 1e-4), ("LEARNING_RATE=1.0e-4", 1e-4), ("LEARNING_RATE=1", 1)),
        *(("SKIPS=true", True), ("GAN_STEPS=[3]", [3]), ("IMAGE_SIZE=1e3", "1e3")),
        *(("SOURCE=", None), ("SOURCE=None", None), ("SOURCE=null", None), ("IMAGE_SIZE=", None)),
        *(("SOURCE=/x/Photos #1", "/x/Photos #1"), ("SOURCE=a: b", "a: b"), ("STUDY=2019", "2019")),
        *(("SOURCE=3", "3"), ("SOURCE='a'", "'a'"), ("STUDY=null", "null"), ("LOSS=no", "no")),
    ],
)
def test_text_is_text_where_it_is_declared_and_the_rest_is_yaml(read, setting, value):
    assert read("", setting)[setting.partition("=")[0]] == value


def test_set_comes_before_the_profile(read):
    given = read("IMAGE_SIZE: 32\nLEARNING_RATE: 1e-4", "SOURCE=", "IMAGE_SIZE=48")
    expected = {"LEARNING_RATE": 1e-4, "SOURCE": None, "IMAGE_SIZE": 48}
    assert given == expected | {"STUDY": "quick"}
    assert read("STUDY: a", "STUDY=b-1_C")["STUDY"] == "b-1_C"


def test_paths_are_found_from_the_root_first_and_then_from_here(read, tmp_path, monkeypatch):
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.setenv("HOME", str(here))
    for path in (tmp_path / "a.zip", here / "a.zip", here / "b.zip"):
        path.touch()
    assert read("SOURCE: a.zip")["SOURCE"] == "a.zip"
    assert read("SOURCE: b.zip")["SOURCE"] == str(here / "b.zip")
    assert read("", "SOURCE=~/b.zip")["SOURCE"] == str(here / "b.zip")
    assert read("", "SOURCE=~/c.zip")["SOURCE"] == "~/c.zip"


def test_a_profile_may_be_a_path_and_names_the_study(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("IMAGE_SIZE: 16\n")
    name, given = profiles.read(str(path), [], tmp_path)
    assert (name, given) == ("mine", {"STUDY": "mine", "IMAGE_SIZE": 16})
    refuse(["no profile none.yaml"], profiles.read, "none.yaml", [], tmp_path)
