"""Training again from other seeds: does the answer survive it?

Intervals over photos say how far a mean moves with other photos; the standard deviation over
training runs, how far it moves with another training run.

References
----------
Welch (1947), The generalization of "Student's" problem when several different population variances
are involved.
"""

import math

import numpy as np
import pandas as pd
from scipy import stats

from lib.figures.style import in_order, label
from lib.report.number_format import difference, ends, half_places, interval, number
from lib.report.verdicts import MEASURES, compare, titled

SHOWN = ("rmse_ab", "colorfulness_ratio", "kid")  # measures of the table of spreads
NORMAL = 1.96  # standard errors in half of a 95 % interval


def over_seeds(summaries):
    """How much each mean depends on the seed of training.

    Parameters
    ----------
    summaries : list of DataFrame
        The summary.csv of the same study, trained with one seed each.

    Returns
    -------
    DataFrame
        One row a model and measure, those that all summaries have: model, measure, seeds (their
        number S), mean, sd (S - 1 below) and low, high: the 95 % interval of Student's t for the
        mean over training seeds, mean -+ t sd / sqrt(S), wide for few seeds (3: 2.5 sd). With one
        seed, or where a value is NaN, sd, low and high are NaN; a row that no training changes
        has sd 0 and low = high = mean.

    Raises
    ------
    ValueError
        For no summary at all, or one without a column model, or with a model twice.
    """
    if not summaries or not all("model" in summary for summary in summaries):
        raise ValueError(f"summaries: expected tables with a column model, got {len(summaries)}")
    if any(summary["model"].duplicated().any() for summary in summaries):
        raise ValueError("summaries: expected each model once a table, got one more than once")
    tables = [summary.set_index("model") for summary in summaries]
    measures = [m for m in tables[0] if all({m, f"{m}_low"} <= set(table) for table in tables)]
    models = [model for model in tables[0].index if all(model in table.index for table in tables)]
    values = np.array([table.loc[models, measures] for table in tables], float)
    count, mean = len(tables), values.mean(axis=0)
    sd = values.std(axis=0, ddof=1) if count > 1 else np.full_like(mean, np.nan)
    half = stats.t.ppf(0.975, count - 1) * sd / math.sqrt(count)
    rows = pd.MultiIndex.from_product([models, measures], names=["model", "measure"])
    columns = {"mean": mean, "sd": sd, "low": mean - half, "high": mean + half}
    columns = {"seeds": count} | {name: numbers.ravel() for name, numbers in columns.items()}
    return pd.DataFrame(columns, index=rows).reset_index()


def spreads(study):
    """Spread between training runs beside the spread between photos.

    Returns
    -------
    list of (measure's name and unit, list of rows)
        A row: the model's name; mean and interval over this study's photos; mean and sd over the
        runs; their number; the sd over the runs as a multiple of the standard error over photos.
        Empty for a study without seeds, or with one.
    """
    if study.seeds is None:
        return []
    table, repeated, found = study.table, study.seeds[study.seeds["seeds"] > 1], []
    for measure in SHOWN:
        runs = repeated[repeated["measure"] == measure].set_index("model")
        models = [model for model in in_order(runs.index) if model in table.index]
        if models and measure in table:
            rows = [_row(table, runs.loc[model], model, measure) for model in models]
            found.append((titled(measure), rows))
    return found


def _row(table, runs, model, measure):
    low, high = ends(table, model, measure)
    digits = half_places(runs["sd"]) if runs["sd"] > 0 else 3
    over = f"{number(runs['mean'], digits)} ± {number(runs['sd'], digits)}"
    error = (high - low) / 2 / NORMAL
    ratio = f"{runs['sd'] / error:.1f}" if error > 0 else "–"
    return label(model), interval(table, model, measure), over, int(runs["seeds"]), ratio


def survives(study, model="gan", reference="cnn"):
    """Whether the answer to the paper's claim survives other seeds: one or two sentences.

    Welch's 95 % t interval of the difference of the two means over the runs. Empty if a row is
    missing; with fewer than two runs of a model it says that nothing can be said.
    """
    if study.seeds is None:
        return ""
    rows = study.seeds[study.seeds["measure"] == "rmse_ab"].set_index("model")
    photos = {row.measure: row.verdict for row in compare(study, model, reference)}
    if not {model, reference} <= set(rows.index) or "rmse_ab" not in photos:
        return ""
    one, other = rows.loc[model], rows.loc[reference]
    count = int(min(one["seeds"], other["seeds"]))
    if count < 2:
        return "There is one training run of a model: what another seed would change is not known."
    low, high = welch(one, other)
    runs = "better" if high < 0 else "worse" if low > 0 else "open"
    name, unit, _ = MEASURES["rmse_ab"]
    return (
        f"Over {count} training runs of each model from different seeds, {label(model)} minus "
        f"{label(reference)} in {name} is {difference(one['mean'] - other['mean'], low, high)} "
        f"{unit} (Welch’s t). {_verdict(photos['rmse_ab'], runs)}"
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
