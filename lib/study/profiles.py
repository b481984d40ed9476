"""What is given to a study: a profile, `--set`, and the parameters that the notebooks declare.

A notebook declares its parameters in the cell tagged `parameters`, one a line, with a type and a
default: `IMAGE_SIZE: int = 64`. A profile is a flat YAML file of such names and values, for all
notebooks together. papermill itself only warns of an unknown name, and trains with the default: so
names are checked here, and values in `lib.study.parameters`.

Three names are for the runner itself. NOTEBOOKS leaves others out. A variant `v` of a study `s`, of
VARIANTS, is the study `s-v`. With SEEDS `[0, 1, 2]` the study itself has the first seed, and
`s-seed1` and `s-seed2` train and measure the same on the same photos.
"""

import ast
import contextlib
import json
import shlex
from pathlib import Path

import yaml

from lib.study import steps
from lib.study.parameters import OF_THE_RUNNER, UsageError, check, is_path, nearest, types

LAST = "07_evaluate"  # what a study that is there for its seed ends with


def expand(profile, settings, root):
    """The studies that a profile asks for, in the order in which they have to run.

    Takes the arguments of `read`. Gives a list of Study; those that repeat one with other seeds
    come before it. Raises UsageError if anything is wrong with any of them, or with a notebook.
    """
    root = Path(root).resolve()
    name, values = read(profile, settings, root)
    runner = {word: values.pop(word) for word in OF_THE_RUNNER if word in values}
    runner = check({word: value for word, value in runner.items() if value is not None})
    books = {step: read_notebook(root / f"notebooks/{step}.ipynb") for step in steps.STEPS}
    chosen = sorted(map(steps.find_step, runner.get("NOTEBOOKS") or books))
    seeds = tuple(runner.get("SEEDS", ()))
    words = ["python", "-m", "lib.study", profile, *["--set"] * bool(settings), *settings]

    def study(given, names, seeds=()):
        given, values, code = _declared(given, books, root), {}, {}
        for step in names:
            defaults, code[step] = books[step]
            own = {key: given.get(key, default) for key, default in defaults.items()}
            values[step] = check(own, root)
        return steps.Study(given["STUDY"], name, root, code, values, seeds, shlex.join(words))

    found = []
    for variant, own in (runner.get("VARIANTS") or {"": {}}).items():
        given = values | own
        given["STUDY"] = f"{values['STUDY']}-{variant}" if variant else values["STUDY"]
        for seed in seeds[1:]:
            again = given | {"STUDY": f"{given['STUDY']}-seed{seed}", "SEED": seed}
            found.append(study(again, [step for step in chosen if step <= LAST]))
        given |= {"SEED": seeds[0]} if seeds else {}
        found.append(study(given, chosen, seeds))
    return found


def read_notebook(path):
    """What a notebook declares, name -> default, and the sources of its other code cells.

    Raises UsageError if it is not as said above.
    """
    try:
        cells = json.loads(path.read_text("utf-8"))["cells"]
        cells = [cell for cell in cells if cell["cell_type"] == "code"]
        (tagged,) = (c for c in cells if "parameters" in c.get("metadata", {}).get("tags", ()))
        declared = ast.parse("".join(tagged["source"])).body
        defaults = {line.target.id: ast.literal_eval(line.value) for line in declared}
    except (OSError, AttributeError, KeyError, SyntaxError, TypeError, ValueError) as error:
        expected = "expected a notebook with one parameters cell of lines NAME: type = literal"
        raise UsageError(f"{path}: {expected}: {error}") from None
    return defaults, ["".join(cell["source"]) for cell in cells if cell is not tagged]


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


def _declared(values, books, root):
    """Values as the notebooks can use them: 1e-4 as a number, paths from the root.

    Raises UsageError if no notebook declares such a parameter, and names the nearest one.
    """
    known = {*OF_THE_RUNNER}.union(*(defaults for defaults, _ in books.values()))
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
        raise UsageError(f"{where}: not readable as YAML: {error}") from None
