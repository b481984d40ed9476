"""Fingerprints: what counts as the same code, the same file, the same run."""

import json
import os
import subprocess
import sys
from pathlib import Path

from lib import files
from lib.study import provenance


def code_of(source, folder):
    return provenance.code_of([source], provenance.read_library(folder))


def test_code_is_found_through_imports_of_every_form(tmp_path):
    for name, text in {
        "__init__": "",
        "a": "from . import b",
        "b": "def f():\n    import lib.c as c",
        "c": "from lib.d import x, y",
        "d": "",
        "report": "",
        "unused": "",
    }.items():
        (tmp_path / f"{name}.py").write_text(text)
    library = provenance.read_library(tmp_path)
    found = provenance.code_of(["%matplotlib inline\nfrom lib import a"], library)
    assert set(found) == {"notebook", *(f"lib/{name}.py" for name in ("__init__", *"abcd"))}
    before = provenance.read_library(tmp_path)["report"]
    (tmp_path / "report.html.j2").write_text("<p>")
    assert provenance.read_library(tmp_path)["report"] != before


def test_words_and_formatting_are_no_code(tmp_path):
    module = tmp_path / "a.py"
    module.write_text("def f(x):\n    return x + 1\n")
    before = code_of("import lib.a\ny = 1", tmp_path)
    module.write_text('"""M."""\ndef f(x):  # note\n    """D."""\n    return (x  +\n        1)\n')
    assert code_of("import lib.a  # a\ny = (1)", tmp_path) == before
    module.write_text("def f(x):\n    return x + 2\n")
    after = code_of("import lib.a\ny = 2", tmp_path)
    assert after["lib/a.py"] != before["lib/a.py"] and after["notebook"] != before["notebook"]


def test_a_cell_that_python_cannot_read_counts_by_its_text(tmp_path):
    before = code_of("!ls {", tmp_path)
    assert code_of("!ls {", tmp_path) == before != code_of("!ls }", tmp_path)
    assert code_of("x = (", tmp_path) != code_of("x = [", tmp_path)


def test_a_file_is_known_by_place_size_and_time(tmp_path):
    path = tmp_path / "a.zip"
    path.write_text("abc")
    before, folder = provenance.identity(path), provenance.identity(tmp_path)
    assert provenance.identity(path) == before
    os.utime(path, ns=(0, 0))
    assert provenance.identity(path) != before
    assert provenance.identity(tmp_path) != folder


def test_json_is_written_as_a_whole(tmp_path):
    path = tmp_path / "run.json"
    assert files.read_json(path) == {}
    files.write_json(path, {"a": 1})
    assert json.loads(path.read_text()) == files.read_json(path) == {"a": 1}
    assert list(tmp_path.iterdir()) == [path]
    path.write_text('{"a": ')
    assert files.read_json(path) == {}


def test_versions_name_the_backend(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    assert provenance.numerics()["backend"] == "jax"
    found = provenance.versions(("numpy", "no-such-package"))
    assert found["no-such-package"] is None and found["numpy"]


def test_the_runner_starts_without_the_heavy_packages():
    code = (
        "import sys, lib.study; "
        "print([m for m in ('keras', 'tensorflow', 'numpy', 'papermill') if m in sys.modules])"
    )
    repository = Path(__file__).resolve().parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=repository, capture_output=True)
    assert done.stdout.strip() == b"[]"
