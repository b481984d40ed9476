"""Build results/<study>/report.html: one page that stands by itself, from the results alone.

Nothing is trained or measured here. Numbers come from the study's tables (`results`), sentences
from `findings` and `seeds`, the comparison with the paper from `fidelity`, real photos from
`reference`, the page's shape from report.html.j2. What a study does not have is said in the page.
"""

import collections
from pathlib import Path

import yaml

from lib.figures.style import in_order, label
from lib.report import fidelity, findings, html_page, reference, results, seeds, verdicts

FIGURES = Path(__file__).with_name("figures.yaml")
SLIDERS = {  # folder in figures/: (heading, words)
    "slider": ("Before and after", "The photos of Figure 6."),
    "failures": ("Before and after: the failures", "The worst photos, by the same rule as above."),
}


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
    differences, shown = verdicts.compare(study), verdicts.measures(study.table)
    values = {
        "study": study,
        "headline": findings.headline(study),
        "answer": [*findings.answer(study), *filter(None, [seeds.survives(study)])],
        "warnings": findings.warnings(study),
        "differences": differences,
        "verdicts": verdicts.VERDICTS,
        "reference": reference.beside(folder),
        "columns": [(measure, *verdicts.MEASURES[measure]) for measure in shown],
        "rows": verdicts.marked_rows(study.table, shown),
        "spread": seeds.spreads(study),
        "models": _networks(study),
        "observations": findings.observations(study),
        "fidelity": fidelity.compare(study, differences),
        "same": fidelity.SAME,
        "commands": results.commands(study.run, study.name),
        "sections": _figures(folder / "figures"),
        "sliders": sliders,
    }
    return html_page.write_page("report.html.j2", values, path)


def _networks(study):
    """One row a trained network: label, weights, epochs, seconds of one, settings."""
    found = []
    for name, params in study.params.items():
        history, settings = study.histories.get(name), params.get("settings") or {}
        shown = (params.get("recipe") or {}).get("arguments", {}) | settings
        shown["precision"] = params.get("precision")
        row = {"label": label(name), "parameters": params.get("parameters"), "seconds": None}
        row["settings"] = ", ".join(f"{k} {v}" for k, v in shown.items() if v is not None)
        row["epochs"] = settings.get("epochs") if history is None else len(history)
        if history is not None and "seconds" in history:
            row["seconds"] = f"{history['seconds'].median():.1f}"
        found.append(row)
    return found


def _figures(folder):
    """Dict of section to (picture, caption), in the order of the page."""
    found, sections = html_page.pictures(folder), collections.defaultdict(list)
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
        found, photos = html_page.pictures(folder / name), collections.defaultdict(dict)
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
