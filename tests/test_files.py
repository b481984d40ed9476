"""Files that are whole or not there, and the code that a result was made by."""

import pytest

from lib import files

MODULES = {
    "__init__.py": "",
    "a.py": "from lib import b",
    "b.py": "def f():\n    import lib.deep.c as c",
    "deep/__init__.py": "",
    "deep/c.py": "from lib.d import x, y",
    "deep/page.html.j2": "<p>",
    "d.py": "x = y = 1",
    "e.py": "z = 1",
}


@pytest.fixture
def library(tmp_path, monkeypatch):
    """A small `lib` in place of the real one; gives a function that writes a module of it."""
    monkeypatch.setattr(files, "LIB", tmp_path / "lib")
    files._read_module.cache_clear()

    def write(name, text):
        path = tmp_path / "lib" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        files._read_module.cache_clear()

    for name, text in MODULES.items():
        write(name, text)
    return write


def test_code_is_found_through_imports_of_every_form(library):
    found = files.code_of("%matplotlib inline\nfrom lib import a")
    names = ["__init__.py", "a.py", "b.py", "d.py", "deep/__init__.py", "deep/c.py"]
    assert list(found) == [*(f"lib/{name}" for name in names), "source"]
    assert list(files.code_of("import lib.e")) == ["lib/__init__.py", "lib/e.py", "source"]


def test_comments_docstrings_and_layout_do_not_count(library):
    library("d.py", '"""One."""\ndef f():\n    """Two."""\n    return 1\n')
    first = files.code_of("import lib.a\ny = 1")
    library("d.py", '"""Eins."""\ndef f():  # always\n    """Zwei."""\n    return (1)\n')
    assert files.code_of("import lib.a  # a\ny = (1)") == first
    library("d.py", '"""One."""\ndef f():\n    """Two."""\n    return 2\n')
    changed = files.code_of("import lib.a\ny = 1")
    assert [name for name in first if first[name] != changed[name]] == ["lib/d.py"]


def test_a_template_counts_as_code_of_the_modules_beside_it(library):
    before = files.code_of("import lib.a")
    library("deep/page.html.j2", "<h1>")
    after = files.code_of("import lib.a")
    assert {name for name in before if before[name] != after[name]} >= {"lib/deep/c.py"}


def test_training_depends_on_the_measures_where_it_stops_by_them():
    reached = {name: files.code_of(f"import lib.{name}") for name in ("train", "nogan")}
    assert "lib/metrics.py" in reached["nogan"] and "lib/metrics.py" not in reached["train"]
    assert {"lib/lab.py", "lib/models.py", "lib/losses.py"} <= set(reached["train"])


def test_a_file_is_replaced_as_a_whole_or_not_at_all(tmp_path):
    path = tmp_path / "deep" / "a.json"
    files.write_json(path, {"a": 1})
    with pytest.raises(RuntimeError), files.replacing(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert files.read_json(path) == {"a": 1} and [p.name for p in path.parent.iterdir()] == [
        "a.json"
    ]
    path.write_text("[1]")
    assert files.read_json(path) == files.read_json(tmp_path / "none.json") == {}
