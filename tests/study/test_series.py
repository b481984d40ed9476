"""Studies that repeat one with other seeds: what is written down of them."""

import json

import pandas as pd
import pytest

from lib import report
from lib.study import series


@pytest.fixture
def results(tmp_path, monkeypatch):
    """Results of a study and of two that repeat it; the report is not built."""
    built = []
    monkeypatch.setattr(report, "build", built.append)
    for seed, error in enumerate([10.0, 11.0, 13.0]):
        folder = tmp_path / (f"own-seed{seed}" if seed else "own")
        folder.mkdir()
        table = {"model": ["cnn"], "rmse_ab": [error]}
        table |= {"rmse_ab_low": [error - 1], "rmse_ab_high": [error + 1]}
        pd.DataFrame(table).to_csv(folder / "summary.csv", index=False)
        (folder / "run.json").write_text(json.dumps({"study": folder.name, "seed": seed}))
    return tmp_path, built


def test_seeds_are_the_mean_and_spread_over_the_runs(results):
    folder, built = results[0] / "own", results[1]
    series.write_seeds(folder, ["own-seed1", "own-seed2"])
    row = pd.read_csv(folder / "seeds.csv").set_index(["model", "measure"]).loc["cnn", "rmse_ab"]
    assert row["seeds"] == 3
    assert row["mean"] == pytest.approx(34 / 3)
    assert row["sd"] == pytest.approx(1.5275, abs=1e-4)
    assert json.loads((folder / "run.json").read_text())["seeds"] == [0, 1, 2]
    assert built == [folder]


def test_without_an_evaluation_nothing_is_written(results):
    folder, built = results[0] / "own", results[1]
    (results[0] / "own-seed2/summary.csv").unlink()
    series.write_seeds(folder, ["own-seed1", "own-seed2"])
    assert not (folder / "seeds.csv").exists()
    assert built == []
