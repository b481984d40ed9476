"""Studies side by side: ablations, seeds, sizes, data sets, on one page that stands by itself.

Reads what the studies' reports read (`results`), and leaves those reports as they are. Studies that
were evaluated on other photos than the first are shown beside it, and the page says so.
"""

from pathlib import Path

import pandas as pd

from lib.figures.style import in_order, label
from lib.report import findings, page, results, verdicts
from lib.report.number_format import interval

FIGURES = {  # file: words of a figure that is shown of every study
    "fig6_grid": "Grey, truth, and each model’s answer",
    "rank": "Raw error against colour",
    "nogan": "NoGAN’s adversarial phase, and the step that was kept",
}
OWN = {"STUDY", "SEEDS", "MODEL", "PHOTOS", "RENDER_FACTOR"}  # change nothing that is compared
LONGEST = 200  # characters of the names in the file's name
WITHOUT = "–"


def build(folders):
    """Build a page that sets studies side by side; gives its path.

    `folders` are two or more results/<study> of different names, each with summary.csv; models,
    data sets and measures may differ. Writes comparison-<A>-<B>....html beside the first, as a
    whole or not at all. Raises FileNotFoundError and ValueError as `results.read`; and ValueError
    for fewer than two studies.
    """
    folders = {Path(folder).name: Path(folder) for folder in folders}
    names = list(folders)
    if len(names) < 2:
        raise ValueError(f"folders: expected two or more studies, each once, got {names}")
    studies = {name: results.read(folder) for name, folder in folders.items()}
    known = {n: s for n, s in studies.items() if s.metrics is not None and "fingerprint" in s.data}
    photos = {n: (s.data["fingerprint"], set(s.metrics["photo"])) for n, s in known.items()}
    about = {name: results.tested_on(study) for name, study in studies.items()}
    found = {name: page.pictures(folder / "figures") for name, folder in folders.items()}
    sections = [
        (stem, words, [(p[stem], f"{n}: {about[n]}.") for n, p in found.items() if stem in p])
        for stem, words in FIGURES.items()
    ]
    values = {
        "names": names,
        "about": about,
        "strangers": [n for n in names[1:] if photos.get(n, 0) != photos.get(names[0])],
        "answers": [(n, findings.headline(s), findings.answer(s)[0]) for n, s in studies.items()],
        "sides": _sides(studies.values()),
        "verdicts": verdicts.VERDICTS,
        "differences": _differences(studies),
        "tables": _tables([study.table for study in studies.values()]),
        "sections": [section for section in sections if section[-1]],
    }
    path = folders[names[0]].parent / f"comparison-{'-'.join(names)[:LONGEST]}.html"
    return page.write_page("comparison.html.j2", values, path)


def _sides(studies):
    """NoGAN against the CNN in each study by itself: rows of (measure, a Comparison a study)."""
    found = [{row.measure: row for row in verdicts.compare(study)} for study in studies]
    rows = [(measure, [rows.get(measure) for rows in found]) for measure in verdicts.CHIEF]
    return [(verdicts.MEASURES[measure][0], cells) for measure, cells in rows if any(cells)]


def _differences(studies):
    """Parameters, and what else a study is made from, that are not the same in all studies."""
    made = pd.DataFrame({name: _made_from(study) for name, study in studies.items()})
    made = made.fillna(WITHOUT)
    return [(key, list(row)) for key, row in made.iterrows() if row.nunique() > 1]


def _made_from(study):
    """What a study was made from: key -> text."""
    parameters = study.run.get("parameters") or {}
    found = {k: "none" if v is None else v for k, v in parameters.items() if k not in OWN}
    found["training photos"] = (study.data.get("counts") or {}).get("train")
    found["data"] = str(study.data.get("fingerprint") or "")[:12]
    found["commit"] = str((study.run.get("git") or {}).get("commit") or "")[:12]
    found |= {"device": study.device, "seconds, the whole study": study.run.get("seconds")}
    return {key: WITHOUT if value in (None, "") else str(value) for key, value in found.items()}


def _tables(tables):
    """For each measure that a study has: name, unit, better, rows of (label, a text a study)."""
    found = []
    for measure in verdicts.CHIEF:
        models = {model for table in tables if measure in table for model in table.index}
        models -= {"truth"} if measure != "kid" else set()
        texts = {m: [interval(table, m, measure) for table in tables] for m in in_order(models)}
        rows = [(label(model), row) for model, row in texts.items()]
        found += [(*verdicts.MEASURES[measure], rows)] * bool(rows)
    return found
