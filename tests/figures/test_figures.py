"""Figures: nothing is clipped or told by colour alone; charts and diagrams say what they show."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from lib import figures, lab
from lib.figures import charts, diagrams, photos, style

RANDOM = np.random.default_rng(0)
RGB = RANDOM.integers(0, 256, (9, 16, 16, 3), dtype=np.uint8)
GRAY = RANDOM.uniform(0, 100, (9, 16, 16, 1)).astype(np.float32)
NAMES = [f"1000268201_693b08cb0e-{number}.jpg" for number in range(9)]  # as long as real ones
MODELS = ["truth", "gray", "l_lookup", "oracle_sample", "cnn", "xception_skips", "gan"]


def summary(models=MODELS):
    rows = len(models)
    table = pd.DataFrame({"model": models})
    for measure in ("rmse_ab", "colorfulness"):
        table[measure] = 10 + 3 * np.arange(rows) % 7
        table[f"{measure}_low"] = table[measure] - 1.0
        table[f"{measure}_high"] = table[measure] + 1.0
    return table


def history(epochs=12, loss=1.0):
    epoch = np.arange(1, epochs + 1)
    fall = loss * np.exp(-epoch / 4) + 0.1 * loss
    columns = {"loss": fall, "val_loss": fall * 1.1}
    columns |= {"accuracy": 1 - fall / loss / 2, "val_accuracy": 0.9 - fall / loss / 2}
    return pd.DataFrame({"epoch": epoch} | columns)


def nogan_log():
    step = np.arange(0, 60, 10)
    losses = [np.nan, 0.7, 0.68, 0.66, 0.65, 0.6]
    table = pd.DataFrame({"step": step, "cycle": step // 20, "chosen": step == 30})
    table = table.assign(rmse_ab=13 + step / 60, colorfulness_ratio=0.6 + step / 90)
    return table.assign(critic_loss=losses, generator_loss=[np.nan, *losses[:5]])


def colors(models):
    rows = [(hue, model) for model in models for hue in charts.HUES]
    table = pd.DataFrame(rows, columns=["color", "model"]).assign(pixels=0.125)
    table["rmse_ab"] = RANDOM.uniform(5, 25, len(table))
    table["rmse_ab_low"], table["rmse_ab_high"] = table["rmse_ab"] - 1, table["rmse_ab"] + 1
    table["chroma_ratio"] = RANDOM.uniform(0.2, 1.5, len(table))
    return table[table["color"] != "cyan"]  # no test pixel is cyan


def render():
    factors = np.array([2, 8, 16, 40])
    errors = {"rmse_ab": 12 + abs(factors - 8) / 9, "delta_e_2000": 10 + abs(factors - 16) / 9}
    return pd.DataFrame({"render_factor": factors, "seconds": factors / 10.0} | errors)


def scribbles():
    table = pd.DataFrame({"share": [0.001, 0.01, 0.1], "rmse_ab": [9.0, 6.0, 3.0]})
    table = table.assign(rmse_ab_low=table.rmse_ab - 1, rmse_ab_high=table.rmse_ab + 1)
    lines = {"No colour": 13.4, "Mean colour": 13.3, "Reinhard": 3.14}
    return figures.scribble_curve(table, lines, 9216)


def strips(count):
    rows = [np.full((16, 64, 3), shade, np.uint8) for shade in range(count)]
    return rows, [5 * number for number in range(count)]


def keras_model():
    import keras
    from keras import layers

    inner_input = keras.Input((None, None, 8))
    inner = keras.Model(inner_input, layers.Conv2D(12, 3, 2, "same")(inner_input), name="xception")
    x = start = keras.Input((None, None, 1), name="lightness")
    x = local = layers.Conv2D(8, 3, 2, "same", name="encode1_conv")(x)
    x = layers.BatchNormalization(name="encode1_norm")(x)
    x = inner(x)
    x = layers.GlobalAveragePooling2D(name="global2_mean")(x)
    x = layers.Dense(5, name="global2_dense")(x)
    x = layers.Reshape((1, 1, 5), name="spread_reshape")(x)
    x = layers.Conv2DTranspose(8, 3, 2, "same", name="decode3_conv")(x)
    x = layers.UpSampling2D(8, name="decode3_up")(x)
    x = layers.Concatenate(name="fuse4_concat")([x, local])
    return keras.Model(start, layers.Conv2D(2, 3, padding="same", name="output_ab")(x))


FIGURES = {
    "gray_sample": lambda: figures.gray_sample(GRAY[0]),
    "photo_grid": lambda: figures.photo_grid(RGB, NAMES, columns=4),
    "photo_grid of several sizes": lambda: figures.photo_grid([RGB[0], RGB[1, :7], GRAY[2]]),
    "photo_grid of one": lambda: figures.photo_grid(RGB[:1], ["too small: 31 pixels"]),
    "colorization_grid": lambda: figures.colorization_grid(
        GRAY, RGB, dict.fromkeys(style.ROWS, RGB), NAMES
    ),
    "worst_best": lambda: figures.worst_best(RGB[:6], RGB[3:], np.arange(6.0)),
    "lab_channels": lambda: figures.lab_channels(RGB[0]),
    "ab_histogram": lambda: figures.ab_histogram(RANDOM.normal(5, 20, (2, 8, 8, 2)), (5, 5)),
    "counts": lambda: figures.counts({"found": 8091, "rejected: near-duplicate": 0, "kept": 8091}),
    "training_curves": lambda: figures.training_curves(
        {name: history(12 + number, 10.0**number) for number, name in enumerate(style.LINES)}
    ),
    "error_bars": lambda: figures.error_bars(summary(list(style.ROWS))),
    "rank_plot": lambda: figures.rank_plot(summary(list(style.ROWS))),
    "ab_histograms": lambda: figures.ab_histograms(
        {name: RANDOM.integers(0, 1000, (23, 23)) for name in list(style.ROWS)[:13]}
    ),
    "error_by_color": lambda: figures.error_by_color(colors(list(style.ROWS))),
    "render_factor_curve": lambda: figures.render_factor_curve(render()),
    "scribble_curve": scribbles,
    "looks": lambda: figures.looks(*strips(25), chosen=45),
    "nogan_curves": lambda: figures.nogan_curves(nogan_log()),
    "nogan_curves, critic": lambda: figures.nogan_curves(nogan_log().assign(generator_loss=np.nan)),
    "flow_diagram": figures.flow_diagram,
    "model_diagram": lambda: figures.model_diagram(keras_model(), 64, "A model"),
}


@pytest.mark.parametrize("name", FIGURES)
def test_every_word_lies_inside_the_figure(name):
    figure = FIGURES[name]()
    assert isinstance(figure, Figure) and figure._repr_png_().startswith(b"\x89PNG")
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    renderer, page = canvas.get_renderer(), figure.bbox
    words = [text for axes in figure.axes for text in [*axes.texts, axes.title, axes._left_title]]
    for legend in filter(None, [axes.get_legend() for axes in figure.axes]):
        words += legend.get_texts()
    for axes in figure.axes:
        words += [axes.xaxis, axes.yaxis] if axes.axison else []  # with ticks and label
    for word in words:
        text = word.get_text() if hasattr(word, "get_text") else "axis"
        box = word.get_tightbbox(renderer)
        if text and word.get_visible() and box is not None:
            assert box.x0 > page.x0 - 2 and box.x1 < page.x1 + 2, text
            assert box.y0 > page.y0 - 2 and box.y1 < page.y1 + 2, text


def test_save_writes_whole_png_with_its_words(tmp_path):
    figure, path = figures.counts({"found": 3}), tmp_path / "new" / "counts.png"
    figures.save(figure, path, "Drei – 3 ≥ 2")
    with Image.open(path) as image:
        image.load()
        assert image.text["Description"] == "Drei – 3 ≥ 2"
        assert round(image.info["dpi"][0]) == 120
    assert [file.name for file in path.parent.iterdir()] == ["counts.png"]
    first = path.read_bytes()
    figures.save(figures.counts({"found": 3}), path, "Drei – 3 ≥ 2")
    assert path.read_bytes() == first  # the same figure is the same file


def test_slider_pair_is_small_and_has_words(tmp_path):
    big = np.zeros((900, 450, 3), np.uint8)
    figures.save_slider(tmp_path, "a/photo-1.jpg", "gan", GRAY[0], big)
    with Image.open(tmp_path / "slider" / "photo-1-after-gan.png") as image:
        assert image.size == (160, 320) and "NoGAN" in image.text["Description"]
    with Image.open(tmp_path / "slider" / "photo-1-before.png") as image:
        red, green, blue = np.moveaxis(np.asarray(image.convert("RGB")).astype(int), -1, 0)
        assert abs(red - green).max() <= 1 and abs(green - blue).max() <= 1


def test_nothing_is_told_by_colour_alone():
    for looks in (style.LINES.values(), style.GROUPS.values()):
        assert len({look[2] for look in looks}) == len(looks)  # markers
    tints = [kind[1:3] for kind in diagrams.KINDS.values()]
    assert len(set(tints)) == len(tints)


def test_pick_is_a_rule():
    groups = figures.pick([5, 1, 4, 2, 3, 9, 0])
    assert {name: list(rows) for name, rows in groups.items()} == {
        "best": [6, 1],
        "median": [3, 4],
        "worst": [0, 5],
    }
    assert [len(rows) for rows in figures.pick(np.zeros(4)).values()] == [1, 1, 1]


def test_blocks_come_from_the_model():
    found = diagrams._blocks(keras_model(), image_size=32)
    assert [block["name"] for block in found] == [
        *("encode1", "xception", "global2", "spread", "decode3", "fuse4", "output"),
    ]
    by_name = {block["name"]: block for block in found}
    assert by_name["encode1"]["shape"] == (16, 16, 8)
    assert by_name["xception"]["shape"] == (8, 8, 12)
    assert by_name["xception"]["kind"] == "pretrained"
    assert by_name["global2"]["shape"] == (5,) and by_name["global2"]["kind"] == "dense"
    assert by_name["spread"]["kind"] == "other"
    assert by_name["decode3"]["shape"] == (16, 16, 8)
    assert by_name["fuse4"]["inputs"] == ["decode3", "encode1"]
    assert by_name["encode1"]["inputs"] == [] and by_name["output"]["shape"] == (16, 16, 2)


def test_ranks_follow_the_distance_to_the_truth():
    table = pd.DataFrame(
        {
            "model": ["truth", "gray", "cnn"],
            "rmse_ab": [0.0, 2.0, 1.0],
            "colorfulness": [30.0, 28.0, 60.0],
        }
    )
    texts = figures.rank_plot(table).axes[0].texts
    rows = {}
    for text in texts:
        side, rank = text.get_position()[0] > 0.5, text.get_position()[1]
        rows.setdefault((side, rank), []).append(text.get_text())
    assert rows[False, 1] == ["1", "1.0", "CNN"] and rows[True, 1] == ["1", "28.0", "No colour"]
    assert rows[True, 2] == ["2", "60.0", "CNN"] and any("30.0" in t.get_text() for t in texts)
    assert any("Spearman’s ρ: −1.00" in text.get_text() for text in texts)


def test_looks_keep_the_first_the_last_and_the_chosen_step_and_mark_it():
    axes = figures.looks(*strips(25), chosen=45).axes
    words = [one.get_ylabel() for one in axes]
    marked = [one.get_ylabel() for one in axes if one.spines["top"].get_visible()]
    assert marked == ["step 45\nkept by\nthe rule  ►"]
    assert words[0].startswith("step 0\n") and words[-1] == "step 120"
    shown = [one.images[0].get_array()[0, 0, 0] for one in axes]
    assert [f"step {5 * shade}" for shade in shown] == [word.split("\n")[0] for word in words]
    assert len(words) == photos.LOOKS + 1


def test_histograms_say_what_lies_in_the_middle():
    grey = np.zeros((23, 23), int)
    grey[11, 11] = 30
    far = np.zeros((23, 23), int)
    far[[12, 13], [10, 11]] = [10, 30]  # (10, -10): inside; (20, 0): outside
    figure = figures.ab_histograms({"cnn": far, "truth": grey})
    titles = [axes.get_title(loc="left") for axes in figure.axes[:2]]
    assert titles == ["The true photos\n100 % in the square", "CNN\n25 % in the square"]
    shown = figure.axes[1].images[0].get_array()
    assert shown[11, 13] == 0.75 and shown[10, 12] == 0.25  # rows of the picture are b
    assert figure.axes[0].images[0].norm is figure.axes[1].images[0].norm


def test_errors_are_set_against_the_baseline_of_least_error():
    table = colors(["mean_ab", "l_lookup", "random_photo", "cnn"])
    errors = {"mean_ab": 9.0, "l_lookup": 10.0, "random_photo": 1.0, "cnn": 8.0}
    table["rmse_ab"] = table["model"].map(errors)
    figure = figures.error_by_color(table)
    words = [text.get_text() for text in figure.legends[0].get_texts()]
    assert "best simple baseline (mean colour)" in words
    ticks = [tick.get_text() for tick in figure.axes[0].get_yticklabels()]
    assert [tick.split(" ")[0] for tick in ticks] == [
        *("grey", "red", "orange", "yellow", "green", "blue", "purple")
    ]
    bars = [line.get_xdata()[0] for line in figure.axes[0].lines if line.get_marker() == "|"]
    assert bars == [9.0] * 7


def test_the_least_error_of_the_render_factors_is_ringed():
    left, _ = figures.render_factor_curve(render()).axes
    rings = [line for line in left.lines if line.get_markersize() == 12]
    assert [ring.get_xdata()[0] for ring in rings] == [8, 16]


def test_marked_scribbles_show_their_colours():
    given, ab = np.zeros((20, 24), bool), np.zeros((20, 24, 2))
    given[10, [6, 18]], ab[10, 6] = True, (60, 40)
    shown = figures.mark(np.full((20, 24, 1), 30.0), given, ab)
    assert shown.shape == (200, 240, 3) and shown.dtype == np.float32
    assert shown.min() >= 0 and shown.max() <= 1
    red, gray = shown[105, [65, 185]]
    assert red[0] > red[1] + 0.3 and np.ptp(gray) < 0.01
    np.testing.assert_allclose(shown[0, 0], lab.lab_to_rgb([30, 0, 0]), atol=1e-5)


def test_the_curve_of_scribbles_names_every_line_apart():
    texts = scribbles().axes[0].texts
    assert [text.get_text() for text in texts] == [
        *("Levin: 3.0", "Reinhard: 3.1", "Mean colour: 13.3", "No colour: 13.4")
    ]
    assert np.diff([text.get_position()[1] for text in texts]).min() > 0.06


def test_names_are_drawn_as_they_are_in_any_locale_and_without_a_home(tmp_path):
    """What ends Matplotlib: mathtext that is none; bytes of a name in no known encoding."""
    code = """
import sys, numpy as np
from lib import figures, lab, metrics
name = "save $x_{$ now \\udcff \\u00fc.jpg"
figure = figures.photo_grid(np.zeros((1, 9, 9, 3)), [name])
figures.save(figure, sys.argv[1], name)
figures.save(figures.counts({name[:12]: 1}), sys.argv[1], name)
"""
    environment = {"PATH": os.environ["PATH"], "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0"}
    environment |= {"PYTHONUTF8": "0", "MPLCONFIGDIR": str(tmp_path)}
    command = [sys.executable, "-c", code, tmp_path / "figure.png"]
    subprocess.run(command, env=environment, check=True, cwd=Path(style.__file__).parents[2])
    with Image.open(tmp_path / "figure.png") as image:
        assert image.text["Description"] == "save $x_{$ now ? ü.jpg"
