"""Colorization without learning: by an example photo, by scribbles."""

from lib.classical.by_example import SAMPLES, SWATCHES, examples, predictors, reinhard, welsh

__all__ = ["SAMPLES", "SWATCHES", "examples", "predictors", "reinhard", "welsh"]
