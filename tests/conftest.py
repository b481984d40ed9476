"""Fixtures that several test files share. Keras is imported only where one is used."""

import pytest


@pytest.fixture(scope="session")
def xception():
    """Xception with random weights: 20 M of them, so it is built once for all test files."""
    import keras

    from lib import models

    keras.utils.set_random_seed(0)
    return models.load_xception(None)


@pytest.fixture
def seeded():
    """Every random number generator at seed 0."""
    import keras

    keras.utils.set_random_seed(0)
