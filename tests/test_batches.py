"""Batches: which photos, in which order, mirrored or not."""

import helpers
import numpy as np
import pytest

from lib import train


def numbered(count):
    """Photos of 1 x 2 pixels whose left pixel is their row, and whose right one is 200."""
    images = np.full((count, 1, 2, 3), 200, dtype=np.uint8)
    images[:, :, 0] = np.arange(count, dtype=np.uint8)[:, None, None]
    return images


def epoch_of(batches, epoch):
    batches.epoch = epoch
    return [batches[number][0] for number in range(len(batches))]


def test_training_batches_hold_every_row_once_but_for_the_remainder():
    rows = np.arange(5, 28)
    batches = train.Batches(numbered(30), rows, 4, seed=1, training=True)
    for epoch in range(3):
        seen = np.concatenate(epoch_of(batches, epoch)).min(axis=(1, 2, 3))
        assert len(batches) == 5
        assert len(seen) == len(set(seen)) == 20
        assert set(seen) <= set(rows)


def test_other_batches_come_in_order_and_whole():
    batches = train.Batches(numbered(10), np.arange(2, 9), 3)
    assert [len(batch) for batch in epoch_of(batches, 0)] == [3, 3, 1]
    seen = np.concatenate(epoch_of(batches, 0))
    assert np.array_equal(seen, numbered(10)[2:9])
    assert seen.dtype == np.uint8


def test_batches_depend_on_seed_and_epoch_alone():
    def epoch(seed, number):
        batches = train.Batches(numbered(32), np.arange(32), 8, seed, training=True)
        return np.concatenate(epoch_of(batches, number))

    assert np.array_equal(epoch(3, 1), epoch(3, 1))
    orders = [epoch(3, 1), epoch(3, 2), epoch(4, 1)]
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert not np.array_equal(orders[one].min(axis=2), orders[other].min(axis=2))
    batches = train.Batches(numbered(32), np.arange(32), 8, 3, training=True)
    epoch_of(batches, 0)
    assert np.array_equal(np.concatenate(epoch_of(batches, 1)), orders[0])  # asked in any order


def test_flips_mirror_whole_photos():
    images = helpers.patches(16, 8)
    (batch,) = train.Batches(images, np.arange(16), 16, training=True)[0]
    plain, mirrored = (
        sum(np.array_equal(photo, other) for photo in batch for other in others)
        for others in (images, images[:, :, ::-1])
    )
    assert 0 < plain < 16 and plain + mirrored == 16


@pytest.mark.parametrize("batch_size", [0, -1, 9])
def test_batch_size_out_of_range_is_refused(batch_size):
    with pytest.raises(ValueError, match=f"BATCH_SIZE: expected 1 to 8 photos, got {batch_size}"):
        train.Batches(numbered(8), np.arange(8), batch_size)


def test_training_sees_each_epoch_s_own_batches(monkeypatch, tmp_path):
    """Keras fetches ahead, but no batch of the next epoch before that epoch has begun."""
    seen = []

    def record(self, number):
        if self.training:
            seen.append((self.epoch, number))
        return plain(self, number)

    plain = train.Batches.__getitem__
    monkeypatch.setattr(train.Batches, "__getitem__", record)
    helpers.fit_tiny(tmp_path, epochs=3)
    assert seen[-9:] == [(epoch, number) for epoch in range(3) for number in range(3)]
