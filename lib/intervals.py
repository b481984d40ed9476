"""Means over photos with intervals: a table of measures in, a table of means out.

Conventions: one row a photo and model, one column a measure. An interval is a 95 % percentile
bootstrap over photos (Efron, Tibshirani 1993, An introduction to the bootstrap, chapter 13): it
says how much the mean would move with other photos of the same kind, not with another training run.
"""

import numpy as np
import pandas as pd

RESAMPLES = 2000  # bootstrap samples of the photos


def summarize(metrics, seed=0):
    """Mean of every measure for every model, with a 95 % interval.

    Parameters
    ----------
    metrics : DataFrame
        Columns `photo`, `model` and measures (every other column, numeric); the same photos for
        all models.
    seed : int
        Of the bootstrap. The order of the rows does not matter.

    Returns
    -------
    DataFrame
        One row a model, in order of first appearance; for each measure `m` its mean as `m`, and
        `m_low` and `m_high`: the 2.5 and 97.5 percentiles of the mean over 2,000 samples of the
        photos with replacement, the same samples for all. One photo: low = high = mean.

    Raises
    ------
    ValueError
        For a missing column, NaN or infinity, a photo that is there twice, or one that is missing
        for a model: a mean over other photos cannot be compared.
    """
    table = _by_photo(metrics)
    low, high = _interval(table.to_numpy(), seed)
    means = pd.DataFrame({"mean": table.mean(), "low": low, "high": high})
    summary = {"model": table.columns.unique("model")}
    for measure in table.columns.unique("measure"):
        summary[measure] = means.loc[measure, "mean"].to_numpy()
        summary[f"{measure}_low"] = means.loc[measure, "low"].to_numpy()
        summary[f"{measure}_high"] = means.loc[measure, "high"].to_numpy()
    return pd.DataFrame(summary)


def paired_difference(metrics, measure, model, reference, seed=0):
    """By how much `model` differs from `reference` in `measure`, photo by photo.

    Takes the table that `summarize` takes. Returns a dict: `difference`, the mean of model minus
    reference; `low` and `high`, its 95 % percentile interval (the same bootstrap); `effect_size`,
    mean / standard deviation (n - 1) of the differences, 0 if all are 0, NaN where the deviation
    is 0 or there is one photo; `photos`, their number.
    """
    table = _by_photo(metrics)
    for wanted in (model, reference):
        if (measure, wanted) not in table.columns:
            raise ValueError(f"expected measure and model of {list(table)}, got {measure, wanted}")
    values = (table[measure, model] - table[measure, reference]).to_numpy()
    low, high = _interval(values[:, None], seed)
    result = {"difference": values.mean(), "low": low[0], "high": high[0]}
    result["effect_size"] = _effect_size(values)
    return {key: float(value) for key, value in result.items()} | {"photos": len(values)}


def _effect_size(differences):
    if not differences.any():
        return 0.0
    deviation = differences.std(ddof=1) if len(differences) > 1 else 0.0
    if deviation <= 1e-12 * abs(differences.mean()):  # the same difference, but for rounding
        return float("nan")
    return differences.mean() / deviation


def _by_photo(metrics):
    """Rows are photos, columns (measure, model); measures and models in order of appearance."""
    measures = [column for column in metrics.columns if column not in ("photo", "model")]
    if not measures or not {"photo", "model"} <= set(metrics.columns) or metrics.empty:
        raise ValueError(f"metrics: expected photo, model and measures, got {list(metrics)}")
    for measure in measures:
        values = metrics[measure]
        if not pd.api.types.is_numeric_dtype(values) or not np.isfinite(values).all():
            raise ValueError(f"metrics: expected finite numbers in {measure}, got {values.dtype}")
    if metrics.duplicated(["photo", "model"]).any():
        raise ValueError("metrics: expected each photo once a model, got some more than once")
    table = metrics.pivot(index="photo", columns="model", values=measures).astype(float)
    if table.isna().any(axis=None):
        raise ValueError("metrics: expected the same photos for all models, got some missing")
    models = metrics["model"].unique()
    order = pd.MultiIndex.from_product([measures, models], names=["measure", "model"])
    return table.set_axis(table.columns.set_names(["measure", "model"]), axis=1)[order]


def _interval(values, seed):
    """95 % percentile bootstrap interval of the mean of each column of `values` (N, K)."""
    count = len(values)
    random = np.random.default_rng(seed)
    times = random.multinomial(count, np.full(count, 1 / count), size=RESAMPLES)  # a photo drawn
    mean = values.mean(axis=0)
    return mean + np.percentile(times @ (values - mean) / count, [2.5, 97.5], axis=0)
