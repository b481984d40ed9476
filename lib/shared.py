"""Networks that look at the same photo through the same frozen Xception look once.

Most of what such a network costs is its encoder: of the networks on Xception in a study, all but
the first are nearly free when the encoder's features are kept for the next one. The answers are
the same to the last bit.
"""

import functools
import threading

import numpy as np

from lib import devices, pixels
from lib.features import ENCODER
from lib.quiet import keras, ops

INPUT = "gray_input"  # name of the layer before it


def programs(networks):
    """Networks as compiled functions, which share an encoder where it has the same weights.

    Parameters
    ----------
    networks : dict of name -> keras.Model
        lightness_scaled (N, H, W, 1) to ab_scaled (N, H, W, 2).

    Returns
    -------
    dict of name -> function
        In the same order, each from lightness_scaled to ab_scaled. They may be called from several
        threads; those that share an encoder wait while one of them runs it.
    """
    found = {name: _compiled(network) for name, network in networks.items()}
    encoders = {
        name: network.get_layer(ENCODER)
        for name, network in networks.items()
        if any(layer.name == ENCODER for layer in network.layers)
    }
    if not encoders:
        return found
    deepest = encoders[max(encoders, key=lambda name: len(encoders[name].layers))]
    same = {name: encoder for name, encoder in encoders.items() if is_part(encoder, deepest)}
    if len(same) < 2:
        return found
    taps = list(dict.fromkeys(tap for encoder in same.values() for tap in encoder.output_names))
    encoder = keras.Model(deepest.input, [deepest.get_layer(tap).output for tap in taps])
    lightness = keras.Input((None, None, 1), name="lightness")
    features = encoder(networks[next(iter(same))].get_layer(INPUT)(lightness))
    encode = once(_compiled(keras.Model(lightness, features)))
    features = dict(zip(taps, features, strict=True))
    for name in same:
        decode = _compiled(_decoder(networks[name], lightness, features))
        found[name] = functools.partial(_in_two, encode, decode)
    return found


def is_part(encoder, other):
    """Whether all layers of `encoder` are in `other` too, with the same weights."""
    if not {layer.name for layer in encoder.layers} <= {layer.name for layer in other.layers}:
        return False
    for layer in encoder.layers:
        weights = layer.get_weights(), other.get_layer(layer.name).get_weights()
        if len(weights[0]) != len(weights[1]) or not all(map(np.array_equal, *weights)):
            return False
    return True


def once(function):
    """`function` of an array, which keeps its last answer for whoever asks for the same.

    Threads that ask while it is computed wait for it.
    """
    lock, last = threading.Lock(), []

    def call(values):
        known = ops.convert_to_numpy(values)
        with lock:
            if not last or not np.array_equal(last[0], known):
                last[:] = [known, function(values)]
            return last[1]

    return call


def _decoder(network, lightness, features):
    """What comes after the encoder, from lightness and all features; the layers are the same."""

    def call(layer, *inputs, **options):
        if layer.name == ENCODER:
            return [features[name] for name in layer.output_names]
        return layer(*inputs, **options)

    whole = keras.models.clone_model(
        network, lightness, clone_function=lambda layer: layer, call_function=call
    )
    return keras.Model([lightness, *features.values()], whole.output)


def _compiled(network):
    function = functools.partial(network, training=False)
    return pixels.compiled(function, xla=devices.has_gpu())


def _in_two(encode, decode, lightness_scaled):
    return decode([lightness_scaled, *encode(lightness_scaled)])
