"""Every notebook is well formed (DESIGN's anatomy), and the whole study runs with `smoke`."""

import ast
import functools
import json
import operator
import re
import shutil
import types
import typing
from pathlib import Path
from typing import Literal, Optional, Union

import nbformat
import papermill
import pytest
import yaml

from lib.study import profiles
from lib.study import run as study
from lib.study.parameters import Generator, Parameters, expected
from lib.study.steps import STEPS

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def bare(kind):
    """A type as a parameters cell gives it: text for a Literal, no keys of a dict."""
    if typing.get_origin(kind) is Literal:
        return str
    if typing.get_origin(kind) in (Union, types.UnionType):
        return functools.reduce(operator.or_, map(bare, typing.get_args(kind)))
    return dict if kind is Generator else kind


def cells(path, kind):
    return [cell for cell in nbformat.read(path, 4).cells if cell.cell_type == kind]


def test_all_notebooks_are_there():
    assert [path.stem for path in NOTEBOOKS] == list(STEPS)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
class TestAnatomy:
    def test_is_valid_without_outputs_and_for_any_python3_kernel(self, path):
        notebook = nbformat.read(path, 4)
        nbformat.validate(notebook)
        assert notebook.metadata.kernelspec.name == "python3"
        for cell in cells(path, "code"):
            assert cell.outputs == [] and cell.execution_count is None

    def test_defines_nothing_of_its_own(self, path):
        for cell in cells(path, "code"):
            for node in ast.walk(ast.parse(cell.source)):
                assert not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)

    def test_has_one_parameters_cell_of_commented_literals(self, path):
        tagged = [c for c in cells(path, "code") if "parameters" in c.metadata.get("tags", [])]
        assert len(tagged) == 1
        for line in tagged[0].source.splitlines():
            assert re.fullmatch(r"[A-Z][A-Z0-9_]*: .+ = .+  # .+", line), line
        for node in ast.parse(tagged[0].source).body:
            ast.literal_eval(node.value)

    def test_papermill_sees_every_parameter_and_says_nothing(self, path, caplog):
        seen = papermill.inspect_notebook(path)
        assert list(seen) == list(profiles.read_notebook(path)[0])
        assert not caplog.records

    def test_types_and_ranges_are_those_that_are_checked(self, path):
        for name, parameter in papermill.inspect_notebook(path).items():
            known = {"Optional": Optional, "Union": Union}
            kind = eval(parameter["inferred_type_name"], known)
            assert kind == bare(typing.get_type_hints(Parameters)[name]), name
            words = expected(name)
            if name in ("STUDY", "GENERATOR"):  # too many words for a comment
                continue
            for span in re.findall(r"(?:above )?[\d.]+ to (?:below )?[\d.]+", words):
                if name == "EPOCHS" and path.stem != "06_gan":
                    span = "1 to 100000"
                assert span in parameter["help"], name
            for word in re.findall(r"\w+", words.partition("one of ")[2]):
                assert word in parameter["help"], name

    def test_checks_its_parameters_before_anything_else(self, path):
        sources = [cell.source for cell in cells(path, "code")]
        place = [i for i, source in enumerate(sources) if source.startswith("STUDY: ")][0]
        assert sources[place + 1].startswith("check(globals())\n")

    def test_is_short_and_has_more_words_than_code(self, path):
        code, prose = cells(path, "code"), cells(path, "markdown")
        assert len(code) <= 12
        most = {"parameters": 19, "setup": 22}  # lines; others have 15
        for cell in code:
            (tag,) = cell.metadata.get("tags", [""])
            assert len(cell.source.splitlines()) <= most.get(tag, 15), cell.source
        words = sum(len(re.findall(r"\w+", cell.source)) for cell in prose)
        assert words > sum(len(re.findall(r"\w+", cell.source)) for cell in code)

    def test_functions_that_its_words_name_are_there(self, path):
        code = "".join(file.read_text("utf-8") for file in (ROOT / "lib").rglob("*.py"))
        code += "".join(cell.source for file in NOTEBOOKS for cell in cells(file, "code"))
        for cell in cells(path, "markdown"):
            for name in re.findall(r"`([A-Za-z_]\w+)(?:\(\))?`", cell.source):
                assert re.search(rf"\b{name}\b", code), name

    def test_begins_with_a_title_and_the_cell_for_colab(self, path):
        notebook = nbformat.read(path, 4)
        assert notebook.cells[0].source.startswith("# ")
        first = cells(path, "code")[0]
        assert first.metadata.get("tags") == ["setup"]
        assert first.source == cells(NOTEBOOKS[0], "code")[0].source
        assert "tensorflow" not in first.source and "numpy" not in first.source

    def test_ends_with_what_we_see_and_exercises(self, path):
        headings = [c.source.splitlines()[0] for c in cells(path, "markdown")]
        assert headings[-2:] == ["## What we see", "## Try it"]
        assert len(re.findall(r"^\d\. ", cells(path, "markdown")[-1].source, re.M)) >= 2


@pytest.mark.parametrize("profile", ["smoke", "quick", "flickr8k", "flickr8k-cpu", "paper"])
def test_profiles_fit_the_notebooks_and_name_every_parameter(profile):
    (found,) = profiles.expand(profile, [], ROOT)
    assert found.name == {"flickr8k": "flickr8k-gpu"}.get(profile, profile)
    assert not (found.folder / "README.md").exists()  # published
    values = yaml.safe_load((ROOT / f"notebooks/profiles/{profile}.yaml").read_text())
    quick = yaml.safe_load((ROOT / "notebooks/profiles/quick.yaml").read_text())
    assert values.keys() == quick.keys()


def test_the_variants_of_ablation_fit_the_notebooks():
    assert len(profiles.expand("ablation", [], ROOT)) == 5


@pytest.mark.parametrize("name", ["flickr8k", "quick-reference"])
def test_the_published_studies_are_refused(name, capsys):
    assert study.main(["smoke", "--set", f"STUDY={name}"]) == 2
    assert "is a published study" in capsys.readouterr().err


@pytest.mark.slow
def test_the_whole_study_runs():
    """All nine notebooks in sequence, then once more: nothing is left to do."""
    folder = ROOT / "results" / "test-smoke"
    shutil.rmtree(folder, ignore_errors=True)
    assert study.main(["smoke", "--set", "STUDY=test-smoke"]) == 0
    assert (folder / "report.html").stat().st_size > 100_000
    assert not [copy for copy in folder.glob("notebooks/*") if "WARNING:" in copy.read_text()]
    run = json.loads((folder / "run.json").read_text())
    assert list(run["steps"]) == list(STEPS)
    finished = {name: step["finished"] for name, step in run["steps"].items()}
    assert study.main(["smoke", "--set", "STUDY=test-smoke"]) == 0
    again = json.loads((folder / "run.json").read_text())
    assert {name: step["finished"] for name, step in again["steps"].items()} == finished
    shutil.rmtree(folder)


def test_the_map_of_lib_names_every_file_and_folder_once():
    names = re.findall(r"\]\((\w+(?:\.py)?)\)", (ROOT / "lib" / "README.md").read_text("utf-8"))
    there = {
        path.name for path in (ROOT / "lib").iterdir() if path.is_dir() or path.suffix == ".py"
    }
    assert sorted(names) == sorted(there - {"__init__.py", "__pycache__"})
