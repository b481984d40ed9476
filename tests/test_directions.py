"""Who may know what: the shape of lib, held so that it lasts."""

import ast
from pathlib import Path

import pytest

LIB = Path(__file__).resolve().parents[1] / "lib"
CORE = {path.stem for path in LIB.glob("*.py")}
KNOWS = {  # folder: the other folders that it may import from; every folder may know the core
    "core": set(),
    "data": set(),
    "classical": set(),
    "figures": set(),
    "colorize": {"data"},
    "report": {"figures"},
    "study": {"data", "classical", "figures", "colorize", "report"},
}
KEEP_APART = {  # what must not be known though it is of the core
    "lab": CORE - {"lab"},
    "metrics": CORE - {"metrics", "lab"},
    "losses": {"files", "train", "checkpoint"},
    "models": {"files", "train", "checkpoint"},
    "figures": {"train", "nogan", "checkpoint"},
    "report": {"train", "nogan", "checkpoint"},
    "data": {"models", "train", "nogan", "checkpoint", "evaluate"},
}


def imports(path):
    """First names after `lib.` of all that a module imports, at any depth."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        yield from (name.split(".")[1] for name in names if name.startswith("lib."))


def modules():
    return [(path.relative_to(LIB).as_posix(), path) for path in sorted(LIB.rglob("*.py"))]


@pytest.mark.parametrize(("name", "path"), modules(), ids=[name for name, _ in modules()])
def test_a_module_knows_only_what_its_place_may_know(name, path):
    folder = name.split("/")[0] if "/" in name else "core"
    known = set(imports(path))
    others = {other for other in known if (LIB / other).is_dir()} - {folder}
    assert others <= KNOWS[folder]
    assert not known & KEEP_APART.get(folder, set())
    assert not known & KEEP_APART.get(path.stem if folder == "core" else "", set())


def test_only_the_data_folder_names_the_place_of_the_photos():
    naming = [name for name, path in modules() if "data/processed" in path.read_text("utf-8")]
    assert naming and all(name.startswith("data/") for name in naming)


def lines(paths):
    return sum(len(path.read_text("utf-8").splitlines()) for path in paths)


def test_the_core_stays_small():
    core = sorted(LIB.glob("*.py"))
    assert len(core) - 1 <= 12  # without __init__.py
    assert lines(core) <= 2300


def test_lib_and_its_tests_stay_small():
    assert lines(LIB.rglob("*.py")) <= 8000
    tests = Path(__file__).parent
    assert lines(set(tests.rglob("*.py")) - set((tests / "benchmarks").rglob("*.py"))) <= 7000
