"""Figures: numbers and arrays in, a `matplotlib.figure.Figure` out.

No pyplot: nothing stays open behind a notebook's back, and a notebook shows a figure by returning
it. Photos are (N, H, W, 3), uint8 or float in [0, 1]; where a grey photo is wanted, lightness
(H, W) or (H, W, 1) in 0..100 serves too.
"""

# ruff: noqa: F401  (called from here by notebooks)

from lib.figures.charts import (
    ab_histogram,
    ab_histograms,
    counts,
    error_bars,
    error_by_color,
    nogan_curves,
    rank_plot,
    render_factor_curve,
    scribble_curve,
    training_curves,
)
from lib.figures.diagrams import flow_diagram, model_diagram
from lib.figures.photos import (
    colorization_grid,
    gray_sample,
    lab_channels,
    looks,
    mark,
    photo_grid,
    pick,
    save_slider,
    worst_best,
)
from lib.figures.style import label, save
