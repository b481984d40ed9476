"""Build results/<study>/report.html: one page that stands by itself, from the results alone.

Nothing is trained or measured here. Numbers come from summary.csv and metrics.csv, sentences from
`lib.findings`, the page's shape from report.html.j2, the comparison with the paper from
fidelity.yaml. What a study does not have is said in the page. Pictures are inside the page, which
asks nothing of any server, and is kept below `LIMIT` bytes.
"""

import base64
import collections
import io
import json
import os
import re
from pathlib import Path

import jinja2
import pandas as pd
import yaml
from PIL import Image

from lib import figures, findings
from lib.metrics import MEASURES
from lib.style import group, label

HERE = Path(__file__).parent
LIMIT = 12_000_000  # bytes of the whole page
QUALITY = 85  # of JPEG, for pictures that are too large as PNG
PIXELS_AN_INCH = 1.25  # a figure's pixels for one pixel of the page: 120 / 96
FIGURES = {  # file: (section, caption), in the order of the page
    "fig1_gray_sample": ("data", "Figure 1. A grey photo: all that a model is given."),
    "fig2_samples": ("data", "Figure 2. Samples of the data set: what it should answer."),
    "counts": ("data", "Photos found, rejected, kept, and how they were split."),
    "rejected": ("data", "Rejected photos, and why."),
    "scenes_oracle": ("data", "What can be known: the mean of all possible colours has the least "
                      "error, and a random draw of them looks real."),
    "lab_channels": ("preprocessing", "A photo and its channels L, a and b."),
    "ab_histogram": ("preprocessing", "How often each colour occurs. A model that cannot decide "
                     "answers with the mean: a greyish brown."),
    "fig3_flow": ("models", "Figure 3. The way of a photo in training and in testing."),
    "fig4_cnn": ("models", "Figure 4. The CNN."),
    "fig5_autoencoder": ("models", "Figure 5. The autoencoder."),
    "xception": ("models", "The CNN on Xception."),
    "xception_skips": ("models", "The same with connections from the encoder to the decoder."),
    "generator": ("models", "NoGAN’s generator."),
    "critic": ("models", "NoGAN’s critic."),
    "fig7_8_curves": ("training", "Figures 7 and 8. Accuracy and loss against epochs."),
    "nogan": ("training", "NoGAN’s adversarial phase, and the step that was kept."),
    "rmse_ab_bars": ("results", "Mean error with 95 % intervals."),
    "rank": ("results", "Where error and colour disagree: lines that cross."),
    "fig6_grid": ("pictures", "Figure 6. Grey, truth, and each model’s answer."),
    "worst": ("pictures", "Best, median and worst photos, chosen by error."),
}  # fmt: skip
NEEDED = {"cnn": "02", "autoencoder": "03", "xception": "04", "xception_skips": "04",
          "generator": "05", "gan": "05"}  # fmt: skip
SAME = {"yes": "same", "no": "not the same", "partly": "partly", "open": "left open by the paper",
        "added": "added here", "absent": "not in this study"}  # fmt: skip

Figure = collections.namedtuple("Figure", "name caption alt width height small")


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
    _draw(folder, study)
    images, sections = _figures(folder / "figures")
    sliders = _sliders(folder / "figures" / "slider", images)
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE), autoescape=True, undefined=jinja2.StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    values = _page(folder, study) | {"sections": sections, "sliders": sliders}
    template = environment.get_template("report.html.j2")
    html = template.render(values, source=lambda name: f"\0{name}\0")
    html = _inline(html, images)
    path = folder / "report.html"
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    temporary.write_text(html, encoding="utf-8")
    temporary.replace(path)
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
    return {
        "summary": summary,
        "metrics": metrics,
        "run": _json(folder / "run.json"),
        "data": _json(folder / "data.json"),
        "params": {name: values for name, values in params.items() if values},
        "histories": {name: h for name, h in histories.items() if h is not None and "epoch" in h},
    }


def _page(folder, study):
    """What the template shows, figures aside."""
    summary, metrics, run = study["summary"], study["metrics"], study["run"]
    table, differences = findings.indexed(summary), findings.compare(summary, metrics)
    rows = [row for row in NEEDED if row in table.index]
    photos = None if metrics is None else metrics["photo"].nunique()
    return {
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
        "labels": {name: label(name) for name in table.index},
    }


def _warnings(study, photos):
    """What a reader must know before the numbers."""
    found = []
    for name, params in study["params"].items():
        found += [f"{label(name)}: {text}" for text in params.get("warnings", [])]
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
        (label(row), group(row)[0],
         [(findings.interval(table, row, m), row == winners[m]) for m in measures])
        for row in table.index
    ]  # fmt: skip


def _models(study):
    """One row a trained network: label, weights, epochs, seconds an epoch, settings."""
    found = []
    for name, params in study["params"].items():
        history = study["histories"].get(name)
        seconds = (
            None if history is None or "seconds" not in history else history["seconds"].median()
        )
        settings = params.get("settings") or {}
        found.append({
            "label": label(name) if name != "critic" else "Critic",
            "parameters": params.get("parameters"),
            "epochs": None if history is None else len(history),
            "seconds": None if seconds is None else f"{seconds:.1f}",
            "settings": ", ".join(f"{k} {v}" for k, v in settings.items() if v is not None),
        })  # fmt: skip
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
        warned = any(study["params"].get(name, {}).get("warnings") for name in needs)
        same = "no" if same == "yes" and warned and "verdict" not in entry else same
        got = entry["got"].format_map(values) + (" (see the warnings above)" if warned else "")
        if any(name not in set(study["summary"]["model"]) for name in needs):
            same, got = "absent", ""
        rows.append({**entry, "got": got, "same": same, "words": SAME[same]})
    return rows


def _draw(folder, study):
    """The two figures that no notebook has: they need no photo and no model."""
    figures.save(figures.flow_diagram(), folder / "figures" / "fig3_flow.png",
                 "Training: a colour photo is split into L and ab, the model guesses ab from L, and "
                 "the loss compares the two. Testing: the guess is joined to the original L.")  # fmt: skip
    wanted = {"epoch", "loss", "val_loss", "accuracy", "val_accuracy"}
    curves = {name: h for name, h in study["histories"].items() if wanted <= set(h) and len(h)}
    if curves:
        ends = [f"{label(name)} {h['val_accuracy'].iloc[-1]:.2f}" for name, h in curves.items()]
        figures.save(figures.training_curves(curves), folder / "figures" / "fig7_8_curves.png",
                     f"Accuracy and loss rise and fall over the epochs; last validation accuracy: "
                     f"{', '.join(ends)}.")  # fmt: skip


def _figures(folder):
    """All figures: dict of name to PNG bytes, and dict of section to what it shows in order."""
    names = sorted(path.stem for path in folder.glob("*.png") if not path.name.startswith("."))
    known = list(FIGURES)
    images, sections = {}, collections.defaultdict(list)
    for name in sorted(
        names, key=lambda name: known.index(name) if name in FIGURES else len(known)
    ):
        figure = _figure(folder / f"{name}.png", images)
        if figure:
            sections[FIGURES.get(name, ("more",))[0]].append(figure)
    return images, sections


def _figure(path, images):
    """One picture, its bytes put into `images`; None if it cannot be read."""
    content = path.read_bytes()
    try:
        with Image.open(io.BytesIO(content)) as picture:
            picture.load()
            (width, height), text = picture.size, getattr(picture, "text", {})
    except OSError:
        return None
    name = str(path.relative_to(path.parents[1 if path.parent.name != "slider" else 2]))
    images[name] = content
    plain = path.stem.replace("_", " ")
    caption = FIGURES.get(path.stem, ("", f"{plain[:1].upper()}{plain[1:]}."))[1]
    small = max(width, height) < 200
    size = [round(side / PIXELS_AN_INCH) for side in (width, height)]
    return Figure(name, caption, text.get("Description") or plain, *size, small)


def _sliders(folder, images):
    """Pairs of pictures: what it is called, before, after; in order of photo and model."""
    pairs = []
    for path in sorted(folder.glob("*-after-*.png")):
        photo, _, model = path.stem.rpartition("-after-")
        before = path.with_name(f"{photo}-before.png")
        both = [_figure(file, images) for file in (before, path) if file.is_file()]
        if re.fullmatch(r"\w+", model) and len(both) == 2 and all(both):
            pairs.append((photo, label(model), *both))
    return pairs


def _inline(html, images):
    """Put pictures into the page, the largest as JPEG, then smaller, as far as the limit asks."""
    kinds, sizes = dict.fromkeys(images, "png"), {n: len(c) for n, c in images.items()}
    images, quality, scale = dict(images), QUALITY, 1.0
    while len(html) + sum(-(-size // 3) * 4 + 30 for size in sizes.values()) > LIMIT and sizes:
        name = max((n for n in sizes if kinds[n] == "png"), key=sizes.get, default=None)
        if name is None:  # all are JPEG: make the largest smaller
            name, scale = max(sizes, key=sizes.get), 0.7
        images[name], kinds[name] = _smaller(images[name], quality, scale), "jpeg"
        sizes[name] = len(images[name])
    for name, content in images.items():
        data = base64.b64encode(content).decode("ascii")
        html = html.replace(f"\0{name}\0", f"data:image/{kinds[name]};base64,{data}")
    return html
