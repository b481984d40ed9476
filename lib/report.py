"""Build results/<study>/report.html: one page that stands by itself, from the results alone.

Nothing is trained or measured here. Numbers come from summary.csv and metrics.csv, sentences from
`lib.findings`, the page's shape from report.html.j2, the comparison with the paper from
fidelity.yaml. What a study does not have is said in the page. Pictures are inside the page, which
asks nothing of any server (see `lib.embed`).
"""

import collections
import json
from pathlib import Path

import jinja2
import pandas as pd
import yaml

from lib import embed, files, findings
from lib.metrics import MEASURES
from lib.style import group, label

HERE = Path(__file__).parent
CONTENTS = {  # section: heading, in the order of the page
    "data": "Data",
    "preprocessing": "Preprocessing",
    "models": "Models",
    "training": "Training",
    "results": "Results",
    "pictures": "Pictures",
    "seen": "What we see",
    "fidelity": "The paper, statement by statement",
    "made": "How this was made",
}
FIGURES = {  # file: (section, caption), in the order of the page
    "fig1_gray_sample": ("data", "Figure 1. A grey photo: all that a model is given."),
    "fig2_samples": ("data", "Figure 2. Samples of the data set: what it should answer."),
    "counts": ("data", "Photos found, rejected, kept, and how they were split."),
    "rejected": ("data", "Rejected photos, and why."),
    "scenes_oracle": ("data", "The best possible answers: least error, and a true colouring."),
    "lab_channels": ("preprocessing", "A photo and its channels L, a and b."),
    "ab_histogram": ("preprocessing", "How often each colour occurs; the mean is a greyish brown."),
    "fig3_flow": ("models", "Figure 3. The way of a photo in training and in testing."),
    "fig4_cnn": ("models", "Figure 4. The CNN."),
    "fig5_autoencoder": ("models", "Figure 5. The autoencoder."),
    "xception": ("models", "The CNN on Xception."),
    "xception_skips": ("models", "The same, with connections from encoder to decoder."),
    "generator": ("models", "NoGAN’s generator."),
    "critic": ("models", "NoGAN’s critic."),
    "fig7_8_curves": ("training", "Figures 7 and 8. Accuracy and loss against epochs."),
    "nogan": ("training", "NoGAN’s adversarial phase, and the step that was kept."),
    "rmse_ab_bars": ("results", "Mean error with 95 % intervals."),
    "rank": ("results", "Where error and colour disagree, lines cross."),
    "fig6_grid": ("pictures", "Figure 6. Grey, truth, and each model’s answer."),
    "worst": ("pictures", "Best, median and worst photos, by their error."),
}
NEEDED = {  # trained model: notebook
    "cnn": "02",
    "autoencoder": "03",
    "xception": "04",
    "xception_skips": "04",
    "generator": "05",
    "gan": "05",
}
SAME = {  # of fidelity.yaml, in words
    "yes": "same",
    "no": "not the same",
    "partly": "partly",
    "open": "left open there",
    "added": "added here",
    "absent": "not in this study",
}


def build(folder):
    """Build the report of a study.

    Parameters
    ----------
    folder : path
        results/<study>, with at least summary.csv.

    Returns
    -------
    pathlib.Path
        results/<study>/report.html, written as a whole or not at all.

    Raises
    ------
    FileNotFoundError
        If there is no summary.csv: the study has not been evaluated.
    ValueError
        If summary.csv is not a table with a column `model`.
    """
    folder = Path(folder)
    study = read(folder)
    sections, sliders, images = _pictures(folder / "figures")
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    values = _page(folder, study) | {"sections": sections, "sliders": sliders}
    html = environment.get_template("report.html.j2").render(values)
    html = embed.inline(html, images, embed.LIMIT)
    path = folder / "report.html"
    files.write_text(path, html)
    return path


def read(folder):
    """Read the results of a study: dict of summary, metrics, run, data, params and histories.

    `metrics` is None, and a dict is empty, where there is nothing to read. Raises FileNotFoundError
    without summary.csv.
    """
    folder = Path(folder)
    path = folder / "summary.csv"
    if not path.is_file():
        raise FileNotFoundError(f"no {path}: run notebook 06 of this study first")
    summary, metrics = _csv(path), _csv(folder / "metrics.csv")
    if summary is None or "model" not in summary or summary.empty:
        raise ValueError(f"{path}: expected a table with a column model, and rows")
    if metrics is not None and not {"photo", "model"} <= set(metrics):
        metrics = None
    histories = {name: _csv(folder / name / "history.csv") for name in NEEDED}
    params = {name: _json(folder / name / "params.json") for name in (*NEEDED, "critic")}
    params["critic"] = params["critic"] or _json(folder / "critic" / "cycle1" / "params.json")
    return {
        "summary": summary,
        "metrics": metrics,
        "run": _json(folder / "run.json"),
        "data": _json(folder / "data.json"),
        "params": {name: values for name, values in params.items() if values},
        "histories": {
            n: h for n, h in histories.items() if h is not None and "epoch" in h and len(h)
        },
    }


def _page(folder, study):
    """What the template shows, figures aside."""
    summary, metrics, run = study["summary"], study["metrics"], study["run"]
    table, differences = findings.indexed(summary), findings.compare(summary, metrics)
    rows = [row for row in NEEDED if row in table.index]
    photos = None if metrics is None else metrics["photo"].nunique()
    return {
        "contents": [*CONTENTS.items()],
        "study": run.get("study", folder.name),
        "headline": findings.headline(summary, metrics),
        "answer": findings.answer(summary, metrics),
        "differences": differences,
        "verdicts": findings.VERDICTS,
        "warnings": _warnings(study, photos),
        "missing": [(label(name), note) for name, note in NEEDED.items() if name not in rows],
        "observations": findings.observations(summary, metrics, study["histories"]),
        "columns": [
            (m, *MEASURES.get(m, (m.replace("_", " "), "", ""))) for m in findings.measures(table)
        ],
        "rows": _rows(table),
        "models": _models(study),
        "fidelity": _fidelity(study, differences),
        "photos": photos,
        "data": study["data"],
        "run": run,
    }


def _warnings(study, photos):
    """What a reader must know before the numbers."""
    found = []
    for name, params in study["params"].items():
        found += [f"{label(name)}: {text}" for text in params.get("warnings") or []]
    if photos is not None and photos < 50:
        found.append(f"Only {photos} test photos: the numbers show that the study runs, no more.")
    if study["metrics"] is None:
        found.append("metrics.csv is missing: models are compared by their means’ intervals only.")
    if (study["run"].get("git") or {}).get("dirty"):
        found.append("The code differed from its commit when the study was run.")
    return found


def _rows(table):
    """Rows of the main table: name, label, group, and (text, is best) for each measure."""
    measures = findings.measures(table)
    winners = {measure: findings.best(table, measure) for measure in measures}
    return [
        (
            label(row),
            group(row)[0],
            [(findings.interval(table, row, m), row == winners[m]) for m in measures],
        )
        for row in table.index
    ]


def _models(study):
    """One row a trained network: label, weights, epochs, seconds an epoch, settings."""
    found = []
    for name, params in study["params"].items():
        history, settings = study["histories"].get(name), params.get("settings") or {}
        known = history is not None and "seconds" in history
        row = {
            "label": label(name),
            "parameters": params.get("parameters"),
            "epochs": settings.get("epochs") if history is None else len(history),
            "seconds": f"{history['seconds'].median():.1f}" if known else None,
            "settings": ", ".join(f"{k} {v}" for k, v in settings.items() if v is not None),
        }
        found.append(row)
    return found


def _fidelity(study, differences):
    """The rows of fidelity.yaml with what this study got, and whether that is the same."""
    run, counts = study["run"], study["data"].get("counts") or {}
    parameters, hardware = run.get("parameters") or {}, run.get("hardware") or {}
    verdicts = {row.measure: row for row in differences}
    values = collections.defaultdict(lambda: "(not recorded)")
    values |= {k: f"{v:,}" for k, v in counts.items() if isinstance(v, int)}
    values |= {k: v for k, v in parameters.items() if v is not None}
    values |= {k: v for k, v in (run.get("versions") or {}).items() if v}
    values["device"] = ", ".join(hardware.get("gpus") or []) or hardware.get(
        "cpu", "(not recorded)"
    )
    values["cnn_epochs"] = len(study["histories"].get("cnn", ())) or "(not recorded)"
    rows = []
    for entry in yaml.safe_load((HERE / "fidelity.yaml").read_text("utf-8")):
        needs, row = entry.get("needs", []), verdicts.get(entry.get("verdict"))
        same = entry.get("same", "no")
        if "when" in entry and all(parameters.get(k) in v for k, v in entry["when"].items()):
            same = "yes"
        if "verdict" in entry and row:
            values["difference"] = f"{row.difference} {row.unit}, {findings.VERDICTS[row.verdict]}"
            same = "yes" if row.verdict == "better" else "no"
        got = entry["got"].format_map(values)
        if study["params"].get(entry.get("pretrained"), {}).get("warnings"):
            same, got = ("no" if same == "yes" else same), f"{got} (see the warnings above)"
        if any(name not in set(study["summary"]["model"]) for name in needs):
            same, got = "absent", ""
        rows.append({**entry, "got": got, "same": same, "words": SAME[same]})
    return rows


def _pictures(folder):
    """Dict of section to (picture, caption) in order, list of sliders, and all pictures."""
    found = {picture.stem: picture for picture in embed.pictures(folder)}
    sections, known = collections.defaultdict(list), list(FIGURES)
    for stem in [*(s for s in known if s in found), *(s for s in found if s not in FIGURES)]:
        plain = stem.replace("_", " ")
        section, caption = FIGURES.get(stem, ("more", f"{plain[:1].upper()}{plain[1:]}."))
        sections[section].append((found[stem], caption))
    sliders = [(p, label(model), *pair) for p, model, *pair in embed.sliders(folder / "slider")]
    pairs = [picture for _, _, *pair in sliders for picture in pair]
    return sections, sliders, [*found.values(), *pairs]


def _csv(path):
    """A table, or None where there is none or nothing in it."""
    try:
        return pd.read_csv(path)
    except (FileNotFoundError, pd.errors.EmptyDataError, pd.errors.ParserError):
        return None


def _json(path):
    """What a JSON file holds; an empty dict where there is none or it is broken."""
    try:
        found = json.loads(path.read_text("utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
