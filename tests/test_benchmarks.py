"""The benchmarks: each can be asked for help, and the table of their results is well-formed."""

import importlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "tests" / "benchmarks"
BENCHMARKS = sorted(FOLDER.glob("bench_*.py"))
ROW = {"bench": "one", "what": "x", "ours": 2.0, "unit": "s", "peer": "p", "theirs": 5.0}


@pytest.fixture
def common(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    yield importlib.import_module("common")
    sys.modules.pop("common")


@pytest.fixture(scope="module")
def helps():
    """What each says when asked for help: name -> finished process; they run side by side."""
    commands = {path.name: [sys.executable, str(path), "--help"] for path in BENCHMARKS}
    commands["all"] = [sys.executable, str(FOLDER), "--list"]
    keys = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    running = {name: subprocess.Popen(command, **keys) for name, command in commands.items()}
    told = {name: process.communicate(timeout=120)[0] for name, process in running.items()}
    return {name: (running[name].returncode, text) for name, text in told.items()}


@pytest.mark.parametrize("path", BENCHMARKS, ids=lambda path: path.stem)
def test_each_says_how_to_call_it(path, helps):
    status, text = helps[path.name]
    assert status == 0, text
    assert "usage:" in text and "--help" in text
    assert f"python tests/benchmarks/{path.name}" in path.read_text("utf-8").split('"""')[1]


def test_all_are_listed(helps):
    status, text = helps["all"]
    assert status == 0, text
    listed = sorted(line.split()[0] for line in text.splitlines())
    assert listed == sorted(path.stem.removeprefix("bench_") for path in BENCHMARKS)


def test_an_unknown_benchmark_is_refused():
    command = [sys.executable, str(FOLDER), "nothing"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert "expected" in done.stderr and "got nothing" in done.stderr


def test_peers_are_pinned_and_not_the_study_s():
    lines = (FOLDER / "requirements.txt").read_text("utf-8").splitlines()
    pins = [line for line in lines if not line.startswith("#")]
    assert all(re.fullmatch(r"[a-z0-9-]+==[0-9.]+ # \w.*", line) for line in pins)
    environment = (ROOT / "environment.yml").read_text("utf-8")
    assert not any(f"- {line.split('==')[0]}==" in environment for line in pins)


def test_a_row_replaces_the_older_one(common, tmp_path):
    table = tmp_path / "benchmarks.csv"
    other = ROW | {"peer": "q", "target": None, "ratio": 2.5, "note": "a, b"}
    common.record([ROW | {"ratio": 2.5, "target": 2}, other], table=table)
    common.record([ROW | {"ratio": 1.25, "target": 2, "ours": 4.0}], table=table)
    rows = {row["peer"]: row for row in common.read(table)}
    assert len(rows) == 2
    assert rows["q"]["note"] == "a, b" and rows["q"]["met"] == rows["q"]["target"] == ""
    assert (rows["p"]["ours"], rows["p"]["ratio"], rows["p"]["met"]) == ("4", "1.25", "no")
    assert rows["p"]["commit"] and rows["p"]["cores"] == str(len(os.sched_getaffinity(0)))


def test_few_rounds_are_not_recorded(common, tmp_path, capsys):
    common.record([ROW | {"ratio": 2.5}], rounds=4, table=tmp_path / "benchmarks.csv")
    assert not list(tmp_path.iterdir())
    assert "not recorded" in capsys.readouterr().out


def test_an_unknown_column_is_refused(common, tmp_path):
    with pytest.raises(ValueError, match="expected bench.* got speed"):
        common.record([ROW | {"ratio": 2.5, "speed": 1}], table=tmp_path / "benchmarks.csv")


def test_ratios_are_above_one_where_ours_is_better(common):
    assert common.row("one", "x", "", 2.0, "s", "p", 5.0)["ratio"] == 2.5
    assert common.row("one", "x", "", 5.0, "photos/s", "p", 2.0)["ratio"] == 2.5


def test_ways_take_turns(common):
    seen = []
    ways = {name: lambda n=name: seen.append(n) for name in "ab"} | {"told": lambda: 7.0}
    medians = common.alternate(ways, rounds=2)
    assert seen == ["a", "b", "b", "a", "a", "b"]
    assert medians["told"] == 7.0 and 0 <= medians["a"] < 1


def test_a_worker_answers_and_waits(common, tmp_path):
    program = tmp_path / "worker.py"
    program.write_text(
        "import common\nprint('noise')\n"
        "common.serve({'cores': 2}, {'add': lambda a, b: {'sum': a + b}, 'nothing': print})\n"
    )
    with common.Worker(str(program)) as worker:
        assert worker.about == {"cores": 2}
        answer = worker("add", 2, 3)
        assert answer["sum"] == 5 and answer["seconds"] >= 0 and answer["peak"] > 1
        assert "sum" not in worker("nothing")
        with pytest.raises(RuntimeError, match="ended with 1"):
            worker("unknown")


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
