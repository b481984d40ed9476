"""Fixtures that several test files share. Keras is imported only where one is used."""

import os

import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # as `lib` does, but before Keras is imported


@pytest.fixture(scope="session")
def xception():
    """Xception with random weights: 20 M of them, so it is built once for all test files."""
    import keras

    from lib import models

    keras.utils.set_random_seed(0)
    return models.load_xception(None)


@pytest.fixture(scope="session")
def small(xception):
    """One small network of each builder, for 32 px."""
    import keras

    from lib import models

    keras.utils.set_random_seed(0)
    return {
        "cnn": models.build_cnn(4),
        "autoencoder": models.build_autoencoder(32, filters=4, code=16),
        "xception": models.build_xception(xception, filters=16),
        "xception_skips": models.build_xception(xception, skips=True, filters=16),
        "generator": models.build_generator(4),
        "generator_spectral": models.build_generator(4, spectral=True),
        "generator_xception": models.build_generator(4, encoder="xception", xception=xception),
    }


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """One training run to its end: (folder, network, history)."""
    import helpers

    folder = tmp_path_factory.mktemp("finished")
    return folder, *helpers.fit_tiny(folder, epochs=10, warnings=["a warning"])
