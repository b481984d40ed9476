"""What a notebook does before anything else, wherever it runs, and on Google Colab."""

import os
import subprocess
import sys
import types
from pathlib import Path

import pytest

from lib.study import colab, run


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


USE_MEMORY = """
import resource, threading
from lib.study import colab

def use():
    for _ in range(2):
        bytearray(100 << 20)  # more than one of glibc's heaps for threads can hold
        faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)

def in_threads(target, count):
    for thread in [threading.Thread(target=target, daemon=True) for _ in range(count)]:
        thread.start()
        thread.join(0.1)

faults = []
in_threads(threading.Event().wait, 4)
colab.prepare(drive=True, root="nowhere")
in_threads(use, 6)
print(faults[-1] - faults[1])
"""


def test_memory_is_kept_in_every_thread_of_a_kernel_and_elsewhere_nothing_is_done(monkeypatch):
    command, kernel = [sys.executable, "-c", USE_MEMORY], os.environ | run.KERNEL
    taken = int(subprocess.run(command, env=kernel, capture_output=True, check=True).stdout)
    assert taken < 1000  # of 250,000 pages: given back, all would be taken again
    monkeypatch.setattr(colab.ctypes, "CDLL", lambda name: None)  # a C library without mallopt
    colab.keep_memory()


def test_only_what_is_lacking_is_installed_never_what_colab_must_keep(on_colab, tmp_path, capsys):
    colab.prepare(root=tmp_path)
    assert [command[4:] for command in on_colab] == [["-q", "no-such==2"]]
    assert "DRIVE = True" in capsys.readouterr().out


def test_results_are_moved_to_the_drive_once(on_colab, tmp_path, monkeypatch):
    kept = tmp_path / "drive"
    monkeypatch.setattr(colab, "Path", lambda p: kept if "MyDrive" in str(p) else Path(p))
    for _ in range(2):
        colab.prepare(drive=True, root=tmp_path)
    assert (tmp_path / "results").resolve() == kept
    assert (kept / "a.txt").read_text() == "a"
    assert on_colab.count(["mount", "/content/drive"]) == 1
