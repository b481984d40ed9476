"""What is given to a study: a profile, `--set`, and the parameters that the notebooks declare.

A notebook declares its parameters in the cell tagged `parameters`, one a line, with a type and a
default: `IMAGE_SIZE: int = 64`. A profile is a flat YAML file of such names and values, for all
notebooks together. papermill itself only warns of an unknown name, and trains with the default: so
names are checked here, and values in `lib.study.parameters`.
"""

import ast
import contextlib
import json
from dataclasses import dataclass
from pathlib import Path

import yaml

from lib.study.parameters import OF_THE_RUNNER, UsageError, is_path, nearest, types


@dataclass(frozen=True)
class Notebook:
    """What the runner has to know of a notebook."""

    defaults: dict  # name of a parameter -> default
    code: tuple  # sources of its code cells, the parameters cell aside

    def values(self, given):
        """Return its parameters, name -> value: what is given, and its own defaults."""
        return {name: given.get(name, default) for name, default in self.defaults.items()}


def read_notebook(path):
    """Read what a notebook declares, and its code; UsageError if it is not as said above."""
    try:
        cells = json.loads(path.read_text("utf-8"))["cells"]
        cells = [cell for cell in cells if cell["cell_type"] == "code"]
        (tagged,) = (c for c in cells if "parameters" in c.get("metadata", {}).get("tags", ()))
        declared = ast.parse("".join(tagged["source"])).body
        defaults = {line.target.id: ast.literal_eval(line.value) for line in declared}
    except (OSError, AttributeError, KeyError, SyntaxError, TypeError, ValueError) as error:
        expected = "expected a notebook with one parameters cell of lines NAME: type = literal"
        raise UsageError(f"{path}: {expected}: {_one_line(error)}") from None
    for name in defaults:
        if not types(name):
            raise UsageError(f"{path}: {name} is not in lib/study/parameters.py")
    code = ("".join(cell["source"]) for cell in cells if cell is not tagged)
    return Notebook(defaults, tuple(code))


def read(profile, settings, root):
    """Read a profile, and replace values by those of --set.

    `profile` is the name of a file in notebooks/profiles, or the path of a .yaml file; `settings`
    are texts `NAME=VALUE`, where VALUE is text as it stands if the parameter is text, else YAML.
    Gives the profile's name, and name -> value; STUDY is among them, by default the profile's name.
    Raises UsageError if the profile is not there, or anything is not readable.
    """
    folder = root / "notebooks" / "profiles"
    path = Path(profile) if Path(profile).suffix == ".yaml" else folder / f"{profile}.yaml"
    if not path.is_file():
        known = [file.stem for file in folder.glob("*.yaml")]
        raise UsageError(f"no profile {profile}: {nearest(path.stem, known)}")
    values = _yaml(path.read_text("utf-8", "replace"), path) or {}
    if not isinstance(values, dict):
        raise UsageError(f"{path}: expected lines 'NAME: value', got {type(values).__name__}")
    for setting in settings:
        name, equals, text = setting.partition("=")
        if not equals:
            raise UsageError(f"--set {setting}: expected NAME=VALUE")
        is_none = "null" in types(name) and text.strip().lower() in ("", "none", "null")
        as_text = text if "string" in types(name) else _yaml(text, f"--set {setting:.80}")
        values[name] = None if is_none else as_text
    return path.stem, {"STUDY": path.stem} | values


def declared(values, notebooks, root):
    """Return values as the notebooks can use them: 1e-4 as a number, paths from the root.

    Raises UsageError if no notebook declares such a parameter, and names the nearest one.
    """
    known = {"STUDY", *OF_THE_RUNNER}.union(*(notebook.defaults for notebook in notebooks))
    found = {}
    for name, value in values.items():
        if name not in known:
            raise UsageError(f"unknown parameter {name}: {nearest(str(name).upper(), known)}")
        with contextlib.suppress(OSError, RuntimeError, ValueError):  # checked later
            if "number" in types(name) and isinstance(value, str):
                value = float(value)  # YAML takes 1e-4 for text
            elif is_path(name, value) and not (root / value).exists():
                path = Path(value).expanduser().resolve()
                value = str(path) if path.exists() else value
        found[name] = value
    return found


def _yaml(text, where):
    try:
        found = yaml.safe_load(text)
        return repr(found) and found  # an integer of thousands of digits has none
    except (ValueError, RecursionError, yaml.YAMLError) as error:
        raise UsageError(f"{where}: not readable as YAML: {_one_line(error)}") from None


def _one_line(error):
    """Text of an error, line breaks taken out."""
    return " ".join(str(error).split())
