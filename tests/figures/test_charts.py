"""Charts say what their tables say: order, ranks, baselines, and what is marked."""

import numpy as np
import pandas as pd
from test_figures import MODELS, colors, history, render, scribbles, strips, summary

from lib import figures
from lib.figures import color_charts, photos, style


def test_tables_are_drawn_baselines_first_and_without_truth_among_errors():
    axes = figures.measure_bars(summary(), "rmse_ab").axes[0]
    words = [tick.get_text() for tick in axes.get_yticklabels()]
    assert words == [style.label(name) for name in style.in_order(MODELS) if name != "truth"]
    assert words[0] == "No colour"
    bars = figures.measure_bars(summary().set_index("model"), "colorfulness").axes[0]
    assert any("true" in text.get_text() for text in bars.texts)


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


def test_ranks_say_how_far_the_two_orders_agree():
    table = pd.DataFrame({"model": ["truth", "gray", "mean_ab", "cnn"], "rmse_ab": [0.0, 3, 2, 1]})
    for color, words in [([10.0, 0, 5, 9], "+1.00"), ([10.0, 9, 5, 0], "−1.00")]:
        texts = figures.rank_plot(table.assign(colorfulness=color)).axes[0].texts
        assert any(f"Spearman’s ρ: {words}" in text.get_text() for text in texts)


def test_looks_keep_the_first_the_last_and_the_chosen_step_and_mark_it():
    for count in (1, 2, 8, 9, 25):
        for chosen in range(count):
            picked = photos._evenly(count, chosen)
            assert len(picked) == min(count, photos.LOOKS)
            assert {0, chosen, count - 1} <= set(picked) and picked == sorted(picked)
    axes = figures.looks(*strips(25), chosen=45).axes[0]
    words = [text.get_text() for text in axes.texts]
    marked = [word for word in words if "kept by" in word]
    assert len(marked) == 1 and marked[0].startswith("step 45\n") and len(axes.patches) == 1
    assert words[0].startswith("step 0\n") and words[-1] == "step 120"
    shown = [image.get_array()[0, 0, 0] for image in axes.images]
    assert [f"step {5 * shade}" for shade in shown] == [word.split("\n")[0] for word in words]


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
    table["rmse_ab"] = table["model"].map(
        {"mean_ab": 9.0, "l_lookup": 10.0, "random_photo": 1.0, "cnn": 8.0}
    )
    figure = figures.error_by_color(table)
    words = [text.get_text() for text in figure.legends[0].get_texts()]
    assert "best simple baseline (mean colour)" in words
    ticks = [tick.get_text() for tick in figure.axes[0].get_yticklabels()]
    assert [tick.split(" ")[0] for tick in ticks] == list(color_charts.HUES)
    bars = [line.get_xdata()[0] for line in figure.axes[0].lines if line.get_marker() == "|"]
    assert bars == [9.0] * 8


def test_the_render_factor_is_in_order_and_its_least_error_is_ringed():
    left, right = figures.render_factor_curve(render()).axes
    assert list(right.lines[0].get_xdata()) == [2, 8, 16, 40]
    rings = [line for line in left.lines if line.get_markersize() == 12]
    assert [ring.get_xdata()[0] for ring in rings] == [8, 16]


def test_names_beside_curves_do_not_overlap():
    same = {name: history() for name in style.LINES}
    for axes in figures.training_curves(same).axes:
        heights = sorted(text.get_position()[1] for text in axes.texts)
        assert len(heights) == len(same) and np.diff(heights).min() > 0.06


def test_scribbles_are_set_against_rows_that_take_none():
    lines = {"No colour": 13.4, "Mean colour": 13.3, "Reinhard": 3.14}
    axes = figures.scribble_curve(scribbles(), lines, 9216).axes[0]
    assert [text.get_text() for text in axes.texts] == [
        *("Levin: 3.0", "Reinhard: 3.1", "Mean colour: 13.3", "No colour: 13.4")
    ]
    assert np.diff([text.get_position()[1] for text in axes.texts]).min() > 0.06
    np.testing.assert_array_equal(axes.lines[0].get_ydata(), [9, 6, 3])
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["0.1 %", "1 %", "10 %"]
