"""What a step depends on, and what a run writes down about itself in run.json.

A step of a study is one notebook. Its parts are the values of its parameters, its code cells, the
modules of `lib` that these import (and what those import in turn), the fingerprints of the steps
whose results it reads, the files its parameters name, and the numerical libraries. Two steps with
equal parts have equal fingerprints, and the second need not run. Code is compared after Python
has read it: comments, docstrings and formatting do not count, and neither do a notebook's words.

Nothing here imports TensorFlow, Keras or NumPy: asking what is to be done takes no second.
"""

import ast
import hashlib
import importlib.metadata
import json
import os
import platform
import re
import subprocess
from pathlib import Path

from lib import files

NUMERICS = ("tensorflow", "keras", "numpy")  # another version of these may give other results
PACKAGES = (*NUMERICS, "pandas", "scikit-image", "papermill")
TEMPLATES = (".j2", ".yaml")  # files beside lib/report.py that count as its code
MAGIC = re.compile(
    r"^([ \t]*)([%!].*)$", re.MULTILINE
)  # IPython's own lines, which ast cannot read


def code_of(cells, library):
    """Hash the code that a notebook runs: its own cells, and the modules of `lib` it reaches.

    Parameters
    ----------
    cells : sequence of str
        Sources of the notebook's code cells.
    library : dict
        What `read_library` returns.

    Returns
    -------
    dict of str -> str
        `notebook` and one entry for each module, such as `lib/models.py`; in sorted order.
    """
    trees = [_parse(source) for source in cells]
    hashes = {"notebook": digest([_plain(tree) for tree in trees])}
    waiting = {name for tree in trees for name in _imports(tree)} & library.keys()
    seen = set()
    while waiting:
        name = waiting.pop()
        seen.add(name)
        hashes[f"lib/{name.replace('.', '/')}.py"], imports = library[name]
        waiting |= (imports & library.keys()) - seen
    return dict(sorted(hashes.items()))


def read_library(folder):
    """Read every module of the `lib` folder: name -> (hash of its code, modules it imports)."""
    library = {}
    for path in sorted(folder.rglob("*.py")):
        tree = _parse(path.read_text("utf-8"))
        code = [_plain(tree)]
        name = path.relative_to(folder).with_suffix("").as_posix().replace("/", ".")
        if name == "report.page":
            files = sorted(file for file in path.parent.iterdir() if file.suffix in TEMPLATES)
            code += [file.read_text("utf-8") for file in files]
        library[name] = (digest(code), _imports(tree))
    return library


def identity(path):
    """Tell a file from a changed one without reading it: hash of place, size and time of change.

    A folder counts by its place, the number of its entries, their newest time and their total size.
    """
    path = path.resolve()
    if path.is_file():
        found = path.stat()
        return digest([str(path), found.st_size, found.st_mtime_ns])
    entries = [entry.stat() for entry in path.rglob("*")]
    newest = max((entry.st_mtime_ns for entry in entries), default=0)
    return digest([str(path), len(entries), newest, sum(entry.st_size for entry in entries)])


def digest(value):
    """Hash anything that JSON can hold: the first 16 hexadecimal digits of its SHA-256."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


def versions(packages=PACKAGES):
    """Versions of Python, of Keras's backend and of the packages (None: not installed)."""
    found = {"python": platform.python_version(), "backend": _backend()}
    for package in packages:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = None
    return found


def numerics():
    """Return the part of `versions` that may change a number: backend, tensorflow, keras, numpy."""
    return {name: value for name, value in versions(NUMERICS).items() if name != "python"}


def commit(root):
    """Git commit of a folder, and whether files differ from it (results aside); None: no git."""
    head = _output("git", "-C", str(root), "rev-parse", "HEAD")
    if not head:
        return None
    changes = _output(
        "git", "-C", str(root), "status", "--porcelain", "--", ".", ":(exclude)results"
    )
    return {"commit": head, "dirty": bool(changes)}


def hardware():
    """Processor, cores this process may use, memory in GB, and names of the NVIDIA GPUs."""
    cpu, memory = platform.processor() or platform.machine(), None
    information = Path("/proc/cpuinfo")
    if information.is_file():
        names = re.findall(r"^model name\s*:\s*(.+)$", information.read_text(), re.MULTILINE)
        cpu = names[0] if names else cpu
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        memory = round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9, 1)
    gpus = _output("nvidia-smi", "--query-gpu=name", "--format=csv,noheader").splitlines()
    return {"cpu": cpu, "cores": cores, "memory_gb": memory, "gpus": gpus}


def machines():
    """This machine's number and how many there are, from TF_CONFIG: (0, 1) without one.

    Raises
    ------
    ValueError
        If TF_CONFIG is not JSON with cluster.worker and task.index.
    """
    text = os.environ.get("TF_CONFIG")
    if not text:
        return 0, 1
    try:
        config = json.loads(text)
        every, number = config["cluster"]["worker"], config["task"]["index"]
        if config["task"]["type"] != "worker" or not 0 <= number < len(every):
            raise ValueError
    except (ValueError, KeyError, TypeError):
        raise ValueError(
            "TF_CONFIG: expected {'cluster': {'worker': [addresses]}, 'task': {'type': 'worker', "
            f"'index': number}}}} as JSON, got {text}"
        ) from None
    return number, len(every)


def _parse(source):
    """Syntax tree of a code cell or module; IPython's own lines count as strings."""
    try:
        return ast.parse(source)
    except SyntaxError:
        pass
    try:
        return ast.parse(MAGIC.sub(lambda match: match[1] + repr(match[2]), source))
    except SyntaxError:
        return ast.parse(repr(source))


def _plain(tree):
    """Source of a syntax tree without comments, docstrings and formatting."""
    tree = ast.parse(ast.unparse(tree))  # a copy
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Module):
            documented = ast.get_docstring(node, clean=False) is not None
            if documented and not (isinstance(node, ast.Module) and len(node.body) == 1):
                node.body = node.body[1:] or [ast.Pass()]
    return ast.unparse(tree)


def _imports(tree):
    """Names of the modules of `lib` that a syntax tree imports, at any depth."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            paths = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            package = "lib" if node.level else ""
            start = ".".join(part for part in (package, node.module) if part)
            paths = [f"{start}.{alias.name}" for alias in node.names]
        else:
            continue
        for path in paths:
            first, *rest = path.split(".")
            if first == "lib":
                names.add("__init__")
                for depth in range(1, len(rest) + 1):
                    name = ".".join(rest[:depth])
                    names |= {name, f"{name}.__init__"}
    return names


def _backend():
    """Name of Keras's backend, as Keras itself will choose it."""
    home = Path(os.environ.get("KERAS_HOME", Path.home() / ".keras"))
    chosen = files.read_json(home / "keras.json").get("backend", "tensorflow")
    return os.environ.get("KERAS_BACKEND") or chosen


def _output(*command):
    """Output of a program, or an empty string where there is no such program or it fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
