"""The runner: what it refuses, what it runs, what it skips, and how it goes on after a kill.

The studies here are three tiny notebooks in a temporary project; most tests replace papermill.
"""

import io
import json
import os
import random
import signal
import subprocess
import sys
import time
import types
import zipfile
from pathlib import Path

import nbformat
import pytest

from lib import files
from lib.study import run as study
from lib.study import series, steps

REPOSITORY = Path(__file__).resolve().parents[2]
PARAMETERS = """\
STUDY: str = "tiny"  # where results go
SOURCE: Optional[str] = None
IMAGE_SIZE: int = 64  # pixels
LEARNING_RATE: float = 1e-3
"""
WRITE = "folder = Path('results') / STUDY\nfolder.mkdir(parents=True, exist_ok=True)\n"
PREPROCESS = """\
import json, os, sys
from pathlib import Path
Path("store").mkdir(exist_ok=True)
Path("store/dataset.json").write_text(json.dumps({"fingerprint": "f"}))
facts = [sys.executable, os.getcwd(), os.environ["PYTHONHASHSEED"], IMAGE_SIZE, LEARNING_RATE]
data = {"folder": "store", "fingerprint": "f", "facts": facts}
"""
NETWORK = """\
import zipfile
(folder / "cnn").mkdir(exist_ok=True)
with zipfile.ZipFile(folder / "cnn/model.keras", "w") as network:
    network.writestr("config.json", str(IMAGE_SIZE))
"""
SCRIPT = """\
import signal, sys
from pathlib import Path
sys.path.insert(0, {repository!r})
signal.signal(signal.SIGINT, signal.default_int_handler)
from lib.study import run, steps
steps.STEPS = tuple(step for step in steps.STEPS if step.name in {names!r})
sys.exit(run.main(sys.argv[1:], Path({root!r})))
"""
NAMES = ("01_preprocess", "03_cnn", "08_colorize")
CODE = {
    "01_preprocess": [PREPROCESS, WRITE + "(folder / 'data.json').write_text(json.dumps(data))"],
    "03_cnn": ["from pathlib import Path\nfrom lib import models", WRITE + NETWORK],
    "08_colorize": ["from pathlib import Path", WRITE + "(folder / 'colorized').mkdir()"],
}
SLOW = [
    "import time\nfrom pathlib import Path",
    "Path('begun').touch()\nwhile not Path('go').exists():\n    time.sleep(0.1)",
    CODE["03_cnn"][1],
]


def write_notebook(root, name, code, parameters=PARAMETERS):
    cells = [nbformat.v4.new_code_cell("from typing import Optional")]
    cells.append(nbformat.v4.new_code_cell(parameters, metadata={"tags": ["parameters"]}))
    cells += [nbformat.v4.new_code_cell(source) for source in code]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook = nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})
    nbformat.write(notebook, root / "notebooks" / f"{name}.ipynb")


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A project of three notebooks, of which the second imports lib.models -> lib.lab."""
    root = tmp_path / "project {x}"
    (root / "notebooks/profiles").mkdir(parents=True)
    (root / "lib").mkdir()
    for name, code in CODE.items():
        write_notebook(root, name, code)
    (root / "notebooks/profiles/quick.yaml").write_text("STUDY: quick\nIMAGE_SIZE: 32\n")
    (root / "lib/__init__.py").write_text("")
    (root / "lib/models.py").write_text("from lib.lab import L\n")
    for name in ("lab", "other"):
        (root / f"lib/{name}.py").write_text("L = 1\n")
    kept = [step for step in steps.STEPS if step.name in NAMES]
    kept[2] = steps.Step("08_colorize", ("03_cnn",), ("colorized",), ("figures/grid-*.png",))
    monkeypatch.setattr(steps, "STEPS", tuple(kept))
    monkeypatch.setattr(files, "LIB", root / "lib")
    return root


def write(path, text="{}"):
    """Write a whole file of its kind, with the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".keras":
        with zipfile.ZipFile(path, "w") as network:
            network.writestr("config.json", text)
    elif path.suffix == ".png":
        path.write_bytes(b"\x89PNG IEND\xaeB`\x82")
    else:
        path.write_text(text)


@pytest.fixture
def ran(monkeypatch):
    """Replace papermill by code that writes a step's results; gives the names of what ran."""
    names = []

    def execute(name, values, copy, progress):
        names.append(name)
        step, folder = steps.find_step(name), Path("results") / values["STUDY"]
        data = '{"folder": "store", "fingerprint": "f"}'
        for path in (Path(copy), *(folder / output for output in step.outputs)):
            write(path, data)
        for training in step.trains:
            write(folder / training / "checkpoint.json", '{"finished": true}')
            if not (folder / training / "model.keras").is_file():
                write(folder / training / "model.keras")
        write(Path("store/dataset.json"), '{"fingerprint": "f"}')

    monkeypatch.setattr(study, "_execute", execute)
    return names


def again(root, ran, *settings, **options):
    """Run the study; gives the numbers of the steps that ran."""
    ran.clear()
    for one, repeats in series.expand("quick", settings, root):
        study.run(one, repeats=repeats, out=io.StringIO(), **options)
    return [name[:2] for name in ran]


def read_run(root, name="quick"):
    return json.loads((root / f"results/{name}/run.json").read_text())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["quick", "--set", "IMAGE_SIZ=3"], ["unknown parameter IMAGE_SIZ:", "is IMAGE_SIZE"]),
        (["quick", "--set", "IMAGE_SIZE=big"], ["IMAGE_SIZE: expected", "32 to 256", "got 'big'"]),
        (["quick", "--set", "SOURCE=no.zip"], ["SOURCE: expected a file or folder", "'no.zip'"]),
        (["quick", "--set", "STUDY=" + "x" * 300], ["STUDY: expected 1 to 100 letters"]),
        (["quick", "--set", "SEEDS=3"], ["SEEDS: expected a list of whole numbers"]),
        (["quick", "--set", "SEEDS=0"], ["SEEDS: expected a list of whole numbers"]),
        (["quick", "--set", "SEEDS=[1, a]"], ["SEEDS: expected a list of whole numbers"]),
        (["quick", "--set", "SEEDS=[1, 1]"], ["SEEDS: expected each seed once"]),
        (["quick", "--set", "NOTEBOOKS=3"], ["NOTEBOOKS: expected a list"]),
        (["quick", "--set", "VARIANTS=[a]"], ["VARIANTS: expected name: {NAME: value}"]),
        (["bad"], ["unknown parameter LEARNING_RAT:"]),
        (["quik"], ["no profile quik", "is quick"]),
        (["quick", "--only", "cn"], ["no notebook cn", "is 03_cnn"]),
        (["quick", "--from", "03"], ["03_cnn needs 01_preprocess, which has not finished"]),
        (["quick", "--from", "03", "--only", "03"], ["not allowed with"]),
        (["quick", "--fast"], ["unrecognized arguments: --fast"]),
        ([], ["expected the name of a profile"]),
        (["report", "quik"], ["no study quik"]),
        (["report"], ["expected the name of a study"]),
        (["release", "quik"], ["no study quik"]),
    ],
)
def test_a_wrong_argument_is_one_line_and_exit_2(root, capsys, arguments, words):
    (root / "notebooks/profiles/bad.yaml").write_text("LEARNING_RAT: 1.0\n")
    assert study.main(arguments, root) == 2
    written = capsys.readouterr()
    assert written.out == ""
    assert written.err.count("\n") == 1
    assert all(word in written.err for word in words), written.err
    assert not (root / "results").exists()


def test_bad_places_are_one_line_and_exit_2(root, capsys, monkeypatch):
    (root / "results").write_text("a file, not a folder")
    assert study.main(["quick"], root) == 2
    assert capsys.readouterr().err.startswith("error: [Errno 20] Not a directory")
    (root / "results").unlink()
    monkeypatch.setattr(Path, "home", lambda: (_ for _ in ()).throw(RuntimeError("no home")))
    assert study.main(["quick"], root) == 2
    assert "HOME is not set" in capsys.readouterr().err


def test_a_finished_step_is_skipped(root, ran):
    assert again(root, ran) == ["01", "03", "08"]
    before = (root / "results/quick/run.json").read_bytes()
    assert again(root, ran) == []
    assert (root / "results/quick/run.json").read_bytes() == before
    assert again(root, ran, force=True) == ["01", "03", "08"]
    assert again(root, ran, "STUDY=other") == ["01", "03", "08"]


def test_a_step_runs_again_when_its_parameters_code_or_inputs_change(root, ran):
    again(root, ran)
    assert again(root, ran, "IMAGE_SIZE=48") == ["01", "03", "08"]
    assert again(root, ran) == ["01", "03", "08"]

    (root / "lib/lab.py").write_text('"""Words."""\n# more words\nL = (\n    1\n)\n')
    (root / "lib/other.py").write_text("L = 2\n")
    write_notebook(root, "03_cnn", [source + "  # words" for source in CODE["03_cnn"]])
    assert again(root, ran) == []
    (root / "lib/lab.py").write_text("L = 2\n")
    assert again(root, ran) == ["03", "08"]
    write_notebook(root, "08_colorize", [*CODE["08_colorize"], "1 + 1"])
    assert again(root, ran) == ["08"]


def test_a_step_runs_again_when_its_source_or_an_output_changes(root, ran):
    photos = root / "photos"
    photos.mkdir()
    again(root, ran, "SOURCE=photos")
    assert again(root, ran, "SOURCE=photos") == []
    (photos / "1.jpg").write_text("1")
    assert again(root, ran, "SOURCE=photos") == ["01", "03", "08"]
    (root / "results/quick/cnn/model.keras").unlink()
    assert again(root, ran, "SOURCE=photos") == ["03"]
    network = root / "results/quick/cnn/model.keras"
    network.write_bytes(network.read_bytes()[:-9])
    assert again(root, ran, "SOURCE=photos") == ["03"]
    (root / "store/dataset.json").write_text('{"fingerprint": "another"}')
    assert again(root, ran, "SOURCE=photos") == ["01"]


def test_a_parameter_of_one_notebook_is_nothing_to_the_others(root, ran):
    write_notebook(root, "08_colorize", CODE["08_colorize"], 'STUDY: str = ""\nSKIPS: bool = True')
    again(root, ran)
    assert again(root, ran, "SKIPS=false") == ["08"]
    assert again(root, ran, "IMAGE_SIZE=48", only="01") == ["01"]


def test_from_and_only_leave_the_other_steps_alone(root, ran, capsys):
    again(root, ran)
    assert again(root, ran, only="cnn") == ["03"]
    assert again(root, ran, start="03_cnn") == []
    assert again(root, ran, start="03", force=True) == ["03", "08"]
    for which in (["--from", "03"], ["--only", "08"]):  # what 08 needs needs 01
        assert study.main(["quick", "--set", "IMAGE_SIZE=48", *which], root) == 2
        words = "ran with IMAGE_SIZE=32, not 48: give that, or run it again"
        assert words in capsys.readouterr().err


def test_list_says_why_and_runs_nothing(root, ran, capsys):
    again(root, ran)
    (root / "lib/lab.py").write_text("L = 2\n")
    assert study.main(["quick", "--list"], root) == 0
    assert capsys.readouterr().out.splitlines() == [
        "01_preprocess: up to date",
        "03_cnn: code changed: lib/lab.py",
        "08_colorize: inputs changed: 03_cnn",
    ]
    study.main(["quick", "--list", "--only", "03"], root)
    assert "01_preprocess: left alone; up to date" in capsys.readouterr().out
    assert len(ran) == 3


def test_run_json_says_how_the_results_were_made(root, ran):
    again(root, ran, "LEARNING_RATE=1e-4")
    run = read_run(root)
    assert run["study"] == run["profile"] == "quick"
    values = {"STUDY": "quick", "SOURCE": None, "IMAGE_SIZE": 32, "LEARNING_RATE": 1e-4}
    assert run["parameters"] == values
    assert run["versions"].keys() >= {"python", "backend", "tensorflow", "keras", "numpy"}
    assert run["hardware"].keys() == {"cpu", "cores", "memory_gb", "gpus"}
    assert run["git"] is None and run["seed"] is None
    assert run["data"] == {"folder": "store", "fingerprint": "f"}
    assert run["steps"].keys() == set(NAMES) and run["begun"] == {}
    assert run["seconds"] == pytest.approx(sum(s["seconds"] for s in run["steps"].values()))
    assert not list((root / "results/quick").glob("*.part"))


def test_a_step_that_leaves_no_outputs_has_failed(root, ran, capsys, monkeypatch):
    monkeypatch.setattr(study, "_execute", lambda *_: None)
    assert study.main(["quick"], root) == 1
    assert "01_preprocess came to its end, but notebooks/01" in capsys.readouterr().err


def test_papermill_runs_notebooks_in_the_root_with_this_python(root, capsys):
    arguments = ["quick", "--set", "LEARNING_RATE=1e-4", "--only", "01"]
    assert study.main(arguments, root) == 0
    assert "[1/1] 01_preprocess ... " in capsys.readouterr().out
    data = json.loads((root / "results/quick/data.json").read_text())
    assert data["facts"] == [sys.executable, str(root), "0", 32, 1e-4]
    notebook = nbformat.read(root / "results/quick/notebooks/01_preprocess.ipynb", 4)
    injected = [c for c in notebook.cells if "injected-parameters" in c.metadata.get("tags", [])]
    assert "IMAGE_SIZE = 32" in injected[0].source
    assert str(root) not in json.dumps(notebook.metadata)


def test_a_failed_notebook_is_named_with_its_own_error(root, capsys):
    code = ["x = 1", "raise ValueError('the photos are upside down')"]
    write_notebook(root, "01_preprocess", code)
    assert study.main(["quick"], root) == 1
    written = capsys.readouterr()
    assert "[1/3] 01_preprocess ... stopped after" in written.out
    assert "03_cnn" not in written.out
    assert written.err.splitlines() == [
        "01_preprocess failed in cell In [5]: ValueError: the photos are upside down",
        "The notebook up to there: results/quick/notebooks/01_preprocess.ipynb",
    ]
    assert (root / "results/quick/notebooks/01_preprocess.ipynb").is_file()
    assert read_run(root)["steps"] == {}


# A result is what its step made, and nothing else.


def test_tables_and_pictures_of_a_former_run_are_gone_when_a_step_starts_anew(root, ran):
    again(root, ran)
    old = [root / "results/quick/colorized", root / "results/quick/figures/grid-1.png"]
    write(old[0].with_name("kept.txt"))
    write(old[1])
    assert again(root, ran) == [] and old[1].exists()
    write_notebook(root, "08_colorize", [*CODE["08_colorize"], "1 + 1"])
    assert again(root, ran) == ["08"]
    assert old[0].exists() and not old[1].exists()
    assert (root / "results/quick/kept.txt").is_file()


def test_a_training_that_was_not_opened_is_gone_when_its_step_has_ended(root, ran, monkeypatch):
    step = steps.Step("03_cnn", ("01_preprocess",), trains=("cnn",), may_train=("big", "critic"))
    monkeypatch.setattr(steps, "STEPS", (steps.STEPS[0], step, steps.STEPS[2]))
    again(root, ran)
    folder = root / "results/quick"
    for name in ("big", "critic/cycle1", "critic/cycle2"):
        write(folder / name / "checkpoint.json", '{"finished": true}')
        write(folder / name / "model.keras")
    execute = study._execute

    def open_one(name, *rest):
        execute(name, *rest)
        if name == "03_cnn":
            assert (folder / "big/model.keras").is_file()  # while the step runs
            (folder / "critic/cycle1/checkpoint.json").touch()

    time.sleep(0.02)  # the clock of a disk is coarse
    monkeypatch.setattr(study, "_execute", open_one)
    assert again(root, ran, only="03") == ["03"]
    assert not (folder / "big").exists() and not (folder / "critic/cycle2").exists()
    assert (folder / "critic/cycle1").is_dir() and (folder / "cnn").is_dir()


def test_force_trains_again(root, ran):
    again(root, ran)
    network = root / "results/quick/cnn/model.keras"
    before = network.stat().st_mtime_ns
    assert again(root, ran, only="03") == ["03"] and network.stat().st_mtime_ns == before
    time.sleep(0.02)
    assert again(root, ran, only="03", force=True) == ["03"]
    assert network.stat().st_mtime_ns > before


@pytest.mark.parametrize("piece", ["model.keras", "critic.keras", "looks/000002.png"])
@pytest.mark.parametrize("cut", [True, False])
def test_a_finished_training_that_is_not_whole_is_made_again(root, ran, piece, cut):
    again(root, ran)
    folder = root / "results/quick/cnn"
    for name in ("critic.keras", "looks/000000.png", "looks/000002.png"):
        write(folder / name)
    write(folder / "nogan.csv", "step,rmse_ab\n0,1.0\n2,1.0\n")
    assert again(root, ran) == []
    (folder / piece).write_bytes((folder / piece).read_bytes()[:-3]) if cut else (
        folder / piece
    ).unlink()
    assert again(root, ran) == ["03"]
    assert not (folder / "nogan.csv").exists()  # its folder was made anew
    assert again(root, ran) == []


def test_seconds_are_those_of_all_goes(root, ran, monkeypatch):
    again(root, ran)
    path, now = root / "results/quick/run.json", time.time()
    record = read_run(root)
    record["steps"]["03_cnn"]["seconds"] = 100.0
    path.write_text(json.dumps(record))
    again(root, ran, only="03")  # its training was taken up
    assert read_run(root)["steps"]["03_cnn"]["seconds"] == pytest.approx(100, abs=1)
    again(root, ran, only="03", force=True)
    assert read_run(root)["steps"]["03_cnn"]["seconds"] == pytest.approx(0, abs=1)

    done = read_run(root)["steps"].pop("03_cnn")  # killed 1,000 s ago, 40 s after it wrote a file
    begun = {"fingerprint": done["fingerprint"], "first": now - 2000, "began": now - 1040}
    begun |= {"former": 500, "spent": 7}
    record = read_run(root) | {"begun": {"03_cnn": begun}}
    del record["steps"]["03_cnn"]
    path.write_text(json.dumps(record))
    for file in (root / "results/quick").rglob("*"):
        os.utime(file, (now - 1000, now - 1000))
    assert again(root, ran) == ["03"]
    assert read_run(root)["steps"]["03_cnn"]["seconds"] == pytest.approx(47, abs=1)


def test_what_a_killed_step_has_done_is_kept_at_the_same_settings_only(root, ran, monkeypatch):
    execute, folder = study._execute, root / "results/quick"

    def killed(name, values, copy, progress):
        if name == "08_colorize":
            write(folder / "figures/grid-1.png")
            raise KeyboardInterrupt
        execute(name, values, copy, progress)

    for settings, kept in ([(), True], [("LEARNING_RATE=0.1",), False]):
        monkeypatch.setattr(study, "_execute", killed)
        with pytest.raises(KeyboardInterrupt):
            again(root, ran, only=None if kept else "08")
        monkeypatch.setattr(study, "_execute", execute)
        again(root, ran, *settings)
        assert (folder / "figures/grid-1.png").exists() == kept


def test_a_published_study_is_written_to_with_replace_only(root, ran, capsys):
    again(root, ran)
    write(root / "results/quick/README.md", "# Published\n")
    before = (root / "results/quick/run.json").read_bytes()
    assert study.main(["quick", "--force"], root) == 2
    assert "results/quick is a published study: give another STUDY, or" in capsys.readouterr().err
    assert (root / "results/quick/run.json").read_bytes() == before
    assert study.main(["quick", "--list"], root) == 0
    assert study.main(["quick", "--force", "--replace"], root) == 0


def test_seeds_do_not_survive_a_run_without_them(root, ran):
    again(root, ran)
    folder = root / "results/quick"
    write(folder / "seeds.csv", "model\n")
    files.write_json(folder / "run.json", read_run(root) | {"seeds": [0, 1]})
    assert again(root, ran) == []
    assert not (folder / "seeds.csv").exists() and "seeds" not in read_run(root)


# Kills.


def wait_for(path):
    end = time.monotonic() + 60
    while not path.exists() and time.monotonic() < end:
        time.sleep(0.1)


def command_of(root, names):
    script = SCRIPT.format(repository=str(REPOSITORY), names=names, root=str(root))
    return [sys.executable, "-c", script, "quick"]


def test_a_killed_run_goes_on_where_it_was(root):
    """Also: a second run of a study in use is refused, and Ctrl-C ends a run in one line."""
    write_notebook(root, "03_cnn", SLOW)
    command = command_of(root, NAMES[:2])
    for stop, status in ((signal.SIGKILL, -signal.SIGKILL), (signal.SIGINT, 130)):
        (root / "begun").unlink(missing_ok=True)
        first = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        wait_for(root / "begun")
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


@pytest.mark.slow
def test_kills_at_random_moments_end_in_the_same_results(root):
    (root / "notebooks/profiles/quick.yaml").write_text("IMAGE_SIZE: 48\n")
    command, chance = command_of(root, NAMES[:2]), random.Random(0)
    for _ in range(6):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(chance.uniform(0.2, 6))
        process.kill()
        process.wait()
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert read_run(root)["steps"].keys() == set(NAMES[:2]) and read_run(root)["begun"] == {}
    with zipfile.ZipFile(root / "results/quick/cnn/model.keras") as network:
        assert network.read("config.json") == b"48"
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.stdout.count("is up to date") == 2


# Reports, releases, series.


def test_one_name_builds_that_report_and_several_the_comparison(root, ran, capsys, monkeypatch):
    class Report:
        comparison = types.SimpleNamespace(build=lambda folders: [f.name for f in folders])

        @staticmethod
        def build(folder):
            if folder.name == "bad":
                raise FileNotFoundError("no metrics.csv")
            return folder / "report.html"

    Report.comparison = types.SimpleNamespace(build=lambda folders: [f.name for f in folders])
    for name in ("quick", "bad", "other"):
        again(root, ran, f"STUDY={name}")
    monkeypatch.setitem(sys.modules, "lib.report", Report)
    monkeypatch.setattr("lib.report", Report, raising=False)
    assert study.main(["report", "quick"], root) == 0
    assert capsys.readouterr().out.strip() == str(root / "results/quick/report.html")
    assert study.main(["report", "bad"], root) == 2
    assert capsys.readouterr().err == "error: report bad: no metrics.csv\n"
    assert study.main(["report", "quick", "other"], root) == 0
    assert capsys.readouterr().out == "['quick', 'other']\n"


def test_every_trained_network_of_a_study_is_released(root, ran, capsys, monkeypatch):
    again(root, ran)
    released = []
    writer = types.SimpleNamespace(write=released.append)
    monkeypatch.setitem(sys.modules, "lib.colorize.released", writer)
    assert study.main(["release", "quick"], root) == 0
    assert released == [root / "results/quick/cnn"]
    assert capsys.readouterr().out == "released: results/quick/cnn\n"
    (released[0] / "model.keras").unlink()
    assert study.main(["release", "quick"], root) == 2
    assert "no trained network in results/quick" in capsys.readouterr().err


def test_a_record_of_a_notebook_that_is_gone_is_dropped(root, ran):
    again(root, ran)
    record = read_run(root)
    record["steps"]["02_old"] = record["steps"]["01_preprocess"]
    files.write_json(root / "results/quick/run.json", record)
    again(root, ran, only="cnn")
    assert list(read_run(root)["steps"]) == ["01_preprocess", "03_cnn", "08_colorize"]


def test_other_seeds_are_studies_of_their_own_and_come_first(root, ran, monkeypatch):
    write_notebook(root, "03_cnn", CODE["03_cnn"], PARAMETERS + "SEED: int = 0\n")
    written = []
    monkeypatch.setattr(series, "write_seeds", lambda *what: written.append(what))
    assert study.main(["quick", "--set", "SEEDS=[4, 5, 7]"], root) == 0
    assert ran == ["01_preprocess", "03_cnn"] * 3 + ["08_colorize"]
    assert written == [(root / "results/quick", ["quick-seed5", "quick-seed7"])]
    for name, seed in [("quick", 4), ("quick-seed5", 5), ("quick-seed7", 7)]:
        record = read_run(root, name)
        assert (record["seed"], record["parameters"]["SEED"]) == (seed, seed)
    ran.clear()
    assert study.main(["quick", "--set", "SEEDS=[4, 5, 7]"], root) == 0
    assert ran == []


def test_each_variant_of_a_profile_is_a_study_of_its_own(root, ran, capsys):
    variants = "VARIANTS:\n  small: {IMAGE_SIZE: 32}\n  plain: {}\n"
    text = f"{variants}NOTEBOOKS: [01_preprocess, 03]\nIMAGE_SIZE: 64\n"
    (root / "notebooks/profiles/both.yaml").write_text(text)
    assert study.main(["both"], root) == 0
    assert ran == ["01_preprocess", "03_cnn"] * 2
    sizes = [
        read_run(root, f"both-{name}")["parameters"]["IMAGE_SIZE"] for name in ("small", "plain")
    ]
    assert sizes == [32, 64]
    (root / "notebooks/profiles/both.yaml").write_text("VARIANTS: {a: {IMAGE_SIZ: 1}}\n")
    assert study.main(["both"], root) == 2
    assert "the nearest known one is IMAGE_SIZE" in capsys.readouterr().err


def test_a_report_is_built_again_when_the_reference_study_changes(root, ran, capsys, monkeypatch):
    for name in ("03_cnn", "08_colorize"):
        (root / f"notebooks/{name}.ipynb").rename(root / f"notebooks/09_{name}.ipynb")
    write_notebook(root, "09_report", ["1"])
    report = steps.Step("09_report", ("01_preprocess",), ("report.html",))
    monkeypatch.setattr(steps, "STEPS", (steps.STEPS[0], report))
    again(root, ran)
    reference = root / "results/flickr8k/run.json"
    write(reference)
    assert again(root, ran) == ["09"] and again(root, ran) == []
    write(reference, '{"study": "flickr8k"}')
    assert study.main(["quick", "--list"], root) == 0
    assert capsys.readouterr().out.endswith("09_report: files changed: reference\n")
