"""The paper's four models, as Keras functional graphs that read like their diagrams.

Every colorization network takes lightness_scaled (N, H, W, 1) in [-1, 1] and gives ab_scaled
(N, H, W, 2), linear, about [-1, 1] (see `lab.scale`). All but the autoencoder take any H and W.
Layers are named `<block>_<part>`: the diagrams of the report are drawn from these names.

References
----------
The paper, sections 3.3 to 3.6. Iizuka, Simo-Serra, Ishikawa (2016), Let there be Color! (fusion of
global and local features). Chollet (2017), Xception. Ronneberger, Fischer, Brox (2015), U-Net.
Isola, Zhu, Zhou, Efros (2017), patch logits. Antic, DeOldify (NoGAN's generator and critic).
"""

import functools
from pathlib import Path

import keras
import numpy as np
from keras import layers

from lib import lab
from lib.devices import replicas
from lib.layers import GrayToImageNet, ResizeTo, SelfAttention, SpectralConv2D
from lib.pretrained import (
    load_xception,
    thaw,
    xception_encoder,
)  # all three are part of this module

__all__ = [
    "MODELS",
    "STEADY",
    "XCEPTION_SKIPS",
    "build_autoencoder",
    "build_cnn",
    "build_critic",
    "build_generator",
    "build_xception",
    "load",
    "load_xception",
    "predict_ab",
    "thaw",
    "xception_encoder",
]

# Where Xception's features are read: the last activation before each halving of the photo.
XCEPTION_SKIPS = {
    2: "block1_conv2_act",
    4: "block3_sepconv1_act",
    8: "block4_sepconv1_act",
    16: "block13_sepconv1_act",
}
# Added to variances in the generator's decoder. A channel that hardly fires in training has next to
# none; with Keras's 0.001 a photo that fires it is amplified 30 times, by one block after another.
STEADY = 0.1


def build_cnn(filters=32):
    """The CNN of section 3.3: encoder, global feature extractor, decoder; 8 blocks.

    Strides take the place of pooling, batch normalization ends each block, and the output is
    linear. Global features, one vector a photo, are joined to the local ones at every place.

    Parameters
    ----------
    filters : int
        Channels of the first block; the widest have four times as many. 32 gives 1.1 M weights.
    """
    lightness = keras.Input((None, None, 1), name="lightness")
    x = _block(lightness, "encode1", filters, stride=2)  # H/2
    x = _block(x, "encode2", 2 * filters, stride=2)  # H/4
    x = _block(x, "encode3", 4 * filters, stride=2)  # H/8
    local = _block(x, "encode4", 4 * filters)  # H/8, local features

    x = _block(local, "global5", 4 * filters, stride=2)  # H/16
    x = layers.GlobalAveragePooling2D(keepdims=True, name="global5_mean")(x)  # 1 x 1
    x = layers.Dense(4 * filters, activation="relu", name="global5_dense")(x)
    everywhere = ResizeTo(8, name="fuse6_repeat")([x, lightness])  # H/8, the same at each place
    x = layers.Concatenate(name="fuse6_concat")([local, everywhere])
    x = _block(x, "fuse6", 4 * filters, kernels=(1,))

    for number, (shrink, channels) in enumerate([(4, 2 * filters), (2, filters)], start=7):
        x = ResizeTo(shrink, name=f"decode{number}_up")([x, lightness])  # H/4, H/2
        x = _block(x, f"decode{number}", channels)
    x = ResizeTo(1, name="output_up")([x, lightness])  # H
    return keras.Model(lightness, _output(x), name="cnn")


def build_autoencoder(image_size, filters=32, code=256):
    """The autoencoder of section 3.4: 4 convolutions, Flatten, 2 Dense, Reshape; 4 transposed.

    Parameters
    ----------
    image_size : int
        Side of the photos in pixels; the two Dense layers fix it.
    filters : int
        Channels of the first convolution; doubled twice.
    code : int
        Length of the vector that everything must pass through. At 200 px, 32 filters and a code
        of 256 give 8.7 M weights, almost all in the two Dense layers.
    """
    widths = [filters, 2 * filters, 4 * filters, 4 * filters]
    side = -(-image_size // 16)  # four strides of 2, rounded up
    lightness = keras.Input((image_size, image_size, 1), name="lightness")
    x = lightness
    for number, channels in enumerate(widths, start=1):  # S/2, S/4, S/8, S/16
        x = layers.Conv2D(channels, 3, 2, "same", activation="relu", name=f"encode{number}_conv")(x)
        x = _norm(name=f"encode{number}_norm")(x)
    x = layers.Flatten(name="code_flatten")(x)
    x = layers.Dense(code, activation="relu", name="code_dense")(x)
    x = layers.Dense(side * side * widths[-1] // 2, activation="relu", name="expand_dense")(x)
    x = layers.Reshape((side, side, widths[-1] // 2), name="expand_reshape")(x)
    for number, channels in enumerate([*widths[2::-1]], start=1):  # S/8, S/4, S/2
        x = layers.Conv2DTranspose(
            channels, 3, 2, "same", activation="relu", name=f"decode{number}_transpose"
        )(x)
        x = _norm(name=f"decode{number}_norm")(x)
    x = layers.Conv2DTranspose(2, 3, 2, "same", dtype="float32", name="output_transpose")(x)  # S
    excess = 16 * side - image_size  # the side was rounded up: cut the surplus off
    ab = layers.Cropping2D((((excess + 1) // 2, excess // 2),) * 2, name="output_ab")(x)
    return keras.Model(lightness, ab, name="autoencoder")


def build_xception(xception, skips=False, fine_tune=False, filters=128):
    """The CNN on pretrained Xception of section 3.5: Xception encodes, five convolutions decode.

    Parameters
    ----------
    xception : keras.Model
        See `load_xception`.
    skips : bool
        Also give the decoder the encoder's finer features. The paper has none: all that the
        decoder sees is a grid of 1/32 of the photo's side.
    fine_tune : bool
        Train the encoder too, see `thaw`; otherwise it is frozen.
    filters : int
        Channels of the first decoder convolution; halved at each but the last.
    """
    lightness = keras.Input((None, None, 1), name="lightness")
    taps = XCEPTION_SKIPS if skips else {}
    encoder = xception_encoder(xception, [*taps.values(), "block14_sepconv2_act"])
    encoder.trainable = False
    if fine_tune:
        thaw(encoder)
    *finer, x = encoder(GrayToImageNet(name="gray_input")(lightness))
    finer = dict(zip(taps, finer, strict=True))
    for number, shrink in enumerate([16, 8, 4, 2], start=1):  # four, and the output's
        x = ResizeTo(shrink, name=f"decode{number}_up")([x, lightness])
        if skips:
            skip = ResizeTo(shrink, name=f"decode{number}_skip")([finer[shrink], lightness])
            x = layers.Concatenate(name=f"decode{number}_concat")([x, skip])
        channels = max(filters >> (number - 1), 16)
        x = layers.Conv2D(channels, 3, padding="same", name=f"decode{number}_conv")(x)
        x = _norm(name=f"decode{number}_norm")(x)
        x = layers.ReLU(name=f"decode{number}_relu")(x)
    x = ResizeTo(1, name="output_up")([x, lightness])
    return keras.Model(lightness, _output(x), name="xception_skips" if skips else "xception")


def build_generator(filters=32, attention=True, spectral=False, encoder="scratch", xception=None):
    """NoGAN's generator: a U-Net with self-attention, section 3.6.

    Parameters
    ----------
    filters : int
        Channels at half size; doubled at each further halving, four in all. 32 gives 2.4 M.
    attention : bool
        Self-attention at an eighth of the side.
    spectral : bool
        Spectral normalization of the decoder's convolutions.
    encoder : str
        "scratch" trains one of strided convolutions; "xception" takes the frozen `xception`.
    xception : keras.Model, optional
        See `load_xception`.
    """
    if encoder not in ("scratch", "xception"):
        raise ValueError(f"encoder: expected scratch or xception, got {encoder!r}")
    if encoder == "xception" and xception is None:
        raise ValueError("xception: expected a network from load_xception, got None")
    lightness = keras.Input((None, None, 1), name="lightness")
    finer = {}
    if encoder == "scratch":
        x = lightness
        for number, shrink in enumerate([2, 4, 8, 16], start=1):
            x = _block(x, f"encode{number}", filters * shrink // 2, stride=2)
            finer[shrink] = x
        x = finer.pop(16)
    else:
        pretrained = xception_encoder(xception, XCEPTION_SKIPS.values())
        pretrained.trainable = False
        features = pretrained(GrayToImageNet(name="gray_input")(lightness))
        finer = dict(zip(XCEPTION_SKIPS, features, strict=True))
        x = finer.pop(16)
    block = functools.partial(_block, kernels=(3,), spectral=spectral, epsilon=STEADY)
    x = block(x, "central", 8 * filters)
    for number, shrink in enumerate([8, 4, 2], start=1):
        x = ResizeTo(shrink, name=f"decode{number}_up")([x, lightness])
        skip = ResizeTo(shrink, name=f"decode{number}_skip")([finer[shrink], lightness])
        x = layers.Concatenate(name=f"decode{number}_concat")([x, skip])
        x = block(x, f"decode{number}", filters * shrink // 2)
        if attention and shrink == 8:
            x = SelfAttention(name="attention")(x)
    x = ResizeTo(1, name="decode4_up")([x, lightness])
    x = layers.Concatenate(name="decode4_concat")([x, lightness])
    x = block(x, "decode4", filters // 2)
    return keras.Model(lightness, _output(x), name="generator")


def build_critic(filters=32, dropout=0.2):
    """NoGAN's critic: is this patch of colour real, given the grey photo? Patch logits.

    DeOldify's critic with fewer filters: a strided convolution, then convolution and strided
    convolution that double the channels, self-attention after the first, and a convolution to one
    logit a patch. All convolutions are spectrally normalized, leaky ReLU 0.2. Takes
    [lightness_scaled (N, H, W, 1), ab_scaled (N, H, W, 2)]; gives (N, H/16, W/16, 1), a positive
    logit for real.
    """
    lightness = keras.Input((None, None, 1), name="lightness")
    ab = keras.Input((None, None, 2), name="ab")
    leaky = functools.partial(layers.LeakyReLU, negative_slope=0.2)
    x = layers.Concatenate(name="input_concat")([lightness, ab])
    x = SpectralConv2D(filters, 4, 2, "same", name="down1_conv")(x)  # H/2
    x = leaky(name="down1_leaky")(x)
    x = layers.Dropout(dropout, name="down1_dropout")(x)
    for number in (2, 3, 4):  # H/4, H/8, H/16
        channels = filters * 2 ** (number - 1)
        x = SpectralConv2D(channels // 2, 3, 1, "same", name=f"down{number}_conv")(x)
        x = leaky(name=f"down{number}_leaky")(x)
        x = layers.Dropout(dropout, name=f"down{number}_dropout")(x)
        x = SpectralConv2D(channels, 4, 2, "same", name=f"down{number}_stride")(x)
        x = leaky(name=f"down{number}_leaky2")(x)
        if number == 2:
            x = SelfAttention(name="attention")(x)
    logits = SpectralConv2D(1, 3, 1, "same", dtype="float32", name="output_logits")(x)
    return keras.Model([lightness, ab], logits, name="critic")


MODELS = {
    "cnn": build_cnn,
    "autoencoder": build_autoencoder,
    "xception": build_xception,
    "xception_skips": functools.partial(build_xception, skips=True),
    "generator": build_generator,
}


def load(path):
    """Read a saved network: results/<study>/<model>/model.keras. Raises FileNotFoundError."""
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no trained model at {path}: run its notebook first")
    return keras.models.load_model(path, compile=False)


def predict_ab(network, rgb, batch_size=32):
    """Predict the ab of photos from their lightness alone.

    Parameters
    ----------
    network : keras.Model
        lightness_scaled to ab_scaled.
    rgb : array, shape (N, H, W, 3), uint8 or float in [0, 1]
        Only its L is used.

    Returns
    -------
    array, shape (N, H, W, 2), float32, CIELAB units
    """
    parts = []
    for start in range(0, len(rgb), batch_size):
        batch = np.asarray(rgb[start : start + batch_size])
        lightness_scaled, _ = lab.scale(lab.rgb_to_lab(batch))
        # Called directly: a compiled prediction would be tied to the first image size it sees.
        ab_scaled = network(lightness_scaled, training=False)
        parts.append(np.asarray(lab.unscale(lightness_scaled, ab_scaled))[..., 1:])
    return np.concatenate(parts)


def _block(x, name, channels, stride=1, kernels=(3, 3), spectral=False, epsilon=1e-3):
    """Convolutions with ReLU, the first with the stride, ended by batch normalization."""
    convolution = SpectralConv2D if spectral else layers.Conv2D
    for number, kernel in enumerate(kernels, start=1):
        strides = stride if number == 1 else 1
        x = convolution(
            channels, kernel, strides, "same", activation="relu", name=f"{name}_conv{number}"
        )(x)
    return _norm(f"{name}_norm", epsilon)(x)


def _norm(name, epsilon=1e-3):
    """Batch normalization whose running statistics follow within tens of steps, not hundreds.

    Over the whole batch, also where it is split among devices.
    """
    return layers.BatchNormalization(
        momentum=0.9, epsilon=epsilon, synchronized=replicas() > 1, name=name
    )


def _output(x):
    """The last convolution: two channels, linear, starting near zero (no colour)."""
    small = keras.initializers.RandomNormal(stddev=0.01)
    return layers.Conv2D(
        2, 3, padding="same", kernel_initializer=small, dtype="float32", name="output_ab"
    )(x)
