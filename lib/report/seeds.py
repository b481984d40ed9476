"""Training again from other seeds: does the answer survive it?

Intervals over photos say how far a mean moves with other photos; the standard deviation over
training runs, how far it moves with another training run.

Reference: Welch (1947), The generalization of "Student's" problem when several different population
variances are involved.
"""

import math

import numpy as np
import pandas as pd
from scipy import stats

from lib.figures.style import in_order, label
from lib.report.number_format import difference, half_places, interval, number
from lib.report.verdicts import MEASURES, compare

SHOWN = ("rmse_ab", "colorfulness_ratio", "kid")  # measures of the table of spreads


def over_seeds(summaries):
    """How much each mean depends on the seed of training.

    `summaries` are the summary.csv (DataFrame) of the same study, trained with one seed each.
    Gives a DataFrame with one row a model and measure, those that all have: model, measure, seeds
    (their number S), mean, sd (S - 1 below) and low, high: the 95 % interval of Student's t for the
    mean over training seeds, mean -+ t sd / sqrt(S). With one seed sd, low and high are NaN.
    """
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
    """Rows (measure, model, mean over photos, mean ± sd over runs, their number), as texts."""
    if study.seeds is None:
        return []
    runs, found = study.seeds.set_index(["measure", "model"]).query("seeds > 1"), []
    for measure in SHOWN:
        for model in in_order(study.table.index):
            if (measure, model) in runs.index and measure in study.table:
                run = runs.loc[measure, model]
                digits = half_places(run["sd"]) if run["sd"] > 0 else 3
                over = f"{number(run['mean'], digits)} ± {number(run['sd'], digits)}"
                photos = interval(study.table, model, measure)
                found.append((MEASURES[measure][0], label(model), photos, over, int(run["seeds"])))
    return found


def survives(study):
    """Whether the answer to the paper's claim survives other seeds, in two sentences.

    Welch's 95 % t interval of the difference of the two means over the runs. Empty for a study
    without two runs of both models.
    """
    rows = [] if study.seeds is None else study.seeds.query("measure == 'rmse_ab' and seeds > 1")
    photos = next((row.verdict for row in compare(study) if row.measure == "rmse_ab"), None)
    if photos is None or not {"gan", "cnn"} <= set(rows["model"] if len(rows) else ()):
        return ""
    gan, cnn = rows.set_index("model").loc[["gan", "cnn"]].to_dict("records")
    low, high = welch(gan, cnn)
    runs = "better" if high < 0 else "worse" if low > 0 else "open"
    words = {"better": "is better", "worse": "is worse", "open": "cannot be told from the CNN"}
    end = "survives the seeds:"
    if photos != runs:
        end = f"does not survive the seeds: by the photos of this run the GAN {words[photos]},"
    return (
        f"Over {gan['seeds']:.0f} training runs of each model from different seeds, NoGAN minus "
        f"CNN in RMSE of ab is {difference(gan['mean'] - cnn['mean'], low, high)} CIELAB units "
        f"(Welch’s t). The answer {end} over the runs the GAN {words[runs]}."
    )


def welch(one, other):
    """Ends of Welch's 95 % interval of a difference of means; each has mean, sd and seeds."""
    first, second = (row["sd"] ** 2 / row["seeds"] for row in (one, other))
    freedom = first**2 / (one["seeds"] - 1) + second**2 / (other["seeds"] - 1)
    freedom = (first + second) ** 2 / freedom
    error = math.sqrt(first + second)
    return stats.t.interval(0.95, freedom, one["mean"] - other["mean"], error)
