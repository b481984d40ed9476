"""Figures: numbers and arrays in, a `matplotlib.figure.Figure` out."""

from lib.figures.blocks import blocks_of
from lib.figures.charts import counts, measure_bars, rank_plot
from lib.figures.classical import mark, scribble_curve
from lib.figures.color_charts import ab_histogram, ab_histograms, error_by_color
from lib.figures.curves import nogan_curves, render_factor_curve, training_curves
from lib.figures.diagrams import flow_diagram, model_diagram
from lib.figures.montage import looks
from lib.figures.photos import (
    colorization_grid,
    gray_sample,
    lab_channels,
    photo_grid,
    photo_row,
    pick,
    save_slider,
    worst_best,
)
from lib.figures.style import label, save

__all__ = [
    "ab_histogram",
    "ab_histograms",
    "blocks_of",
    "colorization_grid",
    "counts",
    "error_by_color",
    "flow_diagram",
    "gray_sample",
    "lab_channels",
    "label",
    "looks",
    "mark",
    "measure_bars",
    "model_diagram",
    "nogan_curves",
    "photo_grid",
    "photo_row",
    "pick",
    "rank_plot",
    "render_factor_curve",
    "save",
    "save_slider",
    "scribble_curve",
    "training_curves",
    "worst_best",
]
