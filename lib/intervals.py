"""Means over photos with intervals: a table of measures in, a table of means out.

Conventions: one row a photo and model, one column a measure. An interval is a 95 % percentile
bootstrap over photos (Efron, Tibshirani 1993, An introduction to the bootstrap, chapter 13): it
says how much the mean would move with other photos of the same kind, not with another training run.
"""

import functools
import warnings

import numpy as np
import pandas as pd

RESAMPLES = 2000  # bootstrap samples of the photos


def summarize(metrics, seed=0):
    """Mean of every measure for every model, with a 95 % interval.

    `metrics` is a DataFrame of `photo`, `model` and measures, the same photos for all models. Gives
    one row a model, in order of first appearance; for each measure `m` its mean as `m`, and `m_low`
    and `m_high`: the 2.5 and 97.5 percentiles of the mean over 2,000 samples of the photos with
    replacement, the same for all. ValueError for NaN, infinity, or other photos of another model.
    """
    table = _by_photo(metrics)
    low, high = _interval(table.to_numpy(), seed)
    means = pd.DataFrame({"": table.mean(), "_low": low, "_high": high})
    summary = {"model": table.columns.unique("model")}
    for measure in table.columns.unique("measure"):
        summary |= {f"{measure}{end}": means.loc[measure, end].to_numpy() for end in means}
    return pd.DataFrame(summary)


def paired_difference(metrics, measure, model, reference, seed=0):
    """By how much `model` differs from `reference` in `measure`, photo by photo.

    Takes the table that `summarize` takes. Returns a dict: `difference`, the mean of model minus
    reference; `low` and `high`, its 95 % percentile interval (the same bootstrap); `effect_size`,
    mean / standard deviation (n - 1), 0 if all differences are 0, NaN where the deviation is 0 or
    there is one photo; `photos`, their number.
    """
    rows = metrics[metrics["model"].isin([model, reference])]
    table = _by_photo(rows.filter(["photo", "model", measure]))
    values = (table[measure, model] - table[measure, reference]).to_numpy()
    low, high = _interval(values[:, None], seed)
    deviation = values.std(ddof=1) if len(values) > 1 else 0.0
    alike = deviation <= 1e-12 * abs(values.mean())  # the same difference, but for rounding
    undefined = np.nan if values.any() else 0.0
    result = {"difference": values.mean(), "low": low[0], "high": high[0]}
    result["effect_size"] = undefined if alike else values.mean() / deviation
    return {key: float(value) for key, value in result.items()} | {"photos": len(values)}


def ratio_to_truth(metrics, measure="colorfulness", seed=0):
    """A measure's mean as a share of its mean over the true photos, for every model.

    Takes the table that `summarize` takes, with a row `truth` for each photo. Returns a DataFrame
    of model, `<measure>_ratio`, `<measure>_ratio_low` and `<measure>_ratio_high`: ratio of means
    and its 95 % percentile interval. NaN if all photos are grey.
    """
    values = _by_photo(metrics[["photo", "model", measure]])[measure]
    found = bootstrap_ratio(values.to_numpy(), values[["truth"]].to_numpy(), seed)
    columns = [f"{measure}_ratio{end}" for end in ("", "_low", "_high")]
    return pd.DataFrame({"model": values.columns} | dict(zip(columns, found, strict=True)))


def bootstrap_ratio(above, below, seed=0):
    """Ratios of sums over photos with 95 % percentile intervals: ratio, low, high.

    `above` and `below`, arrays (N, ...), have one value a photo; shapes may broadcast. Samples in
    which a sum below is 0 have no ratio and are left out; where all are, the ratio is NaN.
    """
    times = resamples(len(above), seed)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = above.sum(axis=0) / below.sum(axis=0)
        drawn = np.tensordot(times, above, 1) / np.tensordot(times, below, 1)
    return np.where(np.isfinite(ratio), ratio, np.nan), *ends(drawn)


def ends(drawn):
    """Ends of a 95 % percentile interval over axis 0, of what is finite; NaN if nothing is."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return np.nanpercentile(np.where(np.isfinite(drawn), drawn, np.nan), [2.5, 97.5], axis=0)


def _by_photo(metrics):
    """Rows are photos, columns (measure, model); measures and models in order of appearance."""
    measures = [column for column in metrics.columns if column not in ("photo", "model")]
    table = metrics.pivot(index="photo", columns="model", values=measures).astype(float)
    if not np.isfinite(table).all(axis=None):
        raise ValueError("metrics: expected a finite number for each photo, model and measure")
    table.columns.names = ["measure", "model"]
    return table[[(measure, model) for measure in measures for model in metrics["model"].unique()]]


def _interval(values, seed):
    """95 % percentile bootstrap interval of the mean of each column of `values` (N, K)."""
    mean = values.mean(axis=0)
    moved = resamples(len(values), seed) @ (values - mean) / len(values)
    return mean + np.percentile(moved, [2.5, 97.5], axis=0)


@functools.lru_cache(maxsize=2)  # 22 MB for 1,400 photos, and most of the time that a mean costs
def resamples(count, seed):
    """How often each of `count` photos is in each of 2,000 samples with replacement: float64."""
    random = np.random.default_rng(seed)
    times = random.multinomial(count, np.full(count, 1 / count), size=RESAMPLES).astype(np.float64)
    times.flags.writeable = False  # it is shared
    return times
