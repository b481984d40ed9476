"""What is kept of a run, and that a killed one ends like one that was left alone."""

import helpers
import keras
import numpy as np
import pandas as pd
import pytest

from lib import checkpoint, models


def history_of(folder):
    """What history.csv says, but for the seconds."""
    history = pd.read_csv(folder / "history.csv", float_precision="round_trip")
    return helpers.numbers(history)


def test_killed_runs_end_bit_for_bit_like_an_uninterrupted_one(finished, tmp_path):
    folder, network, _ = finished
    saved = [helpers.kill_midway(helpers.fit_tiny, tmp_path, epochs=10)["done"] for _ in range(3)]
    assert saved[0] < saved[1] < saved[2], saved
    helpers.finish(helpers.fit_tiny, tmp_path, epochs=10)
    pd.testing.assert_frame_equal(history_of(tmp_path), history_of(folder), check_exact=True)
    assert helpers.same_weights(models.load(tmp_path / "model.keras"), network)
    assert {p.name for p in tmp_path.iterdir()} == {p.name for p in folder.iterdir()}


def test_no_epochs_leave_the_network_as_it_was_and_an_empty_history(tmp_path):
    network, history = helpers.fit_tiny(tmp_path, epochs=0)
    assert len(history) == len(pd.read_csv(tmp_path / "history.csv")) == 0
    assert helpers.same_weights(models.load(tmp_path / "model.keras"), network)


class Killed(BaseException):
    """Stands for a kill at a certain moment."""


def small_run(folder, data="data", **settings):
    """A Run over one Dense layer; no training, so a save is quick."""
    dense = keras.layers.Dense(1, kernel_initializer="ones")
    network = keras.Sequential([keras.Input((1,)), dense])
    network.compile("adam")
    return checkpoint.Run(folder, [network], network, settings, data)


def advance(run, done):
    run.network.set_weights([np.full((1, 1), done), np.zeros(1)])
    run.rows.append({"epoch": done})
    run.save_best(done)
    run.save(done)


@pytest.mark.parametrize("method", ["replace", "unlink"])
def test_a_kill_at_any_file_operation_leaves_a_whole_checkpoint(monkeypatch, tmp_path, method):
    for moment in range(40):
        folder = tmp_path / str(moment)
        advance(small_run(folder), 1)
        countdown, plain = iter(range(moment, -1, -1)), getattr(checkpoint.Path, method)

        def killed(*paths, plain=plain, countdown=countdown, **options):
            if next(countdown) == 0:
                raise Killed
            return plain(*paths, **options)

        with monkeypatch.context() as patch, pytest.raises((Killed, StopIteration)) as caught:
            patch.setattr(checkpoint.Path, method, killed)
            run = small_run(folder)
            assert run.start == 1
            advance(run, 2)
            run.finish()
            raise StopIteration  # no operation left to be killed at
        run = small_run(folder)
        assert [row["epoch"] for row in run.rows] == list(range(1, run.start + 1))
        assert float(run.network.get_weights()[0][0, 0]) == run.start
        assert run.start in (1, 2)
        if not run.finished:
            assert (folder / run.state["best"]).is_file()
            run.finish()
        assert (folder / "model.keras").is_file()
        if caught.type is StopIteration:
            break
    assert moment >= 4


def test_other_settings_data_or_weights_start_over(tmp_path):
    advance(small_run(tmp_path, rate=1), 1)
    assert small_run(tmp_path, rate=1).start == 1
    assert small_run(tmp_path, rate=2).start == 0
    for changed in ({"rate": 2}, {"rate": 1, "data": "other"}):
        advance(small_run(tmp_path, rate=1), 1)
        run = small_run(tmp_path, **changed)
        assert (run.rows, run.start, run.finished) == ([], 0, False)
        assert list(tmp_path.glob("*.weights.h5")) == []


def test_changed_code_starts_over(monkeypatch, tmp_path):
    advance(small_run(tmp_path), 1)
    monkeypatch.setattr(checkpoint, "code_of", lambda source: {"lib/train.py": "another"})
    assert small_run(tmp_path).start == 0


def test_a_finished_run_whose_network_is_gone_starts_over(tmp_path):
    run = small_run(tmp_path)
    advance(run, 1)
    run.finish()
    assert small_run(tmp_path).finished
    (tmp_path / "model.keras").unlink()
    assert not small_run(tmp_path).finished


def test_what_another_run_has_left_is_removed_and_a_released_network_is_not(tmp_path):
    run = small_run(tmp_path)
    advance(run, 1)
    run.finish()
    (tmp_path / "looks").mkdir()
    for name in ("released.npz", "nogan.csv", "looks/000001.png"):
        (tmp_path / name).write_text("")
    small_run(tmp_path, rate=2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint.json", "released.npz"]


def test_a_killed_adversarial_run_ends_like_an_uninterrupted_one(tmp_path):
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    helpers.finish(helpers.play_gan, whole)
    saved = helpers.kill_midway(helpers.play_gan, cut)
    assert 0 < saved["done"] < 12
    helpers.finish(helpers.play_gan, cut)
    one, other = (models.load(folder / "model.keras") for folder in (whole, cut))
    assert helpers.same_weights(one, other)
    tables = [pd.read_csv(folder / "nogan.csv").drop(columns="seconds") for folder in (whole, cut)]
    pd.testing.assert_frame_equal(*tables, check_exact=True)
