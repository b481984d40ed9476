"""Keras without the notes that TensorFlow writes about the hardware while it loads."""

from lib import quiet_startup

with quiet_startup():
    import keras
    from keras import ops

__all__ = ["keras", "ops"]
