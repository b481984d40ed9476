"""What a notebook does on Google Colab before anything else."""

import subprocess
import sys
import types
from pathlib import Path

import pytest

from lib.study import colab

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def on_colab(monkeypatch, tmp_path):
    """Pretends to be Colab; gives the commands that were run, which are not."""
    commands = []
    drive = types.SimpleNamespace(mount=lambda place: commands.append(["mount", place]))
    monkeypatch.setitem(sys.modules, "google.colab", types.SimpleNamespace(drive=drive))
    monkeypatch.setattr(subprocess, "run", lambda command, check: commands.append(command))
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "a.txt").write_text("a")
    (tmp_path / "environment.yml").write_text(
        "      - numpy==1 # x\n      - no-such-thing==2 # y\n"
    )
    return commands


def test_elsewhere_nothing_is_done(tmp_path):
    colab.prepare(drive=True, root=tmp_path / "nowhere")


def test_only_what_is_lacking_is_installed_and_never_what_colab_must_keep(
    on_colab, tmp_path, capsys
):
    colab.prepare(root=tmp_path)
    assert [command[-1] for command in on_colab] == ["no-such-thing==2"]
    assert "DRIVE = True" in capsys.readouterr().out


def test_results_are_moved_to_the_drive_once(on_colab, tmp_path, monkeypatch):
    kept = tmp_path / "drive"
    monkeypatch.setattr(
        colab, "Path", lambda place: kept if "MyDrive" in str(place) else Path(place)
    )
    for _ in range(2):
        colab.prepare(drive=True, root=tmp_path)
    assert (tmp_path / "results").resolve() == kept / colab.PLACE
    assert (kept / colab.PLACE / "a.txt").read_text() == "a"
    assert on_colab.count(["mount", "/content/drive"]) == 1


def test_pins_are_those_of_the_environment_that_a_notebook_needs():
    pins = colab.pins(ROOT / "environment.yml")
    names = {pin.partition("==")[0] for pin in pins}
    assert {"papermill", "pandas", "pillow"} <= names and not names & set(colab.NEVER)
