"""What a notebook needs on Google Colab, where each has a machine of its own that ends with it.

What Colab has is left as it is: reinstalling TensorFlow or NumPy breaks its GPU.
"""

import importlib.metadata
import re
import shutil
import subprocess
import sys
from pathlib import Path

PLACE = "photo-colorization"  # folder in the user's Drive
NEVER = ("tensorflow", "keras", "numpy", "jupyterlab", "ipykernel", "pytest", "ruff")


def prepare(drive=False, root="."):
    """On Colab, install what it lacks, and keep results in the user's Drive if that is asked for.

    Elsewhere nothing is done. `root` is the project's folder, whose `results` becomes a link.
    """
    if "google.colab" not in sys.modules:
        return
    lacking = [pin for pin in pins(Path(root) / "environment.yml") if not is_installed(pin)]
    if lacking:
        subprocess.run([sys.executable, "-m", "pip", "install", "-q", *lacking], check=True)
    results = Path(root) / "results"
    if not drive:
        print("Results are lost when this runtime ends: DRIVE = True keeps them in your Drive.")
    elif not results.is_symlink():
        from google.colab import drive as mounted

        mounted.mount("/content/drive")
        kept = Path("/content/drive/MyDrive") / PLACE
        shutil.copytree(results, kept, dirs_exist_ok=True)
        shutil.rmtree(results)
        results.symlink_to(kept)


def pins(path):
    """Pins of environment.yml that a notebook may need, such as `papermill==2.7.0`."""
    found = re.findall(r"^ +- ([a-z0-9-]+==\S+)", path.read_text("utf-8"), re.MULTILINE)
    return [pin for pin in found if not pin.startswith(tuple(f"{name}==" for name in NEVER))]


def is_installed(pin):
    """Whether some version of a pinned package is there."""
    try:
        return bool(importlib.metadata.version(pin.partition("==")[0]))
    except importlib.metadata.PackageNotFoundError:
        return False
