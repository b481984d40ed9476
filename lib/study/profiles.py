"""The parameters of a study: what the notebooks declare, and what a profile and --set give.

A notebook declares its parameters in the cell tagged `parameters`, one a line, with a type and a
default: `IMAGE_SIZE: int = 64`. A profile is a flat YAML file of such names and values, for all
notebooks together. Every name, type and path is checked here, before anything starts: papermill
itself only warns of an unknown name, and trains with the default.

Types are `int`, `float`, `str`, `bool`, `dict`, `list`, `list[...]`, `None` and unions of them
(`int | None`). A whole number does where a float is asked for; a bool is no int.
"""

import ast
import contextlib
import difflib
import json
import re
from dataclasses import dataclass
from pathlib import Path

import yaml

# Parameters that hold the path of a file or folder, and the words that stand for no path there.
PATHS = {"SOURCE": (), "XCEPTION_WEIGHTS": ("auto", "imagenet")}
# Numbers that YAML 1.1 takes for text, because they lack the point or the sign: 1e-4, 1.0e5.
EXPONENT = re.compile(r"([-+]?\d+)(\.\d*)?[eE]([-+]?)(\d+)")
OF_THE_RUNNER = {"VARIANTS": dict, "NOTEBOOKS": list, "SEEDS": list}  # no parameters of notebooks
SET = "--set "  # where a value came from, for messages


class UsageError(ValueError):
    """A wrong argument or a missing file, found before anything ran; the message is one line."""


@dataclass(frozen=True)
class Notebook:
    """What the runner has to know of a notebook."""

    parameters: dict  # name -> (annotation as an ast expression, default)
    code: tuple  # sources of its code cells, the parameters cell aside

    def values(self, given):
        """Return its parameters, name -> value: what is given, and its own defaults."""
        return {name: given.get(name, default) for name, (_, default) in self.parameters.items()}


def read_notebook(path):
    """Read what a notebook declares in its parameters cell, and the source of its code cells.

    Parameters
    ----------
    path : pathlib.Path
        An .ipynb file.

    Returns
    -------
    Notebook

    Raises
    ------
    UsageError
        If the file is missing or is no notebook, if it has not exactly one parameters cell, or if
        that cell holds anything but annotated assignments of literal values of their type.
    """
    try:
        cells = json.loads(path.read_text("utf-8"))["cells"]
        cells = [cell for cell in cells if cell["cell_type"] == "code"]
    except FileNotFoundError:
        raise UsageError(f"no notebook {path}") from None
    except (KeyError, TypeError, ValueError):
        raise UsageError(f"{path}: expected a notebook (JSON with cells)") from None
    tagged = [cell for cell in cells if "parameters" in cell.get("metadata", {}).get("tags", ())]
    if len(tagged) != 1:
        raise UsageError(f"{path}: expected one cell tagged 'parameters', found {len(tagged)}")
    code = tuple("".join(cell["source"]) for cell in cells if cell is not tagged[0])
    return Notebook(_declarations("".join(tagged[0]["source"]), path), code)


def read_profile(profile, settings, notebooks, root):
    """Read a profile, replace values by those of --set, and check them against the notebooks.

    Parameters
    ----------
    profile : str
        Name of a file in notebooks/profiles (without .yaml), or path of a YAML file.
    settings : sequence of str
        `NAME=VALUE`, each with a value in YAML.
    notebooks : dict of str -> Notebook
    root : pathlib.Path
        Folder of the project, which relative paths start from.

    Returns
    -------
    name : str
        Name of the profile.
    given : dict of str -> object
        The checked values. STUDY is always among them: by default it is the profile's name.

    Raises
    ------
    UsageError
        If anything is wrong; the message names it, and for an unknown name the nearest known one.
    """
    path, values = _read(profile, root)
    given = {"STUDY": path.stem}
    for name, value in values.items():
        if name not in OF_THE_RUNNER:
            given[name] = _checked(name, value, notebooks, root, f"profile {path.stem}: ")
    for name, value in _settings(settings).items():
        if name not in OF_THE_RUNNER:
            given[name] = _checked(name, value, notebooks, root, SET)
    if not re.fullmatch(r"[A-Za-z0-9_-]+", given["STUDY"]):
        raise UsageError(f"STUDY: expected letters, digits, - and _ only, got {given['STUDY']!r}")
    return path.stem, given


def read_runner(profile, settings, root):
    """What a profile and --set say to the runner: a dict of VARIANTS, NOTEBOOKS and SEEDS.

    VARIANTS, name -> {NAME: value}, and SEEDS, a list of int, make several studies of one profile
    (see `lib.series`); NOTEBOOKS lists the notebooks to run. What is not given is empty.
    """
    path, values = _read(profile, root)
    values |= _settings(settings)
    found = {name: values.get(name) or kind() for name, kind in OF_THE_RUNNER.items()}
    variants, notebooks, seeds = found.values()
    if not isinstance(variants, dict) or not all(isinstance(v, dict) for v in variants.values()):
        raise UsageError(f"{path}: VARIANTS: expected lines 'name: {{NAME: value}}'")
    if not isinstance(notebooks, list):
        raise UsageError(f"{path}: NOTEBOOKS: expected a list, got {notebooks!r}")
    if not isinstance(seeds, list) or not all(type(seed) is int for seed in seeds):
        raise UsageError(f"SEEDS: expected a list of whole numbers, got {seeds!r}")
    if len(set(seeds)) < len(seeds):
        raise UsageError(f"SEEDS: expected each once, got {seeds!r}")
    # YAML reads 02 as a number.
    names = [f"{name:02}" if isinstance(name, int) else str(name) for name in notebooks]
    return found | {"NOTEBOOKS": names}


def is_path(name, value):
    """Tell whether a parameter's value is a path (not None, a URL, or a word such as `auto`)."""
    return name in PATHS and value is not None and value not in PATHS[name] and "://" not in value


def nearest(word, known):
    """End of a message about an unknown word: the nearest known one."""
    match = difflib.get_close_matches(str(word), list(known), n=1, cutoff=0.0)
    return f"the nearest known one is {match[0]}" if match else "none is known"


def _settings(settings):
    """Values of --set: name -> value."""
    values = {}
    for setting in settings:
        name, equals, text = setting.partition("=")
        if not equals:
            raise UsageError(f"--set {setting}: expected NAME=VALUE")
        try:
            values[name] = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise UsageError(f"--set {setting}: {_one_line(error)}") from None
    return values


def _read(profile, root):
    """A profile given by name or path: its path and its content."""
    path = _profile_path(str(profile), root)
    try:
        values = yaml.safe_load(path.read_text("utf-8")) or {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UsageError(f"{path}: not readable as YAML: {_one_line(error)}") from None
    if not isinstance(values, dict):
        raise UsageError(f"{path}: expected lines 'NAME: value', got {type(values).__name__}")
    return path, values


def _profile_path(profile, root):
    folder = root / "notebooks" / "profiles"
    by_path = Path(profile).name != profile or profile.endswith((".yaml", ".yml"))
    path = Path(profile) if by_path else folder / f"{profile}.yaml"
    if not path.is_file():
        known = sorted(file.stem for file in folder.glob("*.yaml"))
        raise UsageError(f"no profile {profile}: {nearest(path.stem, known)}")
    return path


def _declarations(source, path):
    """Parameters of a parameters cell, name -> (annotation, default)."""
    found = {}
    try:
        statements = ast.parse(source).body
    except SyntaxError as error:
        raise UsageError(f"{path}: parameters cell: {error.msg} (line {error.lineno})") from None
    for statement in statements:
        try:
            name, kind = statement.target.id, statement.annotation
            found[name] = (kind, _convert(ast.literal_eval(statement.value), kind))
        except (AttributeError, TypeError, ValueError):
            line = ast.unparse(statement).splitlines()[0]
            expected = "expected NAME: type = literal value of that type"
            raise UsageError(f"{path}: parameters cell: {expected}, got {line}") from None
    return found


def _checked(name, value, notebooks, root, where):
    """Return a given value in the type that the notebooks declare, or say what is wrong."""
    kinds = [book.parameters[name][0] for book in notebooks.values() if name in book.parameters]
    if not kinds and name != "STUDY":
        known = sorted({known for book in notebooks.values() for known in book.parameters})
        raise UsageError(f"{where}unknown parameter {name}: {nearest(str(name).upper(), known)}")
    value = [_typed(name, value, kind, where) for kind in kinds or [ast.Name("str")]][0]
    return _found(name, value, root, where) if is_path(name, value) else value


def _typed(name, value, kind, where):
    """Return a value in the type of an annotation; only --set may write 1e-4 for a float."""
    number = EXPONENT.fullmatch(value) if isinstance(value, str) else None
    for candidate in [value, float(value)] if number and where == SET else [value]:
        with contextlib.suppress(TypeError):
            return _convert(candidate, kind)
    kind, hint = ast.unparse(kind), ""
    if number and "float" in kind:
        hint = f"; write {number[1]}{number[2] or '.0'}e{number[3] or '+'}{number[4]}"
    got = f"{type(value).__name__} {value!r}"
    raise UsageError(f"{where}{name}: expected {kind}, got {got}{hint}")


def _convert(value, kind):
    """Return a value in the type of an annotation; TypeError if it does not fit."""
    match kind:
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            try:
                return _convert(value, left)
            except TypeError:
                return _convert(value, right)
        case ast.Constant(value=None) if value is None:
            return None
        case ast.Name(id="float") if type(value) in (int, float):
            return float(value)
        case ast.Name(id=name) if type(value).__name__ == name:
            return value
        case ast.Subscript(value=ast.Name(id="list"), slice=item) if type(value) is list:
            return [_convert(entry, item) for entry in value]
    raise TypeError


def _found(name, value, root, where):
    """Return a path as notebooks, which run in the root, can use it; it has to exist."""
    if value and (root / value).exists():
        return value
    path = Path(value).expanduser()
    if value and path.exists():
        return str(path.resolve())
    words = "".join(f" or {word!r}" for word in PATHS[name])
    raise UsageError(f"{where}{name}: no file or folder {value!r} (expected a path{words})")


def _one_line(error):
    """Text of an error, line breaks taken out."""
    return " ".join(str(error).split())
