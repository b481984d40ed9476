"""Released networks: float16 and back, Xception's weights left out and put back."""

import zipfile

import helpers
import keras
import numpy as np
import pytest

from lib import checkpoint, lab, models, released

XCEPTIONS = ["xception", "xception_skips", "generator_xception"]


@pytest.fixture(scope="module")
def file(xception, tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "mine.weights.h5"
    xception.save_weights(path)
    return path


def ab(network):
    """Predictions of one picture in CIELAB units."""
    scaled = np.random.default_rng(0).uniform(-1, 1, (1, 32, 32, 1)).astype(np.float32)
    return lab.AB_SCALE * np.asarray(network(scaled, training=False))


def trained(network):
    """A copy whose weights outside the encoder are no longer the first ones: ab of some tens."""
    copy = keras.models.clone_model(network)
    copy.set_weights(network.get_weights())
    random = np.random.default_rng(0)
    for variable in copy.trainable_variables:
        step = random.normal(0, 0.02, variable.shape)
        variable.assign(np.asarray(variable) + step)
    return copy


@pytest.mark.parametrize("name", ["cnn", "autoencoder", "generator", "generator_spectral"])
def test_a_network_comes_back_up_to_rounding(small, tmp_path, name):
    network = trained(small[name])
    assert released.write(network, tmp_path / "r.keras") == network.count_params()
    again = released.read(tmp_path / "r.keras", xception="not looked at")
    for (path, before), (_, after) in zip(helpers.values(network), helpers.values(again), strict=1):
        assert after.dtype == np.float32, path
        limits = {"rtol": 2**-11, "atol": 2**-25} if after.ndim > 1 else {"rtol": 0, "atol": 0}
        np.testing.assert_allclose(after, before, **limits, err_msg=path)
    assert np.abs(ab(network)).max() > 0.5
    np.testing.assert_allclose(ab(again), ab(network), atol=0.1)
    assert released.missing_weights(tmp_path / "r.keras") is None
    plain = keras.saving.load_model(tmp_path / "r.keras", compile=False)
    assert helpers.same_weights(plain, again)


@pytest.mark.parametrize("name", XCEPTIONS)
def test_the_encoder_is_left_out_and_comes_back(small, file, tmp_path, name):
    network, path = trained(small[name]), tmp_path / "r.keras"
    kept = released.write(network, path)
    encoder = network.get_layer("xception")
    assert kept == network.count_params() - encoder.count_params()
    assert path.stat().st_size < 2.2 * kept + 100_000  # of which the configuration
    digest = checkpoint.weights_digest(encoder)
    expected = {"layer": "xception", "weights": "file", "digest": digest}
    assert released.missing_weights(path) == expected
    again = released.read(path, file)
    assert checkpoint.weights_digest(again.get_layer("xception")) == digest
    assert not again.get_layer("xception").trainable_weights
    np.testing.assert_allclose(ab(again), ab(network), atol=0.1)


def test_other_weights_are_refused(small, file, tmp_path):
    released.write(small["xception"], tmp_path / "r.keras")
    other = models.load_xception(None)
    other.save_weights(tmp_path / "other.weights.h5")
    (tmp_path / "text.weights.h5").write_text("no weights")
    for name, word in [("other", "others"), ("text", "fit"), ("nothing", "no file")]:
        with pytest.raises(released.WeightsError, match=word) as error:
            released.read(tmp_path / "r.keras", tmp_path / f"{name}.weights.h5")
        assert "\n" not in str(error.value) and "r.keras" in str(error.value)
    with pytest.raises(released.WeightsError, match="give the file"):
        released.read(tmp_path / "r.keras")


def test_offline_one_line_says_what_to_do(small, tmp_path, monkeypatch):
    def offline(**options):
        raise Exception("URL fetch failure\nand a long story")

    monkeypatch.setattr(released, "FIRST_KERNEL", "")  # whatever they are, they are ImageNet's
    monkeypatch.setattr(keras.applications, "Xception", offline)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    path = tmp_path / "r.keras"
    released.write(small["xception"], path)
    assert released.missing_weights(path)["weights"] == "imagenet"
    assert not released.works_offline(path)
    with pytest.raises(released.WeightsError) as error:
        released.read(path)
    words = str(error.value)
    assert "\n" not in words and "ImageNet" in words and released.IMAGENET in words
    assert "--xception" in words
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / released.IMAGENET).touch()
    assert released.works_offline(path)


def test_an_encoder_that_was_trained_is_kept_in_files_of_20_mib(xception, tmp_path, monkeypatch):
    path, network = (
        tmp_path / "r.keras",
        models.build_xception(xception, fine_tune=True, filters=16),
    )
    assert released.write(network, path) == network.count_params()
    assert released.missing_weights(path) is None
    files = {file.name: file.stat().st_size for file in tmp_path.iterdir()}
    assert set(files) == {"r.keras", "r-2.weights.h5", "r-3.weights.h5"}
    assert max(files.values()) <= 20 << 20
    again = released.read(path)
    for ours, theirs in zip(again.get_weights(), network.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=2**-10, atol=1e-7)
    with monkeypatch.context() as patch:
        patch.setattr(released, "LARGEST", 3 << 20)
        with pytest.raises(ValueError, match="expected 2 MiB or less, got"):
            released.write(network, tmp_path / "other.keras")
    content = (tmp_path / "r-3.weights.h5").read_bytes()
    (tmp_path / "r-3.weights.h5").write_bytes(content[:-1])
    with pytest.raises(ValueError, match="r-3.weights.h5 is damaged"):
        released.read(path)
    (tmp_path / "r-3.weights.h5").unlink()
    with pytest.raises(FileNotFoundError, match="r-3.weights.h5 is not there: it is a part of"):
        released.read(path)
    released.write(models.build_cnn(4), path)
    assert [file.name for file in tmp_path.iterdir()] == ["r.keras"]  # the others are of no use now
    network.get_layer("xception").trainable = False


def test_large_weights_stay_float32(tmp_path):
    network = helpers.tiny_network()
    network.layers[1].kernel.assign(np.linspace(0, 1e6, 36).reshape(3, 3, 1, 4))
    released.write(network, tmp_path / "r.keras")
    again = released.read(tmp_path / "r.keras")
    np.testing.assert_array_equal(again.layers[1].kernel, network.layers[1].kernel)


def test_what_is_no_archive(tmp_path):
    with pytest.raises(FileNotFoundError, match="no released network"):
        released.read(tmp_path / "r.keras")
    (tmp_path / "r.keras").write_text("text")
    assert released.works_offline(tmp_path / "r.keras")  # its reason comes with reading
    with pytest.raises(zipfile.BadZipFile):
        released.read(tmp_path / "r.keras")


def test_command_line(small, tmp_path, capsys):
    for name in ("cnn", "xception"):
        folder = tmp_path / "results" / "study" / name
        folder.mkdir(parents=True)
        small[name].save(folder / "model.keras")
    assert released.main(["study"], tmp_path) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["cnn", "xception"]
    assert f"{small['cnn'].count_params():,} parameters" in lines[0] and "MiB" in lines[0]
    assert "needs Xception weights: file" in lines[1]
    assert released.main(["study", "--models", "gan", "cnn"], tmp_path) == 1
    said = capsys.readouterr()
    assert said.out.startswith("cnn") and said.err.startswith("gan: no trained model")
    assert len(said.err.splitlines()) == 1
    assert released.main(["none"], tmp_path) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
