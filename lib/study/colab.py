"""What a notebook needs first, wherever it runs, and on Google Colab, where a machine ends with it.

What Colab has is left as it is: reinstalling TensorFlow or NumPy breaks its GPU.
"""

import ctypes
import re
import shutil
import subprocess
import sys
from importlib.metadata import distributions
from pathlib import Path

NEVER = ("tensorflow", "keras", "numpy", "jupyterlab", "ipykernel", "pytest", "ruff")
# glibc gives each step's memory back to the system, and takes it again page by page: a third to
# half of the time of training on a CPU. So it keeps it: one heap that never shrinks (mallopt(3)).
# Threads of a kernel have begun others by then: run.KERNEL and `make lab` allow one from the start.
MALLOPT = {-8: 1, -4: 0, -2: 64 << 20, -1: -1}  # ARENA_MAX, MMAP_MAX, TOP_PAD, TRIM_THRESHOLD


def prepare(drive=False, root="."):
    """Keep this process's memory; on Colab also install what it lacks.

    There `drive` asks for results in the user's Drive, to which those in `root` become a link.
    """
    keep_memory()
    if "google.colab" not in sys.modules:
        return
    text, results = (Path(root) / "environment.yml").read_text("utf-8"), Path(root) / "results"
    pins = re.findall(r"^ +- ([a-z0-9-]+)(==\S+)", text, re.MULTILINE)
    pins = [(name, pin) for name, pin in pins if name not in NEVER]
    lacking = [name + pin for name, pin in pins if not any(distributions(name=name))]
    if lacking:
        subprocess.run([sys.executable, "-m", "pip", "install", "-q", *lacking], check=True)
    if not drive:
        print("Results are lost when this runtime ends: DRIVE = True keeps them in your Drive.")
    elif not results.is_symlink():
        from google.colab import drive as mounted

        mounted.mount("/content/drive")
        kept = Path("/content/drive/MyDrive/photo-colorization")
        shutil.copytree(results, kept, dirs_exist_ok=True)
        shutil.rmtree(results)
        results.symlink_to(kept)


def keep_memory():
    """Give nothing back to the system between training steps, where the C library is glibc."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    for parameter, value in MALLOPT.items() if mallopt else ():
        mallopt(parameter, value)
