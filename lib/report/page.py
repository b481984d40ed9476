"""Build results/<study>/report.html: one page that stands by itself, from the results alone.

Nothing is trained or measured here. Numbers come from the study's tables (`results`), sentences
from `findings` and `seeds`, the paper's statements from fidelity.yaml, the page's shape from
report.html.j2. What a study does not have is said in the page, which asks nothing of any server.
"""

import base64
import collections
import io
from pathlib import Path

import jinja2
import yaml
from PIL import Image

from lib.figures.style import group, in_order, label
from lib.files import write_text
from lib.report import findings, results, seeds, verdicts
from lib.report.number_format import interval

HERE = Path(__file__).parent
UNKNOWN = "(not recorded)"
DENSITY = 1.25  # pixels of a figure for one of the page: 120 / 96 dots an inch
REFERENCE = "flickr8k"  # the study of real photos that comes with the project
CAPTION = "Photos of the reference study: grey, truth, and each model’s answer."
SLIDERS = {  # folder in figures/: (heading, words)
    "slider": ("Before and after", "The photos of Figure 6."),
    "failures": ("Before and after: the failures", "The worst photos, by the same rule as above."),
}
# of a page: its address as an <img> takes it, its words, pixels of the page
Picture = collections.namedtuple("Picture", "source alt width height")


def build(folder):
    """Build results/<study>/report.html of a study with at least summary.csv; gives its path.

    The page is written as a whole or not at all. Raises FileNotFoundError and ValueError as
    `results.read`; and ValueError if the page that is there has photos to slide over, and figures/
    has none any more, as in a clone of the project: the new page would lose them.
    """
    folder = Path(folder)
    study, path = results.read(folder), folder / "report.html"
    sliders = _sliders(folder / "figures")
    if not sliders and path.is_file() and 'class="pair"' in path.read_text("utf-8"):
        words = "run notebook 07 again, or delete the page"
        raise ValueError(f"{path} shows photos of figures/slider, which are gone: {words}")
    values = _answers(study, verdicts.measures(study.table)) | {
        "study": study,
        "survives": seeds.survives(study),
        "differences": verdicts.compare(study),
        "verdicts": verdicts.VERDICTS,
        "reference": _reference(folder.resolve()),
        "spread": seeds.spreads(study),
        "models": _networks(study),
        "observations": findings.observations(study),
        "fidelity": fidelity(study),
        "commands": results.commands(study.run, study.name),
        "sections": _figures(folder / "figures"),
        "sliders": sliders,
    }
    return write_page("report.html.j2", values, path)


def pictures(folder):
    """All PNG files of a folder that can be read, by name: a dict of stem -> Picture.

    The words for who cannot see one are those that `figures.save` put into its "Description".
    """
    found = {}
    for path in sorted(folder.glob("[!.]*.png")):
        content = path.read_bytes()
        try:
            with Image.open(io.BytesIO(content)) as image:
                image.load()
        except OSError:
            continue
        alt = image.info.get("Description") or path.stem.replace("_", " ")
        size = [round(side / DENSITY) for side in image.size]
        source = f"data:image/png;base64,{base64.b64encode(content).decode('ascii')}"
        found[path.stem] = Picture(source, alt, *size)
    return found


def write_page(template, values, path):
    """Fill a template of this folder and write it, as a whole or not at all; returns the path."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    write_text(path, environment.get_template(template).render(values))
    return path


def _answers(study, shown):
    """What the page says first of a study, and its table of the measures shown."""
    table, best = study.table, [(measure, verdicts.best(study.table, measure)) for measure in shown]
    return {
        "headline": findings.headline(study),
        "answer": findings.answer(study),
        "warnings": findings.warnings(study),
        "columns": [(measure, *verdicts.MEASURES[measure]) for measure in shown],
        "rows": [
            (label(row), group(row)[0], [(interval(table, row, m), row == top) for m, top in best])
            for row in table.index
        ],
    }


def _reference(folder):
    """What the report of results/<study> shows of the reference study beside it.

    None if there is none, or if the report is its own. What is broken there is a line, `problem`,
    and never keeps the other report from being built.
    """
    place = folder.with_name(REFERENCE)
    if place == folder or not (place / "summary.csv").is_file():
        return None
    try:
        study = results.read(place)
        shown = [measure for measure in verdicts.CHIEF if measure in study.table]
        grid = pictures(place / "figures").get("fig6_grid")
        return _answers(study, shown) | {
            "study": study,
            "tested_on": results.tested_on(study),
            "pictures": [(grid, CAPTION)] if grid else [],
            "command": results.commands(study.run, REFERENCE)[0] if study.run else "",
        }
    except Exception as error:  # whatever its files hold
        words = f"{type(error).__name__}: {error}".replace(str(place), f"results/{REFERENCE}")
        return {"problem": words.splitlines()[0]}


def _networks(study):
    """One row a trained network: label, weights, epochs, seconds of one, settings."""
    found = []
    for name, params in study.params.items():
        history, settings = study.histories.get(name), params.get("settings") or {}
        shown = (params.get("recipe") or {}).get("arguments", {}) | settings
        shown["precision"] = params.get("precision")
        row = {"label": label(name), "parameters": params.get("parameters")}
        row["settings"] = ", ".join(f"{k} {v}" for k, v in shown.items() if v is not None)
        row["epochs"] = settings.get("epochs") if history is None else len(history)
        row["seconds"] = "" if history is None else f"{history['seconds'].median():.1f}"
        found.append(row)
    return found


def fidelity(study):
    """The rows of fidelity.yaml with what this study got, and whether that is the same."""
    parameters, rows = study.run.get("parameters") or {}, []
    differences = {row.measure: row for row in verdicts.compare(study)}
    given = parameters | (study.run.get("versions") or {}) | {"device": study.device}
    given["cnn_epochs"] = len(study.histories.get("cnn", ())) or None
    counts = (study.data.get("counts") or {}).items()
    given |= {name: f"{number:,}" for name, number in counts if isinstance(number, int)}
    found = {name: value for name, value in given.items() if value is not None}
    values = collections.defaultdict(lambda: UNKNOWN, found)
    for entry in yaml.safe_load((HERE / "fidelity.yaml").read_text("utf-8")):
        same = entry.get("same", "no")
        if "when" in entry and all(parameters.get(k) in v for k, v in entry["when"].items()):
            same = "yes"
        if row := differences.get(entry.get("verdict")):
            values["difference"] = f"{row.difference} {row.unit}, {verdicts.VERDICTS[row.verdict]}"
            same = "yes" if row.verdict == "better" else "no"
        got = entry["got"].format_map(values)
        if study.params.get(entry.get("pretrained"), {}).get("warnings"):
            same, got = ("no" if same == "yes" else same), f"{got} (see the warnings above)"
        if not set(entry.get("needs", [])) <= set(study.table.index):
            same, got = "absent", "–"
        rows.append(entry | {"got": got, "same": same})
    return rows


def _figures(folder):
    """Dict of section to (picture, caption), in the order of the page."""
    found, sections = pictures(folder), collections.defaultdict(list)
    places = yaml.safe_load((HERE / "figures.yaml").read_text("utf-8"))
    for stem, (section, caption) in places.items():
        if stem in found:
            sections[section].append((found.pop(stem), caption))
    for stem, picture in found.items():
        sections["more"].append((picture, f"{stem.replace('_', ' ').capitalize()}."))
    return sections


def _sliders(folder):
    """Groups of <photo>-before.png and <photo>-after-<model>.png that stand in a folder each.

    A group is a heading, words, and for each photo its name and (model, before, after).
    """
    groups = []
    for name, (title, words) in SLIDERS.items():
        found, photos = pictures(folder / name), collections.defaultdict(dict)
        for stem, after in found.items():
            photo, _, model = stem.rpartition("-after-")
            if before := found.get(f"{photo}-before"):
                photos[photo][model] = (before, after)
        shown = [
            (photo, [(label(model), *models[model]) for model in in_order(models)])
            for photo, models in photos.items()
        ]
        groups += [(title, words, shown)] * bool(shown)
    return groups
