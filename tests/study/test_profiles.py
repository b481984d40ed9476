"""Profiles, --set and what notebooks declare: read as they are meant, or refused in one line."""

import json

import pytest

from lib.study import profiles, steps
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


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A project of one notebook."""
    (tmp_path / "notebooks/profiles").mkdir(parents=True)
    write_notebook(tmp_path, PARAMETERS)
    monkeypatch.setattr(steps, "STEPS", {"03_cnn": ()})
    return tmp_path


def write_notebook(root, parameters):
    """Write a notebook with this parameters cell (None: without one)."""
    cells = [
        {"cell_type": "markdown", "metadata": {}, "source": "Words."},
        {"cell_type": "code", "metadata": {}, "source": ["x = 1\n", "y = 2"]},
    ]
    if parameters is not None:
        metadata = {"tags": ["parameters"]}
        cells.append({"cell_type": "code", "metadata": metadata, "source": parameters})
    (root / "notebooks/03_cnn.ipynb").write_text(json.dumps({"cells": cells}))


def read(root, text, *settings):
    """The one study of a profile with this text."""
    (root / "notebooks/profiles/quick.yaml").write_text(text)
    (study,) = profiles.expand("quick", settings, root)
    return study


def refuse(words, *arguments):
    with pytest.raises(UsageError) as caught:
        read(*arguments)
    message = str(caught.value)
    assert "\n" not in message and words in message


def test_a_notebook_is_read_and_given_what_it_declares(root):
    study = read(root, "IMAGE_SIZE: 32\nLEARNING_RATE: 1e-4", "SOURCE=", "IMAGE_SIZE=48")
    assert study.code == {"03_cnn": ["x = 1\ny = 2"]}
    values = {"STUDY": "quick", "SOURCE": None, "LOSS": "mse", "IMAGE_SIZE": 48}
    values |= {"LEARNING_RATE": 1e-4, "SKIPS": False, "GAN_STEPS": [1, 2]}
    assert study.values == {"03_cnn": values}


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        (None, "03_cnn.ipynb: expected a notebook with one parameters cell"),
        ("IMAGE_SIZE", "NAME: type = literal"),
        ("IMAGE_SIZE: int = 3 * X", "NAME: type = literal"),
        ("IMAGE_SIZE: int", "NAME: type = literal"),
        ("IMAGE_SIZE: int = ", "invalid syntax"),
    ],
)
def test_a_wrong_parameters_cell_is_refused(root, parameters, words):
    write_notebook(root, parameters)
    refuse(words, root, "")


@pytest.mark.parametrize(
    ("text", "settings", "words"),
    [
        ("", ["IMAGE_SIZ=3"], "unknown parameter IMAGE_SIZ: the nearest known one is IMAGE_SIZE"),
        ("", ["CNN_FILTERS=3"], "unknown parameter CNN_FILTERS:"),  # of no notebook here
        ("", ["IMAGE_SIZE"], "--set IMAGE_SIZE: expected NAME=VALUE"),
        ("", ["IMAGE_SIZE=[1"], "--set IMAGE_SIZE=[1: not readable as YAML"),
        ("", ["IMAGE_SIZE=1e3"], "IMAGE_SIZE: expected a whole number, 32 to 256, got '1e3'"),
        ("", ["IMAGE_SIZE=" + "9" * 5000], "not readable as YAML"),
        ("", ["LOSS=no"], "LOSS: expected one of mse, mae, huber, rmse, got 'no'"),
        ("", ["SOURCE=/x/Photos #1"], "got '/x/Photos #1'"),
        ("", ["SOURCE=a: b"], "got 'a: b'"),
        ("", ["SOURCE=~/c.zip"], "got '~/c.zip'"),
        ("- 3\n", [], "expected lines 'NAME: value', got list"),
        ("A: [\n", [], "quick.yaml: not readable as YAML"),
        ("3: 4\n", [], "unknown parameter 3"),
    ],
)
def test_what_is_wrong_is_refused(root, text, settings, words):
    refuse(words, root, text, *settings)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        *(("LEARNING_RATE=1e-4", 1e-4), ("LEARNING_RATE=1.0e-4", 1e-4), ("LEARNING_RATE=1", 1)),
        *(("SKIPS=true", True), ("GAN_STEPS=[3]", [3]), ("STUDY=2019", "2019")),
        *(
            ("SOURCE=", None),
            ("SOURCE=None", None),
            ("STUDY=null", "null"),
            ("STUDY=b-1_C", "b-1_C"),
        ),
    ],
)
def test_text_is_text_where_it_is_declared_and_the_rest_is_yaml(root, setting, value):
    name = setting.partition("=")[0]
    assert read(root, "", setting).values["03_cnn"][name] == value


def test_paths_are_found_from_the_root_first_and_then_from_here(root, monkeypatch):
    here = root / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.setenv("HOME", str(here))
    for path in (root / "a.zip", here / "a.zip", here / "b.zip"):
        path.touch()
    at_home = str(here / "b.zip")
    for given, found in {"a.zip": "a.zip", "b.zip": at_home, "~/b.zip": at_home}.items():
        assert read(root, f"SOURCE: {given}").values["03_cnn"]["SOURCE"] == found


def test_a_profile_may_be_a_path_and_names_the_study(root, tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("IMAGE_SIZE: 48\n")
    (study,) = profiles.expand(str(path), [], root)
    assert (study.profile, study.name, study.values["03_cnn"]["IMAGE_SIZE"]) == ("mine", "mine", 48)
