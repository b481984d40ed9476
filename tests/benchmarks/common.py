"""What the benchmarks share: rounds in turn, processes that wait for theirs, the table of results.

A benchmark compares ours with a named peer in the same run. The ways take turns, the first round of
each (which loads and compiles) is not counted, every other round goes backwards, and the median of
at least 5 rounds counts: what else the machine does weighs on all alike. Libraries that would get
in each other's way (two pools of threads in one program) live in processes of their own, `Worker`,
each with threads for all cores; while one works the others wait for their turn and use no core.
"""

import contextlib
import csv
import datetime
import io
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from lib import files  # noqa: E402
from lib.study import provenance  # noqa: E402

TABLE = ROOT / "results" / "benchmarks.csv"
PACKAGES = ("tensorflow", "keras", "numpy", "scipy", "scikit-image", "pillow", "papermill")
PEERS = ("torch", "opencv-python-headless")  # in .venv-bench only
KEY = ("bench", "what", "size", "peer")  # a new row replaces the old one of the same key
COLUMNS = (
    *("bench", "what", "size", "ours", "unit", "peer", "theirs", "ratio", "target", "met"),
    *("note", "date", "commit", "cpu", "cores", "versions"),
)
FEWEST_ROUNDS = 5
LESS_IS_BETTER = ("s", "ms", "MiB")  # other units: more is better


def parser(description, rounds=FEWEST_ROUNDS):
    """An argument parser with --rounds; `description` is the docstring of the benchmark."""
    import argparse

    made = argparse.ArgumentParser(description=description.splitlines()[0])
    text = f"counted; fewer than {FEWEST_ROUNDS} are shown, not recorded"
    made.add_argument("--rounds", type=int, default=rounds, help=text)
    return made


def alternate(ways, rounds):
    """Median seconds of ways that take turns.

    Parameters
    ----------
    ways : dict of name -> function
        Called without arguments. What it returns, if it is a number, is taken for its seconds.
    rounds : int
        Counted; one more goes before them.

    Returns
    -------
    dict of name -> float
    """
    seconds = {name: [] for name in ways}
    for number in range(rounds + 1):
        for name in list(ways)[:: -1 if number % 2 else 1]:
            start = time.perf_counter()
            told = ways[name]()
            passed = time.perf_counter() - start
            if number:
                seconds[name].append(told if isinstance(told, int | float) else passed)
    return {name: statistics.median(values) for name, values in seconds.items()}


class Worker:
    """A Python process that waits, answers one request, and waits again.

    Parameters
    ----------
    *command : str
        Arguments of Python. The program ends in `serve`.

    Attributes
    ----------
    about : dict
        What the program told `serve` about itself.
    """

    def __init__(self, *command):
        paths = os.pathsep.join([str(ROOT), str(Path(__file__).parent)])
        self._process = subprocess.Popen(
            [sys.executable, *command],
            env=os.environ | {"PYTHONPATH": paths},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.about = self._answer()

    def __call__(self, name, *arguments):
        """Call the function of that name; returns its answer, a dict.

        Beside what the function returns: `seconds`, `used` (of the processor, all cores together)
        and `peak` (most memory so far, MiB).
        """
        self._process.stdin.write(json.dumps([name, *arguments]) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()

    def _answer(self):
        for line in self._process.stdout:
            if line.startswith("{"):  # the program may print before it serves
                return json.loads(line)
        raise RuntimeError(f"{self._process.args}: ended with {self._process.wait()}")


def serve(about, functions):
    """The other end of `Worker`: answer requests until there are no more.

    `functions` is a dict of name -> function of JSON values, which returns a dict or nothing.
    """
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever else is printed does not get between the answers
    print(json.dumps(about), file=answers, flush=True)
    for line in sys.stdin:
        name, *arguments = json.loads(line)
        start, before = time.perf_counter(), time.process_time()
        told = functions[name](*arguments) or {}
        seconds = {
            "seconds": time.perf_counter() - start,
            "used": time.process_time() - before,
            "peak": peak_memory(),
        }
        print(json.dumps(seconds | told), file=answers, flush=True)


def repeat(step, least=1.0):
    """Call `step` until `least` seconds have passed; the mean `seconds` and `used` of a call."""
    start, before, count = time.perf_counter(), time.process_time(), 0
    while not count or time.perf_counter() - start < least:
        step()
        count += 1
    passed, used = time.perf_counter() - start, time.process_time() - before
    return {"seconds": passed / count, "used": used / count}


def peak_memory():
    """The most memory that this process has used so far, MiB."""
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def row(bench, what, size, ours, unit, peer, theirs, target=None, note=""):
    """A row of the table; its ratio is above 1 where ours is better."""
    ratio = theirs / ours if unit in LESS_IS_BETTER else ours / theirs
    return {
        **{"bench": bench, "what": what, "size": size, "ours": ours, "unit": unit},
        **{"peer": peer, "theirs": theirs, "ratio": ratio, "target": target, "note": note},
    }


def record(rows, rounds=FEWEST_ROUNDS, table=None):
    """Print rows, and write them into results/benchmarks.csv, in place of older ones.

    Parameters
    ----------
    rows : list of dict
        bench, what, ours, unit, peer, theirs, ratio, and target (None: nothing was asked for);
        size and note if there are any. See `row`.
    rounds : int
        With fewer than 5 nothing is written.
    table : path, optional
        Another file.
    """
    rows = [_completed(one) for one in rows]
    for one in rows:
        print(_line(one), flush=True)
    if rounds < FEWEST_ROUNDS:
        print(f"not recorded: {rounds} rounds, {FEWEST_ROUNDS} are needed", flush=True)
        return
    table = Path(table or TABLE)
    about = machine()
    new = {_key(one): one | about for one in rows}
    old = [one for one in read(table) if _key(one) not in new]
    everything = sorted([*old, *new.values()], key=lambda one: one["bench"])  # stable
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(everything)
    files.write_text(table, text.getvalue())


def read(table=None):
    """The rows of the table as dicts of text; none if there is no table yet."""
    with contextlib.suppress(FileNotFoundError), Path(table or TABLE).open(newline="") as stream:
        return list(csv.DictReader(stream))
    return []


def machine():
    """What a row was measured on: date, commit, processor, cores and versions, as text."""
    hardware, commit = provenance.hardware(), provenance.commit(ROOT)
    versions = provenance.versions((*PACKAGES, *PEERS))
    text = [f"{name} {version}" for name, version in versions.items() if version]
    return {
        "date": datetime.date.today().isoformat(),
        "commit": commit["commit"][:12] + "+" * commit["dirty"] if commit else "",
        "cpu": hardware["cpu"],
        "cores": str(hardware["cores"]),
        "versions": "; ".join(text),
    }


def _completed(one):
    """A row as text, in the columns that the caller gives; raises ValueError at an unknown one."""
    unknown = one.keys() - set(COLUMNS)
    if unknown:
        raise ValueError(f"rows: expected {', '.join(COLUMNS)}, got {', '.join(sorted(unknown))}")
    text = {name: "" for name in COLUMNS[: COLUMNS.index("date")]}
    for name, value in one.items():
        if isinstance(value, float):
            value = f"{value:.2f}" if name == "ratio" else f"{value:.4g}"
        text[name] = "" if value is None else str(value)
    if text["target"]:
        text["met"] = "yes" if one["ratio"] >= float(one["target"]) else "no"
    return text


def _key(one):
    return tuple(str(one[name]) for name in KEY)


def _line(one):
    asked = f" ({one['target']} asked for: {one['met']})" if one["target"] else ""
    note = f"; {one['note']}" if one["note"] else ""
    where = ", ".join(one[name] for name in ("bench", "what", "size") if one[name])
    return (
        f"{where}: {one['ours']} {one['unit']}; {one['peer']} {one['theirs']}; "
        f"{one['ratio']} times{asked}{note}"
    )
