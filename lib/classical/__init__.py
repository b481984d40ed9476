"""Colorization without learning: by an example photo, by scribbles."""

from lib.classical.by_example import SAMPLES, SWATCHES, reinhard, welsh
from lib.classical.table_rows import examples, predictors

__all__ = ["SAMPLES", "SWATCHES", "examples", "predictors", "reinhard", "welsh"]
