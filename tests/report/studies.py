"""Small studies for the tests of the report, in memory and on the disk, and a reader of pages."""

import html.parser
import io
import re
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image, PngImagePlugin

from lib.figures.style import in_order
from lib.files import read_json, write_json
from lib.intervals import paired_difference, summarize
from lib.report import results

PHOTOS, SEED = 60, 7
ERRORS = {
    **{"truth": 0, "gray": 20, "mean_ab": 19, "l_lookup": 18, "oracle_mean": 9},
    **{"oracle_sample": 13, "cnn": 12, "autoencoder": 21, "generator": 11, "gan": 10},
}
COLORS = {
    **{"truth": 70, "gray": 0, "mean_ab": 9, "l_lookup": 12, "oracle_mean": 60},
    **{"oracle_sample": 70, "cnn": 40, "autoencoder": 20, "generator": 50, "gan": 66},
}


def metrics(errors=ERRORS, colors=COLORS, spread=0.5):
    """A table in which photos differ much and models differ by a known amount."""
    random, tables = np.random.default_rng(0), []
    hard = random.normal(0, 3, PHOTOS)
    for model, error in errors.items():
        noise = random.normal(0, spread, (3, PHOTOS))
        table = pd.DataFrame({"photo": [f"photo-{n}.jpg" for n in range(PHOTOS)], "model": model})
        table["rmse_ab"] = error + hard + noise[0] if error else 0.0
        table["rmse_rgb"] = 1.5 * (error + hard) + noise[1] if error else 0.0
        table["psnr"] = 30 - error / 2 + noise[2]
        table["colorfulness"] = colors[model] + hard
        tables.append(table)
    return pd.concat(tables)


def changed(**errors):
    return metrics(ERRORS | errors)


def study_of(photos, summary=None, **others):
    """A study in memory, from a table of photos."""
    table = (summarize(photos) if summary is None else summary).set_index("model")
    return results.Study(table.loc[in_order(table.index)], metrics=photos, **others)


def png(size, alt):
    memory, chunks = io.BytesIO(), PngImagePlugin.PngInfo()
    chunks.add_text("Description", alt)
    noise = np.random.default_rng(1).integers(0, 256, (*size[::-1], 3), dtype=np.uint8)
    Image.fromarray(noise).save(memory, "PNG", pnginfo=chunks)
    return memory.getvalue()


def write(folder, photos=None, **parameters):
    """Write the tables, one figure and the record of a study; returns its folder."""
    photos = metrics() if photos is None else photos
    (folder / "figures").mkdir(parents=True)
    photos.to_csv(folder / "metrics.csv", index=False)
    summarize(photos, SEED).to_csv(folder / "summary.csv", index=False)
    facts = {"seed": SEED, "paired": []}
    if {"gan", "cnn"} <= set(photos["model"]):
        pair = {"model": "gan", "reference": "cnn", "measure": "rmse_ab"}
        facts["paired"] = [pair | paired_difference(photos, "rmse_ab", "gan", "cnn", SEED)]
    given = {"STUDY": folder.name, "EPOCHS": 8, "SOURCE": None} | parameters
    run = {"study": folder.name, "parameters": given, "seconds": 60.0}
    write_json(folder / "summary.json", facts)
    write_json(folder / "run.json", run)
    write_json(folder / "data.json", {"dataset": "scenes", "fingerprint": "ab" * 32})
    (folder / "figures" / "fig6_grid.png").write_bytes(png((60, 40), f"grid of {folder.name}"))
    return folder


def write_study(folder):
    """Write the results of a whole study, without Xception."""
    write(folder)
    (folder / "figures" / "slider").mkdir()
    shown = ("fig1_gray_sample", "fig3_flow", "fig7_8_curves", "worst", "an_unknown_one")
    for name in shown:
        (folder / "figures" / f"{name}.png").write_bytes(png((600, 40), f"words of <{name}>"))
    (folder / "figures" / "broken.png").write_bytes(b"not a picture")
    for name in ("my-photo-before", "my-photo-after-gan", "lonely-after-gan", "other-before"):
        (folder / "figures" / "slider" / f"{name}.png").write_bytes(png((32, 32), name))
    epochs = np.arange(1, 11)
    history = pd.DataFrame({"epoch": epochs, "val_loss": abs(epochs - 4) + 1, "seconds": 2.5})
    for name in ("cnn", "autoencoder", "generator", "gan", "critic"):
        (folder / name).mkdir()
        params = {"parameters": 1234567, "settings": {"epochs": 10, "loss": "mse"}, "warnings": []}
        params["warnings"] = ["weights are random <b>"] if name in ("generator", "gan") else []
        if name == "cnn":
            params |= {"precision": "mixed_bfloat16", "recipe": {"arguments": {"filters": 8}}}
        write_json(folder / name / "params.json", params)
        if name not in ("gan", "critic"):
            history.to_csv(folder / name / "history.csv", index=False)
    change_json(folder / "summary.json", warnings=["KID is of random features."])
    counts = {"found": 1234, "kept": 1200, "train": 960, "val": 120, "test": 120}
    counts |= {"rejected": {"grey": 34}}
    change_json(folder / "data.json", dataset="flickr30k", counts=counts)
    parameters = {"DATASET": "flickr30k", "IMAGE_SIZE": 200, "BATCH_SIZE": 96, "EPOCHS": 10}
    change_json(
        folder / "run.json",
        profile="paper",
        parameters=parameters,
        versions={"python": "3.11.1", "tensorflow": "2.21.0", "keras": "3.15.1", "numpy": None},
        hardware={"cpu": "A CPU", "cores": 2, "memory_gb": 8.0, "gpus": ["A GPU"]},
        steps={"03_cnn": {"seconds": 12.3, "finished": "2026-01-05T10:00:00+00:00"}},
    )
    return folder


def write_seeds(folder):
    """Write the seeds.csv of a study: three runs of two networks."""
    seeds = [("cnn", "rmse_ab", 3, 12.0, 0.3), ("gan", "rmse_ab", 3, 10.1, 0.2)]
    columns = ["model", "measure", "seeds", "mean", "sd"]
    pd.DataFrame(seeds, columns=columns).to_csv(folder / "seeds.csv", index=False)


def change_json(path, **values):
    write_json(path, read_json(path) | values)


class Page(html.parser.HTMLParser):
    """What the tests ask of a page: its tags with their attributes, and its words."""

    def __init__(self, path):
        super().__init__()
        self.tags, self.words = [], ""
        self.feed(Path(path).read_text("utf-8"))
        self.words = re.sub(r"\s+", " ", self.words)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.words += data + ("" if self.tags and self.tags[-1][0] in ("strong",) else " ")

    def all(self, *names):
        return [attributes for tag, attributes in self.tags if tag in names]
