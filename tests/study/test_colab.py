"""What a notebook does before anything else, wherever it runs, and on Google Colab."""

import resource
import subprocess
import sys
import types
from pathlib import Path

import pytest

from lib.study import colab


@pytest.fixture
def on_colab(monkeypatch, tmp_path):
    """Pretends to be Colab; gives the commands that were run, which are not."""
    commands = []
    drive = types.SimpleNamespace(mount=lambda place: commands.append(["mount", place]))
    monkeypatch.setitem(sys.modules, "google.colab", types.SimpleNamespace(drive=drive))
    monkeypatch.setattr(subprocess, "run", lambda command, check: commands.append(command))
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "a.txt").write_text("a")
    pins = "tensorflow==1 # never", "pytest-xdist==2 # there", "pandas==1 # there", "no-such==2 # x"
    (tmp_path / "environment.yml").write_text("".join(f"      - {pin}\n" for pin in pins))
    return commands


def test_memory_is_kept_and_elsewhere_nothing_else_is_done(tmp_path, monkeypatch):
    colab.prepare(drive=True, root=tmp_path / "nowhere")
    faults = []
    for _ in range(3):
        [b"x" * (1 << 20) for _ in range(64)]
        faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)
    assert faults[2] - faults[1] < 1000  # of 16,384 pages: given back, all would be taken again
    monkeypatch.setattr(colab.ctypes, "CDLL", lambda name: None)  # a C library without mallopt
    colab.keep_memory()


def test_only_what_is_lacking_is_installed_and_never_what_colab_must_keep(
    on_colab, tmp_path, capsys
):
    colab.prepare(root=tmp_path)
    assert [command[4:] for command in on_colab] == [["-q", "no-such==2"]]
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
