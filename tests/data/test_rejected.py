"""Rejected photos can be looked at, with their reasons, also those that cannot be read."""

import shutil

import numpy as np
from PIL import Image

from lib.data import preprocess


def test_examples_are_pictures_with_file_and_reason(tmp_path):
    folder, random = tmp_path / "photos", np.random.default_rng(0)
    folder.mkdir()
    for number in range(60):
        small = random.integers(0, 255, (5, 6, 3), dtype=np.uint8)
        Image.fromarray(small).resize((60, 50)).save(folder / f"{number:02}.png")
    shutil.copy(folder / "00.png", folder / "twin.png")
    Image.fromarray(np.full((50, 60, 3), 90, np.uint8)).save(folder / "grey.png")
    (folder / "broken.jpg").write_bytes(b"\xff\xd8 not a photo")
    photos = preprocess.prepare("folder", folder, 32, processed=tmp_path / "processed")
    pictures, reasons = preprocess.rejected_examples(photos, folder)
    assert len(pictures) == len(reasons) == (photos.index.id < 0).sum() == 3
    assert {picture.shape for picture in pictures} == {(32, 32, 3)}
    text = "; ".join(reasons)
    for words in ("exact duplicate", "grey.png: grey", "broken.jpg: unreadable"):
        assert words in text
    assert len(preprocess.rejected_examples(photos, folder, each=0)[0]) == 0


def test_nothing_rejected_is_nothing_to_show(tmp_path):
    photos = preprocess.prepare("scenes", None, 16, 60, processed=tmp_path)
    assert preprocess.rejected_examples(photos) == ([], [])
