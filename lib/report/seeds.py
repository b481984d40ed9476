"""Training again from other seeds: does the answer survive it?

A `seeds` table has one row a model and measure: model, measure, seeds (their number), mean and sd
(n - 1) over the training runs (see `intervals.over_seeds`). Intervals over photos, in `summary`,
say how far a mean moves with other photos; the sd, how far it moves with another training run.

References
----------
Welch (1947), The generalization of "Student's" problem when several different population variances
are involved.
"""

import math

import numpy as np
from scipy import stats

from lib.figures.style import in_order, label
from lib.report.cells import difference, ends, half_places, indexed, interval, known, number
from lib.report.verdicts import compare

COLUMNS = ("model", "measure", "seeds", "mean", "sd")
SHOWN = ("rmse_ab", "colorfulness_ratio", "kid")  # measures of the table of spreads
NORMAL = 1.96  # standard errors in half of a 95 % interval


def spreads(seeds, summary):
    """Spread between training runs beside the spread between photos.

    Returns
    -------
    list of (measure's name and unit, list of rows)
        A row: the model's name; mean and interval over this study's photos; mean and sd over the
        runs; their number; the sd over the runs as a multiple of the standard error over photos.
    """
    table, found = indexed(summary), []
    for measure in SHOWN:
        runs = seeds[seeds["measure"] == measure].set_index("model")
        rows = [
            _row(table, runs.loc[model], model, measure)
            for model in in_order(runs.index)
            if model in table.index and measure in table and runs.loc[model, "seeds"] > 1
        ]
        name, unit, _ = known(measure)
        if any(rows):
            found.append((f"{name} ({unit})" if unit else name, [row for row in rows if row]))
    return found


def survives(seeds, summary, metrics, model="gan", reference="cnn"):
    """Whether the answer to the paper's claim survives other seeds: one or two sentences.

    Welch's 95 % t interval of the difference of the two means over the runs. Empty if a row is
    missing; with fewer than two runs of a model it says that nothing can be said.
    """
    rows = seeds[seeds["measure"] == "rmse_ab"].set_index("model")
    photos = {row.measure: row for row in compare(summary, metrics, model, reference)}
    if not {model, reference} <= set(rows.index) or "rmse_ab" not in photos:
        return ""
    one, other = rows.loc[model], rows.loc[reference]
    count = int(min(one["seeds"], other["seeds"]))
    if count < 2:
        return "There is one training run of a model: what another seed would change is not known."
    low, high = welch(one, other)
    value = one["mean"] - other["mean"]
    runs = "better" if high < 0 else "worse" if low > 0 else "open"
    name, unit, _ = known("rmse_ab")
    return (
        f"Over {count} training runs of each model from different seeds, {label(model)} minus "
        f"{label(reference)} in {name} is {difference(value, low, high)} {unit} (Welch’s t). "
        f"{_verdict(photos['rmse_ab'].verdict, runs)}"
    )


def welch(one, other):
    """Ends of Welch's 95 % interval of a difference of means; each has mean, sd and seeds."""
    squares = [row["sd"] ** 2 / row["seeds"] for row in (one, other)]
    value, error = one["mean"] - other["mean"], math.sqrt(sum(squares))
    if not error:
        return value, value
    freedom = sum(squares) ** 2 / sum(
        square**2 / (row["seeds"] - 1) for square, row in zip(squares, (one, other), strict=True)
    )
    half = stats.t.ppf(0.975, freedom) * error
    return value - half, value + half


def _verdict(photos, runs):
    if photos == runs == "open":
        return "Neither other photos nor other seeds would show a difference."
    if photos == runs:
        return f"The answer survives the seeds: the GAN is {runs} by more than another run changes."
    if runs == "open":
        return (
            f"The answer does not survive the seeds: in this study’s run the GAN is {photos}, but "
            "another run of the same training could say otherwise."
        )
    if photos == "open":
        return (
            "The photos of this study’s run show no difference, but over the runs there is one: "
            f"the GAN is {runs}."
        )
    return f"The answer turns round: in this study’s run the GAN is {photos}, over the runs {runs}."


def _row(table, runs, model, measure):
    low, high = ends(table, model, measure)
    digits = half_places(runs["sd"]) if runs["sd"] > 0 else 3
    over = f"{number(runs['mean'], digits)} ± {number(runs['sd'], digits)}"
    error = (high - low) / 2 / NORMAL
    ratio = f"{runs['sd'] / error:.1f}" if np.isfinite(error) and error > 0 else "–"
    return label(model), interval(table, model, measure), over, int(runs["seeds"]), ratio
