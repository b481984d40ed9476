"""The benchmarks: each says how to call it, and the table of their results is well-formed."""

import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "tests" / "benchmarks"
BENCHMARKS = sorted(FOLDER.glob("bench_*.py"))


@pytest.fixture
def common(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    yield importlib.import_module("common")
    sys.modules.pop("common")


@pytest.mark.parametrize("path", BENCHMARKS, ids=lambda path: path.stem)
def test_each_says_how_to_call_it(path):
    assert f"python tests/benchmarks/{path.name}" in path.read_text("utf-8").split('"""')[1]


def test_all_are_listed():
    command = [sys.executable, str(FOLDER), "--list"]
    told = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
    listed = sorted(line.split()[0] for line in told.splitlines())
    assert listed == sorted(path.stem.removeprefix("bench_") for path in BENCHMARKS)


def test_the_table_is_well_formed(common):
    rows = common.read()
    keys = [tuple(row[name] for name in common.KEY) for row in rows]
    assert len(set(keys)) == len(keys)
    for row in rows:
        assert tuple(row) == common.COLUMNS
        ours, theirs, ratio = (float(row[name]) for name in ("ours", "theirs", "ratio"))
        expected = theirs / ours if row["unit"] in common.LESS_IS_BETTER else ours / theirs
        assert ratio == pytest.approx(expected, rel=0.005, abs=0.006)
        assert row["met"] in ({"": ("",)}.get(row["target"], ("yes", "no")))
        assert all(row[name] for name in ("bench", "what", "unit", "peer", "date", "versions"))
        assert re.fullmatch(r"[0-9a-f]{12}\+?", row["commit"]) and int(row["cores"]) > 0
