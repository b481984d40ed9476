"""Build results/<study>/report.html: one page that stands by itself, from the results alone.

Nothing is trained or measured here. Numbers come from the study's tables (`lib.results`), sentences
from `lib.findings` and `lib.seeds`, the comparison with the paper from `lib.fidelity`, real photos
from `lib.reference`, the page's shape from report.html.j2. What a study does not have is said in
the page. Pictures are inside the page, which asks nothing of any server (see `lib.embed`).
"""

import collections
from pathlib import Path

from lib.figures.style import in_order, label
from lib.report import fidelity, findings, html_page, reference, results, seeds, tables, verdicts
from lib.report.cells import indexed, known, measures

CONTENTS = {  # section: heading, in the order of the page
    "data": "Data",
    "preprocessing": "Preprocessing",
    "related": "Without learning",
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
    "classical_grid": (
        "related",
        "Colours of an example photo (Reinhard, Welsh), and of scribbles (Levin).",
    ),
    "scribbles": ("related", "How many true colours, given as hints, are worth how much."),
    "fig3_flow": ("models", "Figure 3. The way of a photo in training and in testing."),
    "fig4_cnn": ("models", "Figure 4. The CNN."),
    "fig5_autoencoder": ("models", "Figure 5. The autoencoder."),
    "xception": ("models", "The CNN on Xception."),
    "xception_skips": ("models", "The same, with connections from encoder to decoder."),
    "generator": ("models", "NoGAN’s generator."),
    "critic": ("models", "NoGAN’s critic."),
    "fig7_8_curves": ("training", "Figures 7 and 8. Accuracy and loss against epochs."),
    "nogan": ("training", "NoGAN’s adversarial phase, and the step that was kept."),
    "nogan_looks": ("training", "The same photos along that phase: would you keep the same step?"),
    "rank": (
        "results",
        "Raw error against colour, the study’s main figure: two orders of the rows.",
    ),
    "rmse_ab_bars": ("results", "Mean error with 95 % intervals."),
    "error_by_color": ("results", "Which colours each network gets wrong."),
    "ab_histograms": (
        "results",
        "Which colours each row gives at all: caution stays in the middle.",
    ),
    "fig6_grid": ("pictures", "Figure 6. Grey, truth, and each model’s answer."),
    "worst": ("pictures", "Best, median and worst photos, by their error."),
    "render_factor": ("pictures", "What the render factor costs and gives."),
}
SLIDERS = {  # folder in figures/: (heading, words)
    "slider": ("Before and after", "The photos of Figure 6."),
    "failures": ("Before and after: the failures", "The worst photos, by the same rule as above."),
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
    FileNotFoundError, ValueError
        As `results.read`.
    """
    folder = Path(folder)
    study = results.read(folder)
    sections, pairs, images = _pictures(folder / "figures")
    values = _page(study) | {"sections": sections, "pairs": pairs}
    if real := reference.beside(folder, study, values["headline"]):
        values["contents"].insert(0, ("reference", "On real photos"))
        images += [picture for picture, _ in real["pictures"]]
    values["reference"] = real
    return html_page.write_page("report.html.j2", values, images, folder / "report.html")


def _page(study):
    """What the template shows, figures aside."""
    summary, metrics, run = study["summary"], study["metrics"], study["run"]
    table, differences = indexed(summary), verdicts.compare(summary, metrics)
    photos = None if metrics is None else metrics["photo"].nunique()
    spread, survives = [], ""
    if study["seeds"] is not None:
        spread = seeds.spreads(study["seeds"], summary)
        survives = seeds.survives(study["seeds"], summary, metrics)
    return {
        "contents": [*CONTENTS.items()],
        "study": study["name"],
        "headline": findings.headline(summary, metrics),
        "answer": [*findings.answer(summary, metrics), *filter(None, [survives])],
        "differences": differences,
        "verdicts": verdicts.VERDICTS,
        "warnings": tables.warnings(study),
        "observations": findings.observations(
            summary, metrics, study["histories"], study["colors"], study["joint"]
        ),
        "columns": [(measure, *known(measure)) for measure in measures(table)],
        "rows": tables.rows(table, measures(table)),
        "spread": spread,
        "models": _models(study),
        "fidelity": fidelity.compare(study, differences),
        "photos": photos,
        "commands": results.commands(run, study["name"]),
        "kid": study["facts"].get("kid") or {},
        "data": study["data"],
        "run": run,
    }


def _models(study):
    """One row a trained network: label, weights, epochs or steps, seconds of one, settings."""
    found = []
    for name, params in study["params"].items():
        history, settings = study["histories"].get(name), params.get("settings") or {}
        row = {"label": label(name), "parameters": params.get("parameters")}
        row["settings"] = ", ".join(f"{k} {v}" for k, v in settings.items() if v is not None)
        row["epochs"] = settings.get("epochs") if history is None else len(history)
        row["seconds"] = None
        if history is not None and "seconds" in history:
            row["seconds"] = f"{history['seconds'].median():.1f}"
        elif name == "gan" and study["steps"] is not None and len(study["steps"]) > 1:
            steps = study["steps"]
            row["epochs"] = f"{steps['step'].max():,} steps"
            row["seconds"] = f"{(steps['seconds'] / steps['step'].diff()).median():.2f} a step"
        found.append(row)
    return found


def _pictures(folder):
    """Dict of section to (picture, caption) in order, groups of sliders, and all pictures."""
    found = {picture.stem: picture for picture in html_page.pictures(folder)}
    sections, order = collections.defaultdict(list), list(FIGURES)
    for stem in [*(s for s in order if s in found), *(s for s in found if s not in FIGURES)]:
        plain = stem.replace("_", " ")
        section, caption = FIGURES.get(stem, ("more", f"{plain[:1].upper()}{plain[1:]}."))
        sections[section].append((found[stem], caption))
    groups, images = [], [*found.values()]
    for name, (title, words) in SLIDERS.items():
        photos = collections.defaultdict(dict)
        for photo, model, *pair in html_page.sliders(folder / name):
            photos[photo][model] = pair
            images += pair
        if photos:
            shown = [
                (photo, [(label(model), *pairs[model]) for model in in_order(pairs)])
                for photo, pairs in photos.items()
            ]
            groups.append((title, words, shown))
    return sections, groups, images
