"""What notebook 08 shows, and where its photos come from."""

import base64
import io
import re
import sys
import types

import numpy as np
import pytest
from PIL import Image
from skimage import data

from lib import figures, lab, models
from lib.colorize import photo_files
from lib.colorize import show as color_show
from lib.data import decode


def test_bundled_photos_are_there_and_five_have_colours(tmp_path):
    found = color_show.choose(None, tmp_path)
    panels = [photo_files.panels(*[decode.read(file)[0]] * 2) for file in found]
    assert ["truth" in panel for panel in panels] == [True] * 5 + [False] * 2


def test_upload(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="Colab"):
        color_show.choose("upload", tmp_path)
    files = types.SimpleNamespace(upload=lambda: {"../a.jpg": b"1", "b.png": b"2"})
    monkeypatch.setitem(sys.modules, "google.colab", types.SimpleNamespace(files=files))
    found = color_show.choose("upload", tmp_path / "originals")
    assert [file.name for file in found] == ["a.jpg", "b.png"]
    assert {file.parent for file in found} == {tmp_path / "originals"}
    assert found[1].read_bytes() == b"2"


def test_sweep_measures_what_colorize_gives():
    photos = [data.chelsea()[:96, :128].copy(), data.coffee()[:96, :128].copy()]
    network = models.build_cnn(4)  # untrained: near grey
    table = color_show.render_factor_sweep(photos, network, [2, 4])
    assert list(table["render_factor"]) == [2, 4] and (table["seconds"] > 0).all()
    ab = [np.asarray(lab.rgb_to_lab(photo))[..., 1:] for photo in photos]
    gray = np.mean([np.sqrt(np.mean(one**2)) for one in ab])
    assert table["rmse_ab"].to_numpy() == pytest.approx([gray] * 2, rel=0.1)
    assert (table["delta_e_2000"] > 2).all()
    assert len(figures.render_factor_curve(table).axes) == 2


def test_slider_is_self_contained():
    gray, colored = data.coffee() // 2, data.coffee()
    page = color_show.slider(gray, colored, 'a "photo" <1>')
    assert "http" not in page and "{" not in re.sub(r"<style>.*</style>", "", page, flags=re.S)
    assert "a &#34;photo&#34; &lt;1&gt;, before" in page and 'type="range"' in page
    for code, photo in zip(re.findall(r"base64,([^\"]+)", page), (gray, colored), strict=True):
        shown = Image.open(io.BytesIO(base64.b64decode(code)))
        assert shown.size == (600, 400)
        assert np.abs(np.int16(np.asarray(shown)) - photo).mean() < 6
