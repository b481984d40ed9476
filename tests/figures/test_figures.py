"""Figures: nothing is clipped, nothing depends on colour alone, diagrams agree with the model."""

import os
import subprocess
import sys
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from lib import figures, lab
from lib.figures import color_charts, diagrams, style

ROOT = Path(__file__).parents[2]
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
    return pd.DataFrame(
        {
            "epoch": epoch,
            "loss": fall,
            "val_loss": fall * 1.1,
            "accuracy": 1 - fall / loss / 2,
            "val_accuracy": 0.9 - fall / loss / 2,
        }
    )


def nogan_log():
    step = np.arange(0, 60, 10)
    losses = [np.nan, 0.7, 0.68, 0.66, 0.65, 0.6]
    return pd.DataFrame(
        {
            "step": step,
            "rmse_ab": 13 + step / 60,
            "critic_loss": losses,
            "colorfulness_ratio": 0.6 + step / 90,
            "generator_loss": [np.nan] + losses[:5],
            "chosen": step == 30,
        }
    )


def histograms(models):
    return {name: RANDOM.integers(0, 1000, (23, 23)) for name in models}


def colors(models):
    rows = [(hue, model) for model in models for hue in color_charts.HUES]
    table = pd.DataFrame(rows, columns=["color", "model"]).assign(pixels=0.125)
    table["rmse_ab"] = RANDOM.uniform(5, 25, len(table))
    table["rmse_ab_low"], table["rmse_ab_high"] = table["rmse_ab"] - 1, table["rmse_ab"] + 1
    table["chroma_ratio"] = RANDOM.uniform(0.2, 1.5, len(table))
    empty = table["color"] == "cyan"  # no test pixel is cyan
    table.loc[empty, ["rmse_ab", "rmse_ab_low", "rmse_ab_high", "chroma_ratio"]] = np.nan
    table.loc[empty, "pixels"] = 0.0
    return table


def render():
    factors = np.array([16, 2, 8, 40])
    return pd.DataFrame(
        {
            "render_factor": factors,
            "seconds": factors / 10.0,
            "rmse_ab": 12 + abs(factors - 8) / 9,
            "delta_e_2000": 10 + abs(factors - 16) / 9,
        }
    )


def scribbles():
    table = pd.DataFrame({"share": [0.001, 0.01, 0.1], "rmse_ab": [9.0, 6.0, 3.0]})
    return table.assign(rmse_ab_low=table.rmse_ab - 1, rmse_ab_high=table.rmse_ab + 1)


def sources(number):
    """Blocks that block `number` of a long model takes."""
    return [f"block_{n}" for n in {3: (2, 1), 39: (38, 0)}.get(number, (number - 1,)) if n >= 0]


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
    "photo_grid of one": lambda: figures.photo_grid(
        RGB[:1], ["too small: 31 pixels, 64 are asked for"]
    ),
    "photo_row": lambda: figures.photo_row(RGB[:3], ["one", "two", "three"]),
    "colorization_grid": lambda: figures.colorization_grid(
        GRAY, RGB, dict.fromkeys(style.ROWS, RGB), NAMES
    ),
    "colorization_grid of one": lambda: figures.colorization_grid(GRAY[:1], RGB[:1], {}),
    "worst_best": lambda: figures.worst_best(RGB, RGB, RANDOM.random(9)),
    "lab_channels": lambda: figures.lab_channels(RGB[0]),
    "ab_histogram": lambda: figures.ab_histogram(RANDOM.normal(5, 20, (2, 8, 8, 2)), (5, 5)),
    "counts": lambda: figures.counts({"found": 8091, "rejected: near-duplicate": 0, "kept": 8091}),
    "training_curves": lambda: figures.training_curves(
        {name: history(12 + number, 10.0**number) for number, name in enumerate(style.LINES)}
    ),
    "training_curves of one epoch": lambda: figures.training_curves({"cnn": history(1)}),
    "measure_bars": lambda: figures.measure_bars(
        summary(list(style.ROWS)), "rmse_ab", "RMSE of ab", "CIELAB units", "lower"
    ),
    "measure_bars of one": lambda: figures.measure_bars(summary(["cnn"]), "colorfulness"),
    "rank_plot": lambda: figures.rank_plot(summary(list(style.ROWS))),
    "rank_plot without truth": lambda: figures.rank_plot(summary(["gray", "cnn"])),
    "ab_histograms": lambda: figures.ab_histograms(histograms(list(style.ROWS)[:13])),
    "ab_histograms of one": lambda: figures.ab_histograms(histograms(["truth"])),
    "error_by_color": lambda: figures.error_by_color(colors(list(style.ROWS))),
    "error_by_color of one network": lambda: figures.error_by_color(colors(["cnn"])),
    "render_factor_curve": lambda: figures.render_factor_curve(render()),
    "render_factor_curve of one": lambda: figures.render_factor_curve(render()[:1]),
    "looks": lambda: figures.looks(*strips(25), chosen=45),
    "looks at one step": lambda: figures.looks(*strips(1), chosen=0),
    "nogan_curves": lambda: figures.nogan_curves(nogan_log()),
    "nogan_curves in cycles": lambda: figures.nogan_curves(
        nogan_log().assign(cycle=[0, 0, 1, 1, 2, 2])
    ),
    "nogan_curves of one step": lambda: figures.nogan_curves(nogan_log()[:1].assign(chosen=True)),
    "flow_diagram": figures.flow_diagram,
    "model_diagram": lambda: figures.model_diagram(figures.blocks_of(keras_model()), "A model"),
    "model_diagram of many lines": lambda: figures.model_diagram(
        [
            {"name": f"block_{n}", "kind": "dense", "shape": (200, 200, 64), "inputs": sources(n)}
            for n in range(40)
        ]
    ),
    "scribble_curve": lambda: figures.scribble_curve(
        scribbles(), {"No colour": 13.4, "Mean colour": 13.3, "Reinhard": 3.14}, 9216
    ),
    "photo_row of a name with dollars": lambda: figures.photo_row(
        RGB[:2], ["save $x_{$ now.jpg", "a\udce9\rb $\\frac$.jpg"]
    ),
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


def test_figures_leave_no_pyplot_state_and_no_changed_settings():
    before = dict(matplotlib.rcParams)
    figures.flow_diagram()
    assert dict(matplotlib.rcParams) == before
    import matplotlib.pyplot as pyplot

    assert pyplot.get_fignums() == []


def test_save_writes_whole_png_with_its_words(tmp_path):
    path = figures.save(
        figures.counts({"found": 3}), tmp_path / "new" / "counts.png", "Drei – 3 ≥ 2"
    )
    with Image.open(path) as image:
        image.load()
        assert image.text["Description"] == "Drei – 3 ≥ 2"
        assert round(image.info["dpi"][0]) == style.DPI
    assert [file.name for file in path.parent.iterdir()] == ["counts.png"]
    first = path.read_bytes()
    figures.save(figures.counts({"found": 3}), path, "Drei – 3 ≥ 2")
    assert path.read_bytes() == first  # the same figure is the same file


def test_drawing_needs_neither_home_nor_a_locale(tmp_path):
    code = (
        "import sys; from lib import figures as f; f.save(f.counts({'\\u00e9': 3}), *sys.argv[1:])"
    )
    bare = {"PATH": os.environ["PATH"], "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONPATH": "."}
    path = tmp_path / "counts.png"
    command = [sys.executable, "-c", code, str(path), "words"]
    subprocess.run(command, env=bare | {"PYTHONCOERCECLOCALE": "0"}, check=True, cwd=ROOT)
    assert path.is_file()


def test_names_are_never_read_as_mathematics():
    axes = FIGURES["photo_row of a name with dollars"]().axes[0]
    assert [text.get_text() for text in axes.texts] == ["save $x_{$ now.jpg", "a? b $\\frac$.jpg"]
    table = {"cnn": history(12, 1e-3), "gan": history(12, 1e3)}
    ticks = [tick.get_text() for tick in figures.training_curves(table).axes[1].get_yticklabels()]
    assert "10⁻³" in ticks and not any("$" in tick for tick in ticks)


@pytest.mark.parametrize("alt", ["", "  ", None])
def test_save_refuses_a_figure_without_words(tmp_path, alt):
    with pytest.raises(ValueError, match="alt"):
        figures.save(figures.counts({"found": 3}), tmp_path / "counts.png", alt)
    assert not list(tmp_path.iterdir())


def test_save_refuses_other_formats(tmp_path):
    with pytest.raises(ValueError, match="png"):
        figures.save(figures.counts({"found": 3}), tmp_path / "counts.svg", "words")


def test_slider_pair_is_small_and_has_words(tmp_path):
    big = np.zeros((900, 450, 3), np.uint8)
    before, after = figures.save_slider(tmp_path, "a/photo-1.jpg", "gan", GRAY[0], big)
    assert before.name == "photo-1-before.png" and after.name == "photo-1-after-gan.png"
    with Image.open(after) as image:
        assert image.size == (160, 320) and "NoGAN" in image.text["Description"]
    with Image.open(before) as image:
        red, green, blue = np.moveaxis(np.asarray(image.convert("RGB")).astype(int), -1, 0)
        assert abs(red - green).max() <= 1 and abs(green - blue).max() <= 1


def test_nothing_is_told_by_colour_alone():
    for looks in (style.LOOKS, style.GROUPS.values()):
        assert len({look[-1] for look in looks}) == len(looks)  # markers
    tints = [(fill, hatch) for _, fill, hatch, _ in diagrams.KINDS.values()]
    assert len(set(tints)) == len(tints)


def test_pick_is_a_rule():
    groups = figures.pick([5, 1, 4, 2, 3, 9, 0], count=2)
    assert {name: list(rows) for name, rows in groups.items()} == {
        "best": [6, 1],
        "median": [3, 4],
        "worst": [0, 5],
    }
    assert [len(rows) for rows in figures.pick(np.zeros(4), 3).values()] == [1, 1, 1]


def test_blocks_come_from_the_model():
    found = figures.blocks_of(keras_model(), image_size=32)
    assert [block["name"] for block in found] == [
        *("encode1", "xception", "global2", "spread", "decode3", "fuse4", "output"),
    ]
    by_name = {block["name"]: block for block in found}
    assert by_name["encode1"]["shape"] == (16, 16, 8)
    assert (
        by_name["xception"]["shape"] == (8, 8, 12) and by_name["xception"]["kind"] == "pretrained"
    )
    assert by_name["global2"]["shape"] == (5,) and by_name["global2"]["kind"] == "dense"
    assert by_name["spread"]["kind"] == "other"
    assert by_name["decode3"]["shape"] == (16, 16, 8)
    assert by_name["fuse4"]["inputs"] == ["decode3", "encode1"]
    assert by_name["encode1"]["inputs"] == [] and by_name["output"]["shape"] == (16, 16, 2)


def test_layers_that_keras_named_are_blocks_of_their_own():
    import keras
    from keras import layers

    start = keras.Input((8, 8, 1))
    x = layers.Conv2D(4, 3, padding="same")(start)
    x = layers.ReLU()(layers.BatchNormalization()(x))
    model = keras.Model(start, layers.Conv2D(2, 3)(x))
    found = figures.blocks_of(model)
    assert [block["shape"] for block in found] == [(8, 8, 4), (6, 6, 2)]
    assert [block["kind"] for block in found] == ["convolution"] * 2
    with pytest.raises(ValueError, match="functional"):
        figures.blocks_of(layers.Conv2D(1, 1))


def test_marked_scribbles_show_their_colours():
    given, ab = np.zeros((20, 24), bool), np.zeros((20, 24, 2))
    given[10, [6, 17]], ab[10, 6] = True, (80, 67)  # red, and grey
    shown = figures.mark(np.full((20, 24, 1), 30.0), given, ab)
    assert shown.shape == (200, 240, 3) and shown.dtype == np.float32
    assert shown.min() >= 0 and shown.max() <= 1
    rows, columns = np.nonzero(given)
    red, gray = shown[rows[0] * 10 + 5, columns * 10 + 5]
    assert red[0] > red[1] + 0.3 and np.ptp(gray) < 0.01
    plain = lab.lab_to_rgb(np.float32([30, 0, 0]))
    np.testing.assert_allclose(shown[0, 0], plain, atol=1e-5)
    np.testing.assert_allclose(
        figures.mark(np.full((20, 24, 1), 30.0), given & False, ab),
        np.broadcast_to(plain, (200, 240, 3)),
        atol=1e-5,
    )


@pytest.mark.parametrize(
    "call, word",
    [
        (lambda: figures.gray_sample(RGB[0]), "lightness"),
        (lambda: figures.photo_grid([]), "rgb"),
        (lambda: figures.photo_grid(RGB, ["one"]), "titles"),
        (lambda: figures.photo_grid(RGB[..., :2]), "rgb"),
        (lambda: figures.colorization_grid(GRAY, RGB, {"cnn": RGB[:2]}), "CNN"),
        (lambda: figures.worst_best(RGB, RGB, [1.0]), "values"),
        (lambda: figures.ab_histogram(np.zeros((4, 3)), (0, 0)), "ab"),
        (lambda: figures.measure_bars(summary(), "psnr"), "psnr"),
        (lambda: figures.rank_plot(summary().drop(columns="colorfulness")), "colorfulness"),
        (lambda: figures.error_by_color(colors(["gray"])), "network"),
        (lambda: figures.save_slider("x", "p", "gan", GRAY[0], RGB[0], "other"), "group"),
        (lambda: figures.model_diagram([]), "blocks"),
        (lambda: figures.mark(GRAY[0], np.zeros((9, 16), bool), None), "given"),
    ],
)
def test_wrong_arguments_are_named(call, word):
    with pytest.raises(ValueError, match=word):
        call()
