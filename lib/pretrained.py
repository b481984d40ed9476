"""Xception as Keras has it: its weights, and the part of it that a network stands on.

Reference: Chollet (2017), Xception.
"""

from pathlib import Path

import keras
from keras import layers


def load_xception(weights="imagenet"):
    """Keras's Xception without its classifier.

    Parameters
    ----------
    weights : str or None
        "imagenet" downloads the weights (76 MB, once); a path to a .weights.h5 file loads them;
        None leaves them random; "auto" tries "imagenet" and falls back to random.

    Returns
    -------
    keras.Model
        Its attribute `weights_used` says "imagenet", the file's name, or "random".

    Raises
    ------
    FileNotFoundError
        If the path does not exist.
    ConnectionError
        If "imagenet" is asked for and cannot be downloaded.
    """
    if weights in ("imagenet", "auto"):
        try:
            return _named(keras.applications.Xception(include_top=False), "imagenet")
        except Exception as error:  # keras raises a bare Exception when a download fails
            if weights == "imagenet":
                raise ConnectionError(
                    "XCEPTION_WEIGHTS: the ImageNet weights could not be downloaded "
                    f"({_first_line(error)}); give the path of a local .weights.h5 file"
                ) from None
            weights = None
    if weights is None:
        return _named(keras.applications.Xception(include_top=False, weights=None), "random")
    path = Path(weights)
    if not path.is_file():
        raise FileNotFoundError(f"XCEPTION_WEIGHTS: no file {weights}")
    try:
        return _named(keras.applications.Xception(include_top=False, weights=path), path.name)
    except (ValueError, OSError) as error:
        reason = f"{weights} does not fit Xception: {_first_line(error)}"
        raise ValueError(f"XCEPTION_WEIGHTS: {reason}") from None


def xception_encoder(xception, names):
    """Xception from its input to the outputs of the named layers, as one model."""
    outputs = [xception.get_layer(name).output for name in names]
    return keras.Model(xception.input, outputs, name="xception")


def thaw(encoder):
    """Let an encoder learn, too, also layers of it that another model has frozen.

    Its batch normalizations stay as they are: the statistics of small batches would spoil them.
    """
    encoder.trainable = True
    for layer in encoder.layers:
        layer.trainable = not isinstance(layer, layers.BatchNormalization)


def _first_line(error):
    return next(iter(str(error).splitlines()), type(error).__name__)


def _named(xception, weights_used):
    xception.weights_used = weights_used
    return xception
