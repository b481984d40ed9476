"""Studies side by side: ablations, seeds, sizes, data sets, on one page that stands by itself.

Reads what the studies' reports read (`lib.results`). Two studies that were evaluated on the same
photos are compared photo by photo; others are only shown beside each other, and the page says so.
The first study named is the one that the others are compared with.
"""

import hashlib
from pathlib import Path

import pandas as pd

from lib.figures.style import in_order, label
from lib.report import findings, html_page, results, verdicts
from lib.report.cells import indexed, interval, known

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
    folders = [Path(folder) for folder in folders]
    names = [folder.name for folder in folders]
    if len(names) < 2 or len(set(names)) < len(names):
        raise ValueError(f"folders: expected two or more studies, each once, got {names}")
    studies = {folder.name: results.read(folder) for folder in folders}
    groups = {
        name: results.same_photos(studies[names[0]], study) for name, study in studies.items()
    }
    about = {name: results.tested_on(study) for name, study in studies.items()}
    sections, images = _pictures(folders, about)
    values = {
        "names": names,
        "about": about,
        "contents": [
            *[("answers", "Answers"), ("parameters", "What differs"), ("measures", "Measures")],
            *[(stem, words.rstrip(".")) for stem, words, _ in sections],
        ],
        "same": all(groups.values()),
        "strangers": [name for name, same in groups.items() if not same],
        "answers": [(name, *_answer(study)) for name, study in studies.items()],
        "sides": _sides(studies),
        "changes": [_change(studies, names[0], name, groups[name]) for name in names[1:]],
        "verdicts": verdicts.VERDICTS,
        "differences": _differences(studies),
        "tables": _tables(studies),
        "sections": sections,
    }
    path = folders[0].parent / f"comparison-{_file_name(names)}.html"
    return html_page.write_page("comparison.html.j2", values, images, path)


def _answer(study):
    """Of one study by itself: the headline and what its GAN comes to against its CNN."""
    summary, metrics = study["summary"], study["metrics"]
    return findings.headline(summary, metrics), findings.answer(summary, metrics)[0]


def _sides(studies):
    """NoGAN against the CNN in each study by itself: rows of (measure, a (text, verdict) a study).

    This can be read across, whatever the photos were: each difference is of one study's own photos.
    """
    found = {
        name: verdicts.compare(one["summary"], one["metrics"]) for name, one in studies.items()
    }
    tables = {name: {row.measure: row for row in rows} for name, rows in found.items()}
    rows = []
    for measure in MEASURES:
        if any(measure in table for table in tables.values()):
            title, unit, _ = known(measure)
            cells = [table.get(measure) for table in tables.values()]
            rows.append((f"{title} ({unit})" if unit else title, cells))
    return rows


def _change(studies, first, name, same):
    """One study against the first: title, name, sentence, and one model's measure by measure."""
    tables = {study: indexed(studies[study]["summary"]) for study in (first, name)}
    models = [m for m in COMPARED if all(m in table.index for table in tables.values())]
    title = f"{name} against {first}"
    if not models:
        return title, name, "The two studies have no network in common.", []
    model = models[0]
    if not same:
        words = "The two were evaluated on different photos, so no row of one can be compared with "
        words += "a row of the other. What can be compared is who is better within each: see above."
        return title, name, words, []
    parts = [table.loc[[model]].rename(index={model: study}) for study, table in tables.items()]
    parts += [tables[first].loc[[row]] for row in ("truth",) if row in tables[first].index]
    photos = pd.concat(
        [
            studies[study]["metrics"].query("model in @wanted").replace({"model": {model: study}})
            for study, wanted in [(first, [model, "truth"]), (name, [model])]
        ]
    )
    summary = pd.concat(parts, join="inner").reset_index(names="model")
    rows = verdicts.compare(summary, photos, name, first)
    lead = findings.lead(rows, name, first) if rows else "The two tables have no measure in common."
    return f"{title}: {label(model)}", name, lead, rows


def _differences(studies):
    """Parameters, and what else a study is made from, that are not the same in all studies."""
    values = {name: _made_from(study) for name, study in studies.items()}
    keys = dict.fromkeys(key for made in values.values() for key in made)
    rows = []
    for key in keys:
        texts = [str(made.get(key, WITHOUT)) for made in values.values()]
        if len(set(texts)) > 1:
            rows.append((key, texts))
    return rows


def _made_from(study):
    run, data = study["run"], study["data"]
    parameters = run.get("parameters") or {}
    made = {k: "none" if v is None else v for k, v in parameters.items() if k not in OWN}
    counts = data.get("counts") or {}
    if "test" in counts:
        made["test photos"] = f"{counts['test']:,}"
    if "train" in counts:
        made["training photos"] = f"{counts['train']:,}"
    made["data"] = str(data.get("fingerprint") or "not recorded")[:12]
    made["commit"] = str((run.get("git") or {}).get("commit") or "not recorded")[:12]
    hardware = run.get("hardware") or {}
    made["device"] = ", ".join(hardware.get("gpus") or []) or hardware.get("cpu", "not recorded")
    if run.get("seconds"):
        made["seconds, the whole study"] = f"{run['seconds']:,.0f}"
    return made


def _tables(studies):
    """For each measure that a study has: name, unit, better, rows of (label, a text a study)."""
    tables = {name: indexed(study["summary"]) for name, study in studies.items()}
    models = in_order({model for table in tables.values() for model in table.index})
    found = []
    for measure in MEASURES:
        rows = [
            (
                label(model),
                [
                    interval(table, model, measure)
                    if measure in table and model in table.index
                    else WITHOUT
                    for table in tables.values()
                ],
            )
            for model in models
            if model != "truth" or measure == "kid"
        ]
        rows = [row for row in rows if set(row[1]) != {WITHOUT}]
        if rows:
            found.append((*known(measure), rows))
    return found


def _pictures(folders, about):
    """Sections of (file, words, (picture, caption) of each study), and all pictures."""
    found = {
        folder.name: {picture.stem: picture for picture in html_page.pictures(folder / "figures")}
        for folder in folders
    }
    sections = []
    for stem, words in FIGURES.items():
        shown = [
            (images[stem], f"{name}: {about[name]}.")
            for name, images in found.items()
            if stem in images
        ]
        if shown:
            sections.append((stem, words, shown))
    return sections, [picture for _, _, shown in sections for picture, _ in shown]


def _file_name(names):
    """The names, cut if they are long; a cut name ends in a digest of all of them."""
    joined = "-".join(names)
    if len(joined) <= LONGEST:
        return joined
    digest = hashlib.sha256("\n".join(names).encode()).hexdigest()[:8]
    return f"{joined[: LONGEST - 9]}-{digest}"
