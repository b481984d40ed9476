"""Build results/<study>/report.html: one page that stands by itself, from the results alone.

Nothing is trained or measured here. Numbers come from the study's tables (`results`), sentences
from `findings` and `seeds`, the comparison with the paper from `fidelity`, the page's shape from
report.html.j2. What a study does not have is said in the page, which asks nothing of any server.
"""

import base64
import collections
import io
from pathlib import Path

import jinja2
import yaml
from PIL import Image

from lib.figures.style import in_order, label
from lib.files import write_text
from lib.report import fidelity, findings, results, seeds, verdicts

FIGURES = Path(__file__).with_name("figures.yaml")
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
        "fidelity": fidelity.compare(study),
        "same": fidelity.SAME,
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
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    write_text(path, environment.get_template(template).render(values))
    return path


def _answers(study, shown):
    """What the page says first of a study, and its table of the measures shown."""
    return {
        "headline": findings.headline(study),
        "answer": findings.answer(study),
        "warnings": findings.warnings(study),
        "columns": [(measure, *verdicts.MEASURES[measure]) for measure in shown],
        "rows": verdicts.marked_rows(study.table, shown),
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


def _figures(folder):
    """Dict of section to (picture, caption), in the order of the page."""
    found, sections = pictures(folder), collections.defaultdict(list)
    for stem, (section, caption) in yaml.safe_load(FIGURES.read_text("utf-8")).items():
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
