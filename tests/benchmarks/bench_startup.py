"""Seconds from a command to its first work, beside the import of TensorFlow alone.

    python tests/benchmarks/bench_startup.py [--rounds 5]

The commands run in a copy of lib and notebooks, so that no result is touched: the list of what a
study would run, the colouring of one photo of 300 x 200 pixels (all of it, with an untrained
generator), and a notebook of the smoke study by papermill (all of it: a kernel starts, imports,
draws 60 scenes and seven figures). All take turns, each in a process of its own; the files are in
the system's memory after the first, uncounted round.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import common

NETWORK = """
import sys
from lib import quiet_startup
with quiet_startup():
    from lib import models
from pathlib import Path
path = Path(sys.argv[1])
path.parent.mkdir(parents=True)
models.build_generator().save(path)
"""
TARGETS = {"study --list": 1, "colorize": None, "smoke notebook": None}


def copy_of_project(folder):
    """Copy what the commands need, and write a network and a photo."""
    from PIL import Image
    from skimage import data

    for name in ("lib", "notebooks"):
        ignored = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints")
        shutil.copytree(common.ROOT / name, folder / name, ignore=ignored)
    run(folder, "-c", NETWORK, str(folder / "results" / "untrained" / "gan" / "model.keras"))
    Image.fromarray(data.astronaut()).resize((300, 200)).save(folder / "photo.png")


def run(folder, *arguments):
    """Run Python in the copy to its end."""
    environment = os.environ | {"PYTHONPATH": str(folder), "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(arguments)}: {done.stderr}")


def main():
    options = common.parser(__doc__).parse_args()
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        copy_of_project(folder)
        notebook = ["notebooks/01_preprocess.ipynb", "out.ipynb", "-p", "STUDY", "smoke"]
        notebook += ["-p", "IMAGE_SIZE", "32", "-p", "MAX_IMAGES", "60", "--cwd", str(folder)]
        photo = ["photo.png", "-o", "out.png", "--force"]
        commands = {
            "import tensorflow": ["-c", "import tensorflow"],
            "study --list": ["-m", "lib.study", "smoke", "--list"],
            "colorize": ["-m", "lib.colorize", *photo],
            "smoke notebook": ["-m", "papermill", "--no-progress-bar", *notebook],
        }
        ways = {name: lambda c=command: run(folder, *c) for name, command in commands.items()}
        seconds = common.alternate(ways, options.rounds)
    rows = []
    for name, target in TARGETS.items():
        row = (seconds[name], "s", "import tensorflow", seconds["import tensorflow"], target)
        rows.append(common.row("startup", name, "", *row))
    common.record(rows, options.rounds)


if __name__ == "__main__":
    main()
