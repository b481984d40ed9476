"""What a notebook needs on Google Colab, where each has a machine of its own that ends with it.

What Colab has is left as it is: reinstalling TensorFlow or NumPy breaks its GPU.
"""

import re
import shutil
import subprocess
import sys
from importlib.metadata import distributions
from pathlib import Path

PLACE = "photo-colorization"  # folder in the user's Drive
NEVER = ("tensorflow", "keras", "numpy", "jupyterlab", "ipykernel", "pytest", "ruff")


def prepare(drive=False, root="."):
    """On Colab, install what it lacks, and keep results in the user's Drive if that is asked for.

    Elsewhere nothing is done. `root` is the project's folder, whose `results` becomes a link.
    """
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
        kept = Path("/content/drive/MyDrive") / PLACE
        shutil.copytree(results, kept, dirs_exist_ok=True)
        shutil.rmtree(results)
        results.symlink_to(kept)
