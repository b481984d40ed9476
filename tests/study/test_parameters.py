"""Every parameter has its range: what lies outside is refused in one line, before anything runs."""

import math
import subprocess
import sys
from pathlib import Path

import pytest

from lib.study.parameters import Parameters, UsageError, check, expected

ROOT = Path(__file__).resolve().parents[2]
NAN, INFINITY, HUGE = math.nan, math.inf, 10**30
NUMBERS = (-1, 0, HUGE, 1e30, NAN, INFINITY, -INFINITY, 1.5)
ODD = (*NUMBERS, True, None, "", "x", "1", [], [0], [-1], {})
# Of these values, the ones that a parameter takes.
TAKEN = {
    **{name: (True,) for name in ("SKIPS", "FINE_TUNE", "CLASSICAL")},
    **{name: (None,) for name in ("SOURCE", "XCEPTION_WEIGHTS", "PHOTOS", "MODEL")},
    **{name: (None,) for name in ("MAX_IMAGES", "PATIENCE")},
    **{"STUDY": ("x", "1"), "SEED": (0,), "CRITIC_EPOCHS": (0,), "GAN_AVERAGE": (0,)},
    **{"FEATURE_WEIGHT": (0, 1.5), "GAN_TOLERANCE": (0, 1.5), "HALF_SIZE_EPOCHS": (0,)},
    **{"AGED": (0,), "VARIANTS": ({},), "NOTEBOOKS": ([], [0], [-1]), "SEEDS": ([], [0])},
}
LIMITS = {
    **{"IMAGE_SIZE": (32, 256), "MAX_IMAGES": (10, 1_000_000), "SEED": (0, 2**32 - 1)},
    **{"EPOCHS": (1, 100_000), "BATCH_SIZE": (1, 4096), "PATIENCE": (1, 100_000)},
    **{"CNN_FILTERS": (1, 1024), "AUTOENCODER_FILTERS": (1, 1024), "XCEPTION_FILTERS": (1, 1024)},
    **{"AUTOENCODER_CODE": (1, 8192), "CRITIC_EPOCHS": (0, 100_000), "GAN_STEPS": (1, 1_000_000)},
    **{"KID_PHOTOS": (10, 100_000), "RENDER_FACTOR": (2, 40), "HALF_SIZE_EPOCHS": (0, 100_000)},
}


def refuse(values, *words):
    with pytest.raises(UsageError) as caught:
        check(values)
    message = str(caught.value)
    assert "\n" not in message and len(message) < 300
    assert all(word in message for word in words), message


@pytest.mark.parametrize("name", list(Parameters.__annotations__))
def test_odd_values_are_refused_with_name_range_and_value(name):
    taken = [(value, type(value)) for value in TAKEN.get(name, ())]
    for value in ODD:
        if (value, type(value)) in taken:
            assert check({name: value}) == {name: value}
        else:
            refuse({name: value}, f"{name}: expected ", f"got {value!r}"[:80])


@pytest.mark.parametrize(("name", "limits"), LIMITS.items())
def test_limits_are_taken_and_what_is_beyond_is_not(name, limits):
    for step, limit in zip((-1, 1), limits, strict=True):
        assert check({name: limit}) == {name: limit}
        refuse({name: limit + step}, str(limit + step))
    low, high = limits
    assert f"{0 if name == 'EPOCHS' else low} to {high}" in expected(name)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"LEARNING_RATE": -1.0}, ["LEARNING_RATE: expected a number, above 0 to 1, got -1.0"]),
        ({"GAN_LEARNING_RATE": 1.01}, ["above 0 to 1"]),
        ({"GAN_AVERAGE": 1.0}, ["0 to below 1"]),
        ({"SCRIBBLES": 1e-9, "IMAGE_SIZE": 64}, ["SCRIBBLES: expected a pixel at least", "64^2"]),
        ({"GAN_STEPS": [3, 0]}, ["GAN_STEPS: expected a whole number, 1 to 1000000 or a list"]),
        ({"DATASET": "flickr"}, ["one of scenes, flickr8k, flickr30k, folder", "'flickr'"]),
        ({"DATASET": "folder", "SOURCE": None}, ["SOURCE: expected the place of the photos"]),
        ({"SCHEDULE": "linear"}, ["one of cosine, constant"]),
        ({"MODEL": "unet"}, ["MODEL: expected one of cnn,", "gan or None"]),
        ({"EPOCHS": 0}, ["EPOCHS: expected 1 or more (0 is for 06_gan alone), got 0"]),
        ({"MAX_IMAGES": 20, "BATCH_SIZE": 32}, ["BATCH_SIZE: expected MAX_IMAGES=20 or less"]),
        ({"GENERATOR": {"filters": 4, "fine_tune": 1}}, ["fine_tune with encoder: xception only"]),
        ({"GENERATOR": {"filters": 4, "atention": True}}, ["attention: true or false", "atention"]),
        ({"GENERATOR": {"filters": 4, "encoder": "vgg"}}, ["encoder: one of scratch, xception"]),
        ({"GENERATOR": {"filters": 4, "fine_tune": -1}}, ["fine_tune: a whole number, 0 to"]),
        ({"GENERATOR": {"encoder": "scratch"}}, ["filters: a whole number"]),
        ({"SOURCE": "no.zip"}, ["SOURCE: expected a file or folder that is there or None"]),
        ({"SOURCE": "x" * 5000}, ["SOURCE: expected a file or folder"]),
        ({"XCEPTION_WEIGHTS": "imagent"}, ["a file that is there or auto or imagenet or None"]),
        ({"XCEPTION_WEIGHTS": "/etc"}, ["XCEPTION_WEIGHTS: expected a file", "got '/etc'"]),
        ({"STUDY": "../x"}, ["letters, digits, - and _", "'../x'"]),
        ({"SEEDS": [1, 1]}, ["SEEDS: expected each seed once"]),
    ],
)
def test_values_that_make_no_sense_are_refused(values, words):
    refuse(values, *words)


def test_what_makes_sense_is_taken(tmp_path):
    (tmp_path / "photos.zip").touch()
    for values in (
        {"EPOCHS": 0, "GENERATOR": {"filters": 32}, "GAN_STEPS": [120, 60]},
        {"GENERATOR": {"filters": 32, "encoder": "xception", "fine_tune": 1, "spectral": True}},
        {"SCRIBBLES": 1 / 64**2, "IMAGE_SIZE": 64},
        {"SOURCE": "photos.zip", "XCEPTION_WEIGHTS": "photos.zip", "PHOTOS": "."},
        {"SOURCE": "https://example.org/a.zip", "XCEPTION_WEIGHTS": "auto", "PHOTOS": "upload"},
    ):
        assert check(values, tmp_path) == values
    found = check({"LEARNING_RATE": 1, "np": None, "__name__": "x"})
    assert found == {"LEARNING_RATE": 1} and isinstance(found["LEARNING_RATE"], float)


def test_the_runner_and_the_check_start_without_the_heavy_packages():
    code = (
        "import sys, lib.study.run; "
        "print([m for m in ('keras', 'tensorflow', 'numpy', 'papermill') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True)
    assert done.stdout.strip() == b"[]"


def test_the_models_are_those_of_the_registry():
    from lib import models

    for name in models.NETWORKS:
        assert f" {name}" in f" {expected('MODEL')}"
