"""Run the benchmarks, each in a process of its own; rows go to results/benchmarks.csv.

    python tests/benchmarks                        all of them, one after another
    python tests/benchmarks --list                 their names
    python tests/benchmarks training large         two of them
    python tests/benchmarks training --models cnn  one, with arguments of its own

Close other programs first: 13 GB of memory are needed (NoGAN's joint phase at 200 pixels in Keras
and PyTorch; the network on a whole photo of 12 megapixels takes 9).
Exit status: 0 done; 1 one of them failed; 2 no such benchmark.
"""

import ast
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import common

FOLDER = Path(__file__).resolve().parent
NEEDS_MODEL = ("colorize",)  # take the file of a network: an untrained one is written
LAST = ("training", "scaling")  # these take longest
ARGUMENTS = {"classical": ["--photos", "200"]}  # where the default would take many minutes
WRITE = """
import sys
from lib import quiet_startup
with quiet_startup():
    from lib import models
models.build_generator().save(sys.argv[1])
"""


def names():
    """The benchmarks in the order in which they run."""
    found = sorted(path.stem.removeprefix("bench_") for path in FOLDER.glob("bench_*.py"))
    return sorted(found, key=lambda name: LAST.index(name) if name in LAST else -1)


def run(name, arguments, folder):
    """Run one; True if it ended well."""
    command = [sys.executable, str(FOLDER / f"bench_{name}.py")]
    if name in NEEDS_MODEL:
        model = Path(folder) / "generator.keras"
        subprocess.run([sys.executable, "-c", WRITE, str(model)], cwd=common.ROOT, check=True)
        command.append(str(model))
    start = time.perf_counter()
    command += arguments or ARGUMENTS.get(name, [])
    done = subprocess.run(command, cwd=common.ROOT, check=False)
    minutes = (time.perf_counter() - start) / 60
    state = "done" if done.returncode == 0 else f"failed ({done.returncode})"
    print(f"-- {name}: {state} in {minutes:.1f} min", flush=True)
    return done.returncode == 0


def main():
    arguments = sys.argv[1:]
    if arguments[:1] == ["--help"]:
        print(__doc__)
        return 0
    if arguments[:1] == ["--list"]:
        for name in names():
            text = ast.get_docstring(ast.parse((FOLDER / f"bench_{name}.py").read_text("utf-8")))
            print(f"{name:12} {text.splitlines()[0]}")
        return 0
    first = next((n for n, word in enumerate(arguments) if word.startswith("-")), len(arguments))
    chosen, rest = arguments[:first], arguments[first:]
    unknown = [name for name in chosen if name not in names()]
    if unknown:
        print(f"error: expected {', '.join(names())}, got {unknown[0]}", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        well = [run(name, rest, folder) for name in chosen or names()]
    return 0 if all(well) else 1


if __name__ == "__main__":
    sys.exit(main())
