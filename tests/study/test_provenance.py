"""What a run writes down about itself: files by their place and time, versions by their names."""

import os

from lib.study import provenance


def test_a_file_is_known_by_place_size_and_time(tmp_path):
    path = tmp_path / "a.zip"
    path.write_text("abc")
    before, folder = provenance.identity(path), provenance.identity(tmp_path)
    assert provenance.identity(path) == before
    os.utime(path, ns=(0, 0))
    assert provenance.identity(path) != before
    assert provenance.identity(tmp_path) != folder


def test_versions_name_the_backend(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    assert provenance.numerics()["backend"] == "jax"
    found = provenance.versions(("numpy", "no-such-package"))
    assert found["no-such-package"] is None and found["numpy"]


def test_the_backend_is_the_one_that_keras_is_told(monkeypatch, tmp_path):
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    assert provenance.numerics()["backend"] == "tensorflow"
    (tmp_path / "keras.json").write_text('{"backend": "torch"}')
    assert provenance.numerics()["backend"] == "torch"
