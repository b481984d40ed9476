"""What a run writes down about itself in run.json: versions, commit, hardware, files it read.

Nothing here imports TensorFlow, Keras or NumPy: asking what is to be done takes no second.
"""

import importlib.metadata
import os
import platform
import re
import subprocess
from pathlib import Path

from lib.files import digest, read_json

NUMERICS = ("tensorflow", "keras", "numpy")  # another version of these may give other results
PACKAGES = (*NUMERICS, "pandas", "scikit-image", "papermill")


def identity(path):
    """Tell a file from a changed one without reading it: hash of place, size and time of change.

    A folder counts by its place, the number of its entries, their newest time and their total size.
    """
    path = path.resolve()
    found = [entry.lstat() for entry in ([path] if path.is_file() else path.rglob("*"))]
    newest = max((entry.st_mtime_ns for entry in found), default=0)
    return digest([str(path), len(found), newest, sum(entry.st_size for entry in found)])


def versions(packages=PACKAGES):
    """Versions of Python, of Keras's backend and of the packages (None: not installed)."""
    found = {"python": platform.python_version(), "backend": _backend()}
    for package in packages:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = None
    return found


def numerics():
    """Return the part of `versions` that may change a number: backend, tensorflow, keras, numpy."""
    return {name: value for name, value in versions(NUMERICS).items() if name != "python"}


def commit(root):
    """Git commit of a folder, and whether files differ from it (results aside); None: no git."""
    git = ("git", "-C", str(root))
    head = _output(*git, "rev-parse", "HEAD")
    changes = _output(*git, "status", "--porcelain", "--", ".", ":(exclude)results")
    return {"commit": head, "dirty": bool(changes)} if head else None


def hardware():
    """Processor, cores this process may use, memory in GB, and names of the NVIDIA GPUs."""
    information, memory = Path("/proc/cpuinfo"), None
    text = information.read_text() if information.is_file() else ""
    name = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        memory = round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9, 1)
    return {
        "cpu": name[1] if name else platform.processor() or platform.machine(),
        "cores": len(getattr(os, "sched_getaffinity", lambda _: range(os.cpu_count()))(0)),
        "memory_gb": memory,
        "gpus": _output("nvidia-smi", "--query-gpu=name", "--format=csv,noheader").splitlines(),
    }


def _backend():
    """Name of Keras's backend, as Keras itself will choose it."""
    home = os.environ.get("KERAS_HOME") or Path(os.environ.get("HOME", "/")) / ".keras"
    chosen = read_json(Path(home) / "keras.json").get("backend", "tensorflow")
    return os.environ.get("KERAS_BACKEND") or chosen


def _output(*command):
    """Output of a program, or an empty string where there is no such program or it fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
