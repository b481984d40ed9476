"""Studies side by side: ablations, seeds, sizes, data sets, on one page that stands by itself.

Reads what the studies' reports read (`results`), and leaves those reports as they are. Two studies
that were evaluated on the same photos are compared photo by photo; others are only shown beside
each other, and the page says so. The others are compared with the first study named.
"""

from pathlib import Path

import pandas as pd

from lib.figures.style import in_order, label
from lib.files import digest
from lib.report import findings, html_page, results, verdicts
from lib.report.number_format import interval

MEASURES = ("rmse_ab", "delta_e_2000", "auc_rebalanced", "colorfulness_ratio", "kid")
COMPARED = ("gan", "generator", "cnn")  # the first of these that both studies have is compared
FIGURES = {  # file: words of a figure that is shown of every study
    "fig6_grid": "Grey, truth, and each model’s answer.",
    "rank": "Raw error against colour.",
    "nogan": "NoGAN’s adversarial phase, and the step that was kept.",
}
OWN = {"STUDY", "SEEDS", "MODEL", "PHOTOS", "RENDER_FACTOR"}  # change nothing that is compared
LONGEST = 80  # characters of the names in the file's name
WITHOUT = "–"


def build(folders):
    """Build a page that sets studies side by side.

    Parameters
    ----------
    folders : sequence of path
        Two or more results/<study> of different names, each with summary.csv. Models, data sets and
        measures may differ.

    Returns
    -------
    pathlib.Path
        comparison-<A>-<B>....html beside the first folder, written as a whole or not at all.

    Raises
    ------
    FileNotFoundError
        If a study has no summary.csv.
    ValueError
        For fewer than two studies, one that is named twice, or a summary.csv that is no table.
    """
    folders = {Path(folder).name: Path(folder) for folder in folders}
    names = list(folders)
    if len(names) < 2:
        raise ValueError(f"folders: expected two or more studies, each once, got {names}")
    studies = {name: results.read(folder) for name, folder in folders.items()}
    first, *others = studies.values()
    strangers = [
        name for name in names if not results.same_photos(studies[names[0]], studies[name])
    ]
    about = {name: results.tested_on(study) for name, study in studies.items()}
    found = {name: html_page.pictures(folder / "figures") for name, folder in folders.items()}
    sections = [
        (stem, words, shown)
        for stem, words in FIGURES.items()
        if (shown := [(p[stem], f"{n}: {about[n]}.") for n, p in found.items() if stem in p])
    ]
    values = {
        "names": names,
        "about": about,
        "strangers": strangers,
        "answers": [
            (name, findings.headline(study), findings.answer(study)[0])
            for name, study in studies.items()
        ],
        "sides": _sides(studies),
        "changes": [_change(studies, names[0], name, name not in strangers) for name in names[1:]],
        "verdicts": verdicts.VERDICTS,
        "differences": _differences(studies),
        "tables": _tables(studies),
        "sections": sections,
        "pictured": [(stem, words.rstrip(".")) for stem, words, _ in sections],
    }
    joined = "-".join(names)
    if len(joined) > LONGEST:
        joined = f"{joined[: LONGEST - 17]}-{digest(names)}"
    path = folders[names[0]].parent / f"comparison-{joined}.html"
    return html_page.write_page("comparison.html.j2", values, path)


def _sides(studies):
    """NoGAN against the CNN in each study by itself: rows of (measure, a Comparison a study).

    This can be read across, whatever the photos were: each difference is of one study's own photos.
    """
    tables = [{row.measure: row for row in verdicts.compare(one)} for one in studies.values()]
    return [
        (verdicts.titled(measure), [table.get(measure) for table in tables])
        for measure in MEASURES
        if any(measure in table for table in tables)
    ]


def _change(studies, first, name, same):
    """One study against the first: title, name, sentence, and one model's measure by measure."""
    title, both = f"{name} against {first}", [studies[first], studies[name]]
    models = [model for model in COMPARED if all(model in one.table.index for one in both)]
    if not models or not same:
        return title, name, "" if models else "They have no network in common.", []
    model = models[0]
    rows, photos = [], []
    for study, wanted in zip(both, ([model, "truth"], [model]), strict=True):
        there = [row for row in wanted if row in study.table.index]
        renamed = {model: first if study is both[0] else name}
        rows.append(study.table.loc[there].rename(index=renamed))
        found = study.metrics[study.metrics["model"].isin(there)]
        photos.append(found.replace({"model": renamed}))
    joined = results.Study(
        pd.concat(rows, join="inner"),
        metrics=pd.concat(photos),
        facts={"seed": both[0].facts.get("seed", 0)},
    )
    compared = verdicts.compare(joined, name, first)
    lead = findings.lead(compared, name, first) or "The two tables have no measure in common."
    return f"{title}: {label(model)}", name, lead, compared


def _differences(studies):
    """Parameters, and what else a study is made from, that are not the same in all studies."""
    made = pd.DataFrame({name: _made_from(study) for name, study in studies.items()})
    made = made.fillna(WITHOUT)
    return [(key, list(row)) for key, row in made.iterrows() if row.nunique() > 1]


def _made_from(study):
    """What a study was made from: key -> text."""
    counts, parameters = study.data.get("counts") or {}, study.run.get("parameters") or {}
    found = {k: "none" if v is None else v for k, v in parameters.items() if k not in OWN}
    found |= {"test photos": counts.get("test"), "training photos": counts.get("train")}
    found["data"] = str(study.data.get("fingerprint") or "")[:12]
    found["commit"] = str((study.run.get("git") or {}).get("commit") or "")[:12]
    found |= {"device": study.device, "seconds, the whole study": study.run.get("seconds")}
    return {key: WITHOUT if value in (None, "") else str(value) for key, value in found.items()}


def _tables(studies):
    """For each measure that a study has: name, unit, better, rows of (label, a text a study)."""
    tables = [study.table for study in studies.values()]
    found = []
    for measure in MEASURES:
        having = [table for table in tables if measure in table]
        models = in_order({model for table in having for model in table.index})
        rows = [
            (label(model), [_cell(table, model, measure) for table in tables])
            for model in models
            if model != "truth" or measure == "kid"
        ]
        rows = [row for row in rows if set(row[1]) != {WITHOUT}]
        if rows:
            found.append((*verdicts.MEASURES[measure], rows))
    return found


def _cell(table, model, measure):
    there = measure in table and model in table.index
    return interval(table, model, measure) if there else WITHOUT
