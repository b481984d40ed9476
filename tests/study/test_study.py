"""The runner: what it refuses, what it runs, what it skips, and how it goes on after a kill.

The studies here are four tiny notebooks in a temporary project; most tests replace papermill.
"""

import json
import os
import signal
import subprocess
import sys
import time
import types
from pathlib import Path

import nbformat
import pandas as pd
import pytest

from lib import files
from lib.study import profiles, steps
from lib.study import run as study

REPOSITORY = Path(__file__).resolve().parents[2]
PARAMETERS = """\
STUDY: str = "tiny"  # where results go
SOURCE: Optional[str] = None
IMAGE_SIZE: int = 64  # pixels
LEARNING_RATE: float = 1e-3
SEED: int = 0
"""
STEPS = {
    "01_preprocess": (),
    "03_cnn": ("01_preprocess",),
    "08_colorize": ("03_cnn",),
    "09_report": ("01_preprocess",),
}
PREPROCESS = """\
import json, os, sys
from pathlib import Path
facts = [sys.executable, os.getcwd(), os.environ["PYTHONHASHSEED"], IMAGE_SIZE, LEARNING_RATE]
(Path("results") / STUDY / "data.json").write_text(json.dumps({"facts": facts}))
"""
NETWORK = "from lib import models"
SLOW = """\
import time
from pathlib import Path
Path("begun").touch()
while not Path("go").exists():
    time.sleep(0.1)
"""
SCRIPT = """\
import signal, sys
from pathlib import Path
sys.path.insert(0, {repository!r})
signal.signal(signal.SIGINT, signal.default_int_handler)
from lib.study import run, steps
steps.STEPS = {{"01_preprocess": (), "03_cnn": ("01_preprocess",)}}
sys.exit(run.main(["quick"], Path({root!r})))
"""
# What a run of each notebook leaves, where papermill is replaced.
LEFT = {
    "01_preprocess": {"data.json": '{"fingerprint": "f"}'},
    "03_cnn": {"figures/cnn.png": "a picture"},
    "08_colorize": {"colorized/a.jpg": "a photo"},
    "09_report": {"report.html": "a page"},
}
TRAINED = {"checkpoint.json": "{}", "model.keras": "network", "looks/02.png": "a look"}


def write(path, text="{}"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def write_notebook(root, name, *code, parameters=PARAMETERS):
    cells = [nbformat.v4.new_code_cell("from typing import Optional")]
    cells.append(nbformat.v4.new_code_cell(parameters, metadata={"tags": ["parameters"]}))
    cells += [nbformat.v4.new_code_cell(source) for source in code]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook = nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})
    write(root / "notebooks" / f"{name}.ipynb", nbformat.writes(notebook))


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A project of four notebooks, of which the second imports lib.models -> lib.lab."""
    root = tmp_path / "project {x}"
    for name in STEPS:
        write_notebook(root, name, {"01_preprocess": PREPROCESS, "03_cnn": NETWORK}.get(name, "1"))
    write(root / "notebooks/profiles/quick.yaml", "STUDY: quick\nIMAGE_SIZE: 32\n")
    write(root / "lib/__init__.py", "")
    write(root / "lib/models.py", "from lib.lab import L\n")
    for name in ("lab", "other"):
        write(root / f"lib/{name}.py", "L = 1\n")
    monkeypatch.setattr(steps, "STEPS", STEPS)
    monkeypatch.setattr(files, "LIB", root / "lib")
    return root


class Notebooks:
    """Replaces papermill: writes what the notebooks leave, and keeps the names of those that ran.

    `trains` are the trainings that 03_cnn opens; it makes those anew that are not there. `killed`
    is the step that is killed in its middle.
    """

    def __init__(self):
        self.ran, self.trains, self.killed = [], ["cnn"], None

    def execute(self, name, values, copy, progress):
        time.sleep(0.02)  # the clock of a disk is coarse
        folder = Path("results") / values["STUDY"]
        self.ran.append(name)
        for path, text in LEFT[name].items():
            write(folder / path, text)
        for training in self.trains if name == "03_cnn" else ():
            new = not (folder / training / "checkpoint.json").is_file()
            for path, text in TRAINED.items() if new else [("checkpoint.json", "{}")]:
                write(folder / training / path, text)
        if name == self.killed:
            raise KeyboardInterrupt
        write(Path(copy))


@pytest.fixture
def notebooks(monkeypatch):
    found = Notebooks()
    monkeypatch.setattr(study, "_execute", found.execute)
    return found


@pytest.fixture
def again(root, notebooks, capsys):
    """Runs the study; gives the numbers of the steps that ran."""

    def run_again(*settings, **options):
        notebooks.ran.clear()
        for one in profiles.expand("quick", settings, root):
            study.run(one, **options)
        capsys.readouterr()
        return [name[:2] for name in notebooks.ran]

    return run_again


def read_run(root, name="quick"):
    return json.loads((root / f"results/{name}/run.json").read_text())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["quick", "--set", "IMAGE_SIZ=3"], ["unknown parameter IMAGE_SIZ:", "is IMAGE_SIZE"]),
        (["quick", "--set", "IMAGE_SIZE=big"], ["IMAGE_SIZE: expected", "32 to 256", "got 'big'"]),
        (["quick", "--set", "SOURCE=no.zip"], ["SOURCE: expected a file or folder", "'no.zip'"]),
        (["quick", "--set", "STUDY=" + "x" * 300], ["STUDY: expected 1 to 100 letters"]),
        (["quick", "--set", "SEEDS=[1, 1]"], ["SEEDS: expected each seed once"]),
        (["quick", "--set", "VARIANTS={a: {IMAGE_SIZ: 1}}"], ["nearest known one is IMAGE_SIZE"]),
        (["quik"], ["no profile quik", "is quick"]),
        (["quick", "--only", "cn"], ["no notebook cn", "is 03_cnn"]),
        (["quick", "--from", "03"], ["03_cnn needs 01_preprocess, never finished: run it first"]),
        (["quick", "--from", "03", "--only", "03"], ["not allowed with"]),
        (["quick", "--fast"], ["unrecognized arguments: --fast"]),
        ([], ["required: profile"]),
        (["report", "quik"], ["no study quik"]),
        (["report"], ["expected the name of a study"]),
        (["release", "quik"], ["no study quik"]),
    ],
)
def test_a_wrong_argument_is_one_line_and_exit_2(root, capsys, arguments, words):
    assert study.main(arguments, root) == 2
    written = capsys.readouterr()
    assert written.out == ""
    assert written.err.count("\n") == 1
    assert all(word in written.err for word in words), written.err
    assert not (root / "results").exists()


def test_a_place_that_cannot_be_written_is_one_line_and_exit_2(root, capsys):
    write(root / "results", "a file, not a folder")
    assert study.main(["quick"], root) == 2
    assert capsys.readouterr().err.startswith("error: [Errno 20] Not a directory")


def test_a_finished_step_is_skipped(root, again):
    assert again() == ["01", "03", "08", "09"]
    before = (root / "results/quick/run.json").read_bytes()
    assert again() == []
    assert (root / "results/quick/run.json").read_bytes() == before
    assert again("STUDY=other") == ["01", "03", "08", "09"]


def test_a_step_runs_again_when_its_parameters_code_or_inputs_change(root, again):
    again()
    assert again("IMAGE_SIZE=48") == ["01", "03", "08", "09"]
    assert again() == ["01", "03", "08", "09"]
    write(root / "lib/lab.py", '"""Words."""\n# more words\nL = (\n    1\n)\n')
    write(root / "lib/other.py", "L = 2\n")
    write_notebook(root, "03_cnn", NETWORK + "# words")
    assert again() == []
    write(root / "lib/lab.py", "L = 2\n")
    assert again() == ["03", "08"]
    write_notebook(root, "08_colorize", "1 + 1", parameters=PARAMETERS + "SKIPS: bool = True\n")
    assert again() == ["08"]
    assert again("SKIPS=false") == ["08"]


def test_a_step_runs_again_when_its_source_changes(root, again):
    write(root / "photos/1.jpg", "1")
    again("SOURCE=photos")
    assert again("SOURCE=photos") == []
    write(root / "photos/2.jpg", "2")
    assert again("SOURCE=photos") == ["01", "03", "08", "09"]
    os.utime(root / "photos/1.jpg", ns=(0, 2 * 10**18))
    assert again("SOURCE=photos") == ["01", "03", "08", "09"]


def test_from_and_only_leave_the_other_steps_alone(root, again, capsys):
    again()
    assert again(only="cnn") == ["03"]
    assert again(start="03_cnn") == ["08"]  # it reads what has run since
    assert again(start="03_cnn") == []
    assert again(start="08", force=True) == ["08", "09"]
    for which in (["--from", "03"], ["--only", "08"]):  # what 08 needs needs 01
        assert study.main(["quick", "--set", "IMAGE_SIZE=48", *which], root) == 2
        words = "parameters changed: IMAGE_SIZE 32 -> 48: run it first"
        assert words in capsys.readouterr().err


def test_list_says_why_and_runs_nothing(root, again, notebooks, capsys):
    again()
    write(root / "lib/lab.py", "L = 2\n")
    assert study.main(["quick", "--list"], root) == 0
    assert capsys.readouterr().out.splitlines() == [
        "01_preprocess: up to date",
        "03_cnn: code changed: lib/lab.py",
        "08_colorize: inputs changed: 03_cnn",
        "09_report: up to date",
    ]
    study.main(["quick", "--list", "--only", "03"], root)
    assert "01_preprocess: left alone; up to date" in capsys.readouterr().out
    assert len(notebooks.ran) == 4


def test_run_json_says_how_the_results_were_made(root, again, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    again("LEARNING_RATE=1e-4")
    run = read_run(root)
    assert run["study"] == run["profile"] == "quick"
    values = {"STUDY": "quick", "SOURCE": None, "IMAGE_SIZE": 32, "LEARNING_RATE": 1e-4, "SEED": 0}
    assert run["parameters"] == values
    assert run["versions"].keys() >= {"python", "tensorflow", "keras", "numpy"}
    assert run["versions"]["backend"] == "jax" and run["versions"]["papermill"]
    assert run["hardware"].keys() == {"cpu", "cores", "memory_gb", "gpus"}
    assert run["git"] is None and run["seed"] == 0
    assert run["data"] == {"fingerprint": "f"}
    assert run["steps"].keys() == STEPS.keys() and run["begun"] == {}
    assert run["seconds"] == pytest.approx(sum(s["seconds"] for s in run["steps"].values()))


def test_papermill_runs_notebooks_in_the_root_and_a_failure_is_named_with_its_error(root, capsys):
    write_notebook(root, "03_cnn", "x = 1", "raise ValueError('the photos are upside down')")
    assert study.main(["quick", "--set", "LEARNING_RATE=1e-4"], root) == 1
    data = json.loads((root / "results/quick/data.json").read_text())
    assert data["facts"] == [sys.executable, str(root), "0", 32, 1e-4]
    copy = root / "results/quick/notebooks/01_preprocess.ipynb"
    assert str(root) not in json.dumps(nbformat.read(copy, 4).metadata)
    written = capsys.readouterr()
    assert "[2/4] 03_cnn ... stopped after" in written.out
    assert "08_colorize" not in written.out
    assert written.err.splitlines() == [
        "03_cnn failed in cell In [5]: ValueError: the photos are upside down",
        "The notebook up to there: results/quick/notebooks/03_cnn.ipynb",
    ]
    assert copy.with_name("03_cnn.ipynb").is_file()
    assert read_run(root)["steps"].keys() == {"01_preprocess"}


# A result is what its step made, and nothing else.


def test_files_of_a_former_run_are_gone_when_a_step_runs_again(root, again, monkeypatch):
    folder = root / "results/quick"
    with monkeypatch.context() as patched:
        patched.setitem(LEFT, "08_colorize", {"figures/slider/b.png": "", "colorized/b.jpg": ""})
        again()
    write(folder / "colorized/kept.txt")
    assert again() == []
    assert again(only="08") == ["08"]
    assert not (folder / "figures/slider").exists() and not (folder / "colorized/b.jpg").exists()
    assert (folder / "colorized/kept.txt").is_file() and (folder / "colorized/a.jpg").is_file()
    assert (folder / "figures/cnn.png").is_file()  # another step's


def test_a_training_that_was_not_opened_is_gone_when_its_step_has_ended(root, again, notebooks):
    notebooks.trains += ["big", "critic/cycle1", "critic/cycle2"]
    again()
    notebooks.trains = ["cnn", "critic/cycle1"]
    assert again(only="03") == ["03"]
    folder = root / "results/quick"
    assert not (folder / "big").exists() and not (folder / "critic/cycle2").exists()
    for training in notebooks.trains:
        assert (folder / training / "looks/02.png").is_file()
    assert again() == ["08"]  # it reads what has run since


@pytest.mark.parametrize("cut", [True, False])
@pytest.mark.parametrize("piece", ["cnn/model.keras", "cnn/looks/02.png", "figures/cnn.png"])
def test_a_step_that_is_not_whole_runs_again_and_what_reads_from_it(root, again, piece, cut):
    again()
    path, network = root / "results/quick" / piece, root / "results/quick/cnn/looks/02.png"
    before, text = network.stat().st_mtime_ns, path.read_text()
    path.write_text(text[:-1]) if cut else path.unlink()
    assert again() == ["03", "08"]
    assert path.read_text() == text
    assert (network.stat().st_mtime_ns > before) == piece.startswith("cnn")
    assert again() == []


def test_seconds_are_those_of_all_goes(root, again):
    again()
    path, now = root / "results/quick/run.json", time.time()
    record = read_run(root)
    for step in record["steps"].values():
        step["seconds"] = 100.0
    write(path, json.dumps(record))
    again(only="03")  # its training was taken up
    assert read_run(root)["steps"]["03_cnn"]["seconds"] == pytest.approx(100, abs=1)
    again(only="08")  # all was made anew, as below
    assert read_run(root)["steps"]["08_colorize"]["seconds"] == pytest.approx(0, abs=1)
    again(only="03", force=True)
    assert read_run(root)["steps"]["03_cnn"]["seconds"] == pytest.approx(0, abs=1)

    record = read_run(root)  # killed 1,000 s ago, 40 s after it had begun
    done = record["steps"].pop("03_cnn")
    begun = {"fingerprint": done["fingerprint"], "goes_on": True, "spent": 7, "files": {}}
    write(path, json.dumps(record | {"begun": {"03_cnn": begun | {"began": now - 1040}}}))
    for file in (root / "results/quick").rglob("*"):
        os.utime(file, (now - 1000, now - 1000))
    assert again() == ["03", "08"]
    assert read_run(root)["steps"]["03_cnn"]["seconds"] == pytest.approx(47, abs=1)


def test_what_a_killed_step_left_is_gone_its_trainings_go_on(root, again, notebooks, monkeypatch):
    folder = root / "results/quick"
    notebooks.killed, notebooks.trains = "03_cnn", ["cnn", "big"]
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setitem(LEFT, "03_cnn", {"figures/old.png": "a picture"})
        again()
    network = folder / "cnn/model.keras"
    before = network.stat().st_mtime_ns
    notebooks.killed, notebooks.trains = None, ["cnn"]
    assert again() == ["03", "08", "09"]
    assert not (folder / "figures/old.png").exists() and not (folder / "big").exists()
    assert network.stat().st_mtime_ns == before


def test_a_published_study_is_written_to_with_replace_only(root, again, capsys):
    again()
    write(root / "results/quick/README.md", "# Published\n")
    before = (root / "results/quick/run.json").read_bytes()
    assert study.main(["quick", "--force"], root) == 2
    assert "results/quick is a published study: give another STUDY, or" in capsys.readouterr().err
    assert (root / "results/quick/run.json").read_bytes() == before
    assert study.main(["quick", "--list"], root) == 0
    assert study.main(["quick", "--force", "--replace"], root) == 0


# Kills.


@pytest.fixture
def command(root):
    """A command that runs the first two notebooks with papermill."""
    return [sys.executable, "-c", SCRIPT.format(repository=str(REPOSITORY), root=str(root))]


def test_a_killed_run_goes_on_where_it_was(root, command):
    """Also: a second run of a study in use is refused, and Ctrl-C ends a run in one line."""
    write_notebook(root, "03_cnn", SLOW, NETWORK)
    for stop, status in ((signal.SIGKILL, -signal.SIGKILL), (signal.SIGINT, 130)):
        (root / "begun").unlink(missing_ok=True)
        first = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        while not (root / "begun").exists() and first.poll() is None:
            time.sleep(0.1)
        second = subprocess.run(command, capture_output=True, text=True)
        assert second.returncode == 2
        assert second.stderr == "error: results/quick is in use by another run\n"
        first.send_signal(stop)
        out, err = first.communicate(timeout=60)
        assert first.returncode == status
    assert err == "interrupted: start it again, and it goes on where it was\n"
    assert "[1/2] 01_preprocess is up to date" in out
    (root / "go").touch()
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0 and done.stderr == ""
    assert "[1/2] 01_preprocess is up to date\n[2/2] 03_cnn ... " in done.stdout


# Reports, releases, seeds, variants.


def test_one_name_builds_that_report_and_several_the_comparison(root, again, capsys, monkeypatch):
    comparison = types.SimpleNamespace(build=lambda folders: [f.name for f in folders])
    report = types.SimpleNamespace(comparison=comparison, build=lambda folder: folder.name)
    for name in ("quick", "other"):
        again(f"STUDY={name}")
    assert study.main(["report", "quick"], root) == 2
    assert "summary.csv: run notebook 07" in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "lib.report", report)
    monkeypatch.setattr("lib.report", report, raising=False)
    for names, shown in ((["quick"], "quick"), (["quick", "other"], "['quick', 'other']")):
        assert study.main(["report", *names], root) == 0
        assert capsys.readouterr().out == f"{shown}\n"


def test_every_trained_network_of_a_study_is_released(root, again, capsys, monkeypatch):
    again()
    write(root / "results/quick/gan/model.keras", "")
    released = {}
    writer = types.SimpleNamespace(write=lambda place, whole: released.update({place.name: whole}))
    monkeypatch.setitem(sys.modules, "lib.colorize.released", writer)
    assert study.main(["release", "quick"], root) == 0
    assert released == {"cnn": False, "gan": True}
    assert capsys.readouterr().out == "released: results/quick/cnn\nreleased: results/quick/gan\n"
    for name in ("cnn", "gan"):
        (root / f"results/quick/{name}/model.keras").unlink()
    assert study.main(["release", "quick"], root) == 2
    assert "no trained network in results/quick" in capsys.readouterr().err


def test_other_seeds_are_studies_of_their_own_whose_spread_is_written(root, again, monkeypatch):
    again()
    for name, error in (("quick", 10), ("quick-seed5", 11), ("quick-seed7", 13)):
        summary = f"model,rmse_ab,rmse_ab_low,rmse_ab_high\ncnn,{error}.0,0.0,20.0\n"
        write(root / f"results/{name}/summary.csv", summary)
    assert again("SEEDS=[0, 5, 7]") == ["01", "03", "01", "03", "09"]
    for name, seed in [("quick", 0), ("quick-seed5", 5), ("quick-seed7", 7)]:
        assert read_run(root, name)["parameters"]["SEED"] == seed
    folder = root / "results/quick"
    row = pd.read_csv(folder / "seeds.csv").set_index(["model", "measure"]).loc["cnn", "rmse_ab"]
    assert row["seeds"] == 3
    assert row["mean"] == pytest.approx(34 / 3)
    assert row["sd"] == pytest.approx(1.5275, abs=1e-4)
    assert read_run(root)["seeds"] == [0, 5, 7]
    assert again("SEEDS=[0, 5, 7]") == []
    assert again() == ["09"]  # the seeds do not survive a run without them
    assert not (folder / "seeds.csv").exists() and read_run(root)["seeds"] == []


def test_each_variant_of_a_profile_is_a_study_of_its_own(root, notebooks):
    variants = "VARIANTS:\n  small: {IMAGE_SIZE: 32}\n  plain: {}\n"
    text = f"{variants}NOTEBOOKS: [01_preprocess, 03]\nIMAGE_SIZE: 64\n"
    write(root / "notebooks/profiles/both.yaml", text)
    assert study.main(["both"], root) == 0
    assert notebooks.ran == ["01_preprocess", "03_cnn"] * 2
    for name, size in (("small", 32), ("plain", 64)):
        assert read_run(root, f"both-{name}")["parameters"]["IMAGE_SIZE"] == size


def test_a_report_is_built_again_when_the_reference_study_changes(root, again, capsys):
    again()
    write(root / "results/flickr8k/run.json")
    assert again() == ["09"] and again() == []
    write(root / "results/flickr8k/run.json", '{"study": "flickr8k"}')
    assert study.main(["quick", "--list"], root) == 0
    assert capsys.readouterr().out.endswith("09_report: files changed: flickr8k\n")
