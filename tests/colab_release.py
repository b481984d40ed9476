"""Run every notebook at smoke size as on Google Colab, through the first cell's Colab branch.

    make test-colab

The environment has Colab's versions and lacks what Colab lacks. `google.colab` is a stand-in, the
session's address tells a notebook of GitHub, and git takes this project for that repository; it is
cloned to /content/study, which is removed before and after.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
STUDY = Path("/content/study")
TOLD = (
    '[{"path": "fileId=https%3A%2F%2Fgithub.com%2Fme%2Fcopy%2Fblob%2Fmain%2Fnotebooks%2F01.ipynb"}]'
)


def environment(folder):
    """Variables that make a kernel believe to be on Colab."""
    place = folder / "google" / "colab"
    place.mkdir(parents=True)
    (place / "__init__.py").write_text("")
    startup = folder / "ipython" / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "00.py").write_text("import google.colab\n")
    curl = folder / "bin" / "curl"
    curl.parent.mkdir()
    curl.write_text(f"#!/bin/sh\necho '{TOLD}'\n")
    curl.chmod(0o755)
    return os.environ | {
        "PYTHONPATH": str(folder),
        "IPYTHONDIR": str(folder / "ipython"),
        "PATH": f"{curl.parent}:{os.environ['PATH']}",
        "JUPYTER_PREFER_ENV_PATH": "1",
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.file://{ROOT}.insteadOf",
        "GIT_CONFIG_VALUE_0": "https://github.com/me/copy",
    }


def main():
    profile = yaml.safe_load((ROOT / "notebooks/profiles/smoke.yaml").read_text())
    shutil.rmtree(STUDY, ignore_errors=True)
    STUDY.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        variables = environment(Path(folder))
        for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
            given = {**profile, "STUDY": "colab"}
            declared = [name for name in given if f'"{name}: ' in path.read_text("utf-8")]
            words = [part for n in declared for part in ("-y", yaml.safe_dump({n: given[n]}))]
            copy = f"{folder}/{path.name}"
            command = [sys.executable, "-m", "papermill", str(path), copy, *words, "-k", "python3"]
            print(path.name, flush=True)
            options = ["--no-progress-bar", "--cwd", "/content"]
            subprocess.run([*command, *options], env=variables, check=True)
    shutil.rmtree(STUDY)


if __name__ == "__main__":
    main()
