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
    """Versions of Python and of the packages (None: not installed), and Keras's backend."""
    settings = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras") / "keras.json"
    chosen = os.environ.get("KERAS_BACKEND") or read_json(settings).get("backend", "tensorflow")
    found = {"python": platform.python_version(), "backend": chosen}  # as Keras itself chooses it
    for package in packages:
        there = importlib.metadata.distributions(name=package)
        found[package] = next((one.version for one in there), None)
    return found


def commit(root):
    """Git commit of a folder, and whether files differ from it (results aside); None: no git."""
    git = ("git", "-C", str(root))
    head = _output(*git, "rev-parse", "HEAD")
    changes = _output(*git, "status", "--porcelain", "--", ".", ":(exclude)results")
    return {"commit": head, "dirty": bool(changes)} if head else None


def hardware():
    """Processor, cores this process may use, memory in GB, and names of the NVIDIA GPUs."""
    information = Path("/proc/cpuinfo")  # Linux
    text = information.read_text() if information.is_file() else ""
    name = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {
        "cpu": name[1] if name else platform.processor() or platform.machine(),
        "cores": len(getattr(os, "sched_getaffinity", lambda _: range(os.cpu_count()))(0)),
        "memory_gb": round(memory / 1e9, 1),
        "gpus": _output("nvidia-smi", "--query-gpu=name", "--format=csv,noheader").splitlines(),
    }


def _output(*command):
    """Output of a program, or an empty string where there is no such program or it fails."""
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""
