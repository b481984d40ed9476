"""The runner: what it refuses, what it runs, what it skips, and how it goes on after a kill.

The studies here are three tiny notebooks in a temporary project; most tests replace papermill.
"""

import io
import json
import signal
import subprocess
import sys
import time
import types
from pathlib import Path

import nbformat
import pytest

from lib.report import reference
from lib.study import run as study
from lib.study import steps

REPOSITORY = Path(__file__).resolve().parents[2]
PARAMETERS = """\
STUDY: str = "tiny"  # where results go
SOURCE: str | None = None
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
SCRIPT = """\
import signal, sys
from pathlib import Path
sys.path.insert(0, {repository!r})
signal.signal(signal.SIGINT, signal.default_int_handler)
from lib import reference, steps, study
steps.STEPS = tuple(step for step in steps.STEPS if step.name in {names!r})
sys.exit(study.main(sys.argv[1:], Path({root!r})))
"""
NAMES = ("01_preprocess", "03_cnn", "08_colorize")
CODE = {
    "01_preprocess": [PREPROCESS, WRITE + "(folder / 'data.json').write_text(json.dumps(data))"],
    "03_cnn": [
        "from pathlib import Path\nfrom lib import models",
        WRITE + "(folder / 'cnn').mkdir(exist_ok=True)\n(folder / 'cnn/model.keras').touch()",
    ],
    "08_colorize": ["from pathlib import Path", WRITE + "(folder / 'colorized').mkdir()"],
}
SLOW = [
    "import time\nfrom pathlib import Path",
    "Path('begun').touch()\nwhile not Path('go').exists():\n    time.sleep(0.1)",
    CODE["03_cnn"][1],
]


def write_notebook(root, name, code, parameters=PARAMETERS):
    cells = [nbformat.v4.new_code_cell("SETUP = 1"), nbformat.v4.new_markdown_cell("Words.")]
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
    (root / "lib/models.py").write_text("from .lab import L\n")
    for name in ("lab", "other"):
        (root / f"lib/{name}.py").write_text("L = 1\n")
    kept = [step for step in steps.STEPS if step.name in NAMES]
    kept[2] = steps.Step("08_colorize", ("03_cnn",), ("colorized",))
    monkeypatch.setattr(steps, "STEPS", tuple(kept))
    return root


@pytest.fixture
def ran(monkeypatch):
    """Replace papermill by code that writes a step's outputs; gives the names of what ran."""
    names = []

    def execute(name, values, copy, progress):
        names.append(name)
        outputs = next(step.outputs for step in steps.STEPS if step.name == name)
        for path in (Path(copy), *(Path("results") / values["STUDY"] / file for file in outputs)):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text('{"folder": "store", "fingerprint": "f"}')
        Path("store").mkdir(exist_ok=True)
        Path("store/dataset.json").write_text('{"fingerprint": "f"}')

    monkeypatch.setattr(study, "_execute", execute)
    return names


def again(root, ran, *settings, **options):
    """Run the study; gives the numbers of the steps that ran."""
    ran.clear()
    study.run("quick", settings, root=root, out=io.StringIO(), **options)
    return [name[:2] for name in ran]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["quick", "--set", "IMAGE_SIZ=3"], ["unknown parameter IMAGE_SIZ:", "is IMAGE_SIZE"]),
        (["--set", "IMAGE_SIZE=big", "quick"], ["IMAGE_SIZE: expected int, got str 'big'"]),
        (["quick", "--set", "IMAGE_SIZE=3", "SOURCE=no.zip"], ["SOURCE: no file", "'no.zip'"]),
        (["bad"], ["LEARNING_RATE: expected float, got str '1e-4'; write 1.0e-4"]),
        (["quik"], ["no profile quik", "is quick"]),
        (["quick", "--only", "cn"], ["no notebook cn", "is 03_cnn"]),
        (["quick", "--from", "03"], ["03_cnn needs 01_preprocess, which has not finished"]),
        (["quick", "--from", "03", "--only", "03"], ["not allowed with"]),
        (["quick", "--fast"], ["unrecognized arguments: --fast"]),
        ([], ["expected the name of a profile"]),
        (["report", "quik"], ["no study quik"]),
        (["report"], ["expected the name of a study"]),
    ],
)
def test_a_wrong_argument_is_one_line_and_exit_2(root, capsys, arguments, words):
    (root / "notebooks/profiles/bad.yaml").write_text("LEARNING_RATE: 1e-4\n")
    assert study.main(arguments, root) == 2
    written = capsys.readouterr()
    assert written.out == ""
    assert written.err.count("\n") == 1
    assert all(word in written.err for word in words), written.err
    assert not (root / "results").exists()


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
    (root / "store/dataset.json").write_text('{"fingerprint": "another"}')
    assert again(root, ran, "SOURCE=photos") == ["01"]


def test_a_parameter_of_one_notebook_is_nothing_to_the_others(root, ran):
    write_notebook(root, "08_colorize", CODE["08_colorize"], 'STUDY: str = ""\nFACTOR: int = 3')
    again(root, ran)
    assert again(root, ran, "FACTOR=4") == ["08"]
    assert again(root, ran, "IMAGE_SIZE=48", only="01") == ["01"]


def test_from_and_only_leave_the_other_steps_alone(root, ran):
    again(root, ran)
    assert again(root, ran, only="cnn") == ["03"]
    assert again(root, ran, start="03_cnn") == []
    assert again(root, ran, start="03", force=True) == ["03", "08"]
    assert again(root, ran, "IMAGE_SIZE=48", start="03") == ["03", "08"]
    # 03 was made from what 01 had left at 32 pixels: now that 01 changes, it has to run again.
    assert again(root, ran, "IMAGE_SIZE=48") == ["01", "03", "08"]


def test_list_says_why_and_runs_nothing(root, ran, capsys):
    again(root, ran)
    (root / "lib/lab.py").write_text("L = 2\n")
    assert study.main(["quick", "--list"], root) == 0
    assert capsys.readouterr().out.splitlines() == [
        "01_preprocess: up to date",
        "03_cnn: code changed: lib/lab.py",
        "08_colorize: inputs changed: 03_cnn",
    ]
    study.main(["quick", "--list", "--set", "IMAGE_SIZE=48", "--from", "03"], root)
    out = capsys.readouterr().out
    assert "01_preprocess: left alone; parameters changed: IMAGE_SIZE 32 -> 48" in out
    assert len(ran) == 3


def test_run_json_says_how_the_results_were_made(root, ran):
    again(root, ran, "LEARNING_RATE=1e-4")
    run = json.loads((root / "results/quick/run.json").read_text())
    assert run["study"] == run["profile"] == "quick"
    values = {"STUDY": "quick", "SOURCE": None, "IMAGE_SIZE": 32, "LEARNING_RATE": 1e-4}
    assert run["parameters"] == values
    assert run["versions"].keys() >= {"python", "backend", "tensorflow", "keras", "numpy"}
    assert run["hardware"].keys() == {"cpu", "cores", "memory_gb", "gpus"}
    assert run["git"] is None and run["seed"] is None
    assert run["data"] == {"folder": "store", "fingerprint": "f"}
    assert run["steps"].keys() == set(NAMES)
    assert run["seconds"] == pytest.approx(sum(s["seconds"] for s in run["steps"].values()))
    assert not list((root / "results/quick").glob("*.part"))


def test_a_step_that_leaves_no_outputs_has_failed(root, ran, capsys, monkeypatch):
    monkeypatch.setattr(study, "_execute", lambda *_: None)
    assert study.main(["quick"], root) == 1
    assert "01_preprocess came to its end, but notebooks/01" in capsys.readouterr().err


def test_papermill_runs_notebooks_in_the_root_with_this_python(root, capsys):
    study.run("quick", ["LEARNING_RATE=1e-4"], only="01", root=root)
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
    assert json.loads((root / "results/quick/run.json").read_text())["steps"] == {}


def wait_for(path):
    end = time.monotonic() + 60
    while not path.exists() and time.monotonic() < end:
        time.sleep(0.1)


def test_a_killed_run_goes_on_where_it_was(root):
    """Also: a second run of a study in use is refused, and Ctrl-C ends a run in one line."""
    write_notebook(root, "03_cnn", SLOW)
    script = SCRIPT.format(repository=str(REPOSITORY), names=NAMES[:2], root=str(root))
    command = [sys.executable, "-c", script, "quick"]
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


def test_the_report_of_one_study_is_built_or_of_several_only_the_comparison(
    root, ran, capsys, monkeypatch
):
    class Report:
        comparison = types.SimpleNamespace(build=lambda folders: [f.name for f in folders])

        @staticmethod
        def build(folder):
            if folder.name == "bad":
                raise FileNotFoundError("no metrics.csv")
            return folder / "report.html"

    again(root, ran)
    again(root, ran, "STUDY=bad")
    monkeypatch.setitem(sys.modules, "lib.report", Report)
    monkeypatch.setattr("lib.report", Report, raising=False)
    assert study.main(["report", "quick"], root) == 0
    assert capsys.readouterr().out.strip() == str(root / "results/quick/report.html")
    assert study.main(["report", "bad"], root) == 2
    assert capsys.readouterr().err == "error: report bad: no metrics.csv\n"
    again(root, ran, "STUDY=other")
    assert study.main(["report", "quick", "other"], root) == 0
    assert capsys.readouterr().out == "['quick', 'other']\n"


def test_a_record_of_a_notebook_that_is_gone_is_dropped(root, ran):
    again(root, ran)
    path = root / "results/quick/run.json"
    record = json.loads(path.read_text())
    record["steps"]["02_old"] = record["steps"]["01_preprocess"]
    path.write_text(json.dumps(record))
    again(root, ran, only="cnn")
    assert list(json.loads(path.read_text())["steps"]) == ["01_preprocess", "03_cnn", "08_colorize"]


def test_other_seeds_are_studies_of_their_own_and_come_first(root, ran, monkeypatch):
    write_notebook(root, "03_cnn", CODE["03_cnn"], PARAMETERS + "SEED: int = 0\n")
    written = []
    monkeypatch.setattr(study.series, "write_seeds", lambda *what: written.append(what))
    assert study.main(["quick", "--set", "SEEDS=[4, 5, 7]"], root) == 0
    assert ran == ["01_preprocess", "03_cnn"] * 3 + ["08_colorize"]
    assert written == [(root / "results/quick", ["quick-seed5", "quick-seed7"])]
    for name, seed in [("quick", 4), ("quick-seed5", 5), ("quick-seed7", 7)]:
        record = json.loads((root / f"results/{name}/run.json").read_text())
        assert (record["seed"], record["parameters"]["SEED"]) == (seed, seed)
    ran.clear()
    assert study.main(["quick", "--set", "SEEDS=[4, 5, 7]"], root) == 0
    assert ran == []


@pytest.mark.parametrize(
    ("seeds", "words"), [("3", "a list of whole"), ("[1, a]", "a list"), ("[1, 1]", "each once")]
)
def test_wrong_seeds_are_refused(root, capsys, seeds, words):
    assert study.main(["quick", "--set", f"SEEDS={seeds}"], root) == 2
    assert f"SEEDS: expected {words}" in capsys.readouterr().err


def test_several_machines_only_train_together(root, ran, capsys, monkeypatch):
    again(root, ran)
    before = (root / "results/quick/run.json").read_text()
    cluster = {"worker": ["a:1", "b:1"]}
    for number in range(2):
        config = {"cluster": cluster, "task": {"type": "worker", "index": number}}
        monkeypatch.setenv("TF_CONFIG", json.dumps(config))
        assert study.main(["quick"], root) == 2
        assert "TF_CONFIG names 2 machines: give --only with one of 03," in capsys.readouterr().err
        assert study.main(["quick", "--only", "01"], root) == 2
    ran.clear()
    assert study.main(["quick", "--only", "03"], root) == 0  # as the second machine
    assert ran == ["03_cnn"]
    assert (root / "results/quick/notebooks/machine-1/03_cnn.ipynb").is_file()
    assert (root / "results/quick/run.json").read_text() == before
    monkeypatch.setenv("TF_CONFIG", "two")
    assert study.main(["quick", "--only", "03"], root) == 2
    assert "TF_CONFIG: expected" in capsys.readouterr().err


def test_each_variant_of_a_profile_is_a_study_of_its_own(root, ran, capsys):
    variants = "VARIANTS:\n  small: {IMAGE_SIZE: 16}\n  plain: {}\n"
    text = f"{variants}NOTEBOOKS: [01_preprocess, 03]\nIMAGE_SIZE: 32\n"
    (root / "notebooks/profiles/both.yaml").write_text(text)
    assert study.main(["both"], root) == 0
    assert ran == ["01_preprocess", "03_cnn"] * 2
    sizes = [
        json.loads((root / f"results/both-{name}/run.json").read_text())["parameters"]["IMAGE_SIZE"]
        for name in ("small", "plain")
    ]
    assert sizes == [16, 32]
    assert study.main(["both", "--set", "IMAGE_SIZE=8", "--list"], root) == 0
    (root / "notebooks/profiles/both.yaml").write_text("VARIANTS: {a: {IMAGE_SIZ: 1}}\n")
    assert study.main(["both"], root) == 2
    assert "the nearest known one is IMAGE_SIZE" in capsys.readouterr().err


def test_a_report_is_built_again_when_the_reference_study_changes(root, ran, capsys, monkeypatch):
    *first, last = steps.STEPS
    report = steps.Step(last.name, last.needs, last.outputs, steps.REFERENCE)
    monkeypatch.setattr(steps, "STEPS", (*first, report))
    again(root, ran)
    table = root / "results/flickr8k/summary.csv"
    table.parent.mkdir()
    assert again(root, ran) == []  # there is none yet
    table.write_text("model\n")
    assert study.main(["quick", "--list"], root) == 0
    why = "08_colorize: files changed: results/flickr8k/summary.csv\n"
    assert capsys.readouterr().out.endswith(why)
    assert again(root, ran) == ["08"] and again(root, ran) == []
    table.write_text("model\ngan\n")
    assert again(root, ran) == ["08"]
    again(root, ran, "STUDY=flickr8k")
    table.write_text("model\n")
    assert again(root, ran, "STUDY=flickr8k") == []  # its own files are its results
    table.unlink()
    assert again(root, ran) == ["08"]


def test_the_report_is_made_from_all_that_is_read_of_the_reference_study():
    assert steps.find_step("09_report").beside == steps.REFERENCE
    names = {f"results/{reference.STUDY}/{name}" for name in reference.FILES}
    assert set(steps.REFERENCE) == names
