"""The paper's four models, as Keras functional graphs that read like their diagrams.

Every colorization network takes lightness_scaled (N, H, W, 1) in [-1, 1] and gives ab_scaled
(N, H, W, 2), linear, about [-1, 1] (see `lab.scale`). All but the autoencoder take any H and W.
Layers are named `<block>_<part>`: the diagrams of the report are drawn from these names.

References
----------
The paper, sections 3.3 to 3.6. Iizuka, Simo-Serra, Ishikawa (2016), Let there be Color! (fusion of
global and local features). Chollet (2017), Xception. Ronneberger, Fischer, Brox (2015), U-Net.
Isola, Zhu, Zhou, Efros (2017), patch logits. Antic, DeOldify (NoGAN's generator and critic). Zhang,
Goodfellow, Metaxas, Odena (2019), Self-Attention GAN. Miyato, Kataoka, Koyama, Yoshida (2018),
Spectral Normalization for GANs.
"""

import contextlib
import hashlib
import inspect
from functools import partial, wraps
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
from keras import layers, ops

from lib import lab

# Where Xception is read, by how much smaller: after the last sum of that size (1/2, 1/32: none).
XCEPTION_SKIPS = {
    2: "block1_conv2_act",
    4: "block3_sepconv1_act",
    8: "block4_sepconv1_act",
    16: "block13_sepconv1_act",
    32: "block14_sepconv2_act",
}
# Added to variances in the generator's decoder. With Keras's 0.001 a channel that hardly fired in
# training is amplified up to 1 / sqrt(0.001) = 32 times, block after block, where a photo fires it.
STEADY = 0.1

register = keras.saving.register_keras_serializable(package="colorization")


def _recorded(build):
    """Let a builder note its arguments in `network.recipe`, by which it is built again."""

    @wraps(build)
    def built(*values, **options):
        network = build(*values, **options)
        given = inspect.signature(build).bind(*values, **options)
        given.apply_defaults()
        given.arguments.pop("xception", None)
        network.recipe = {"builder": build.__name__, "arguments": given.arguments}
        return network

    return built


@_recorded
def build_cnn(filters=32):
    """The CNN of section 3.3: encoder, global feature extractor, decoder; 8 blocks.

    Strides take the place of pooling, batch normalization ends each block, and the output is
    linear. Global features, one vector a photo, are joined to the local ones at every place. The
    first block has `filters` channels, the widest four times as many; 32 gives 1.1 M weights.
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


@_recorded
def build_autoencoder(image_size, filters=32, code=256):
    """The autoencoder of section 3.4: 4 convolutions, Flatten, 2 Dense, Reshape; 4 transposed.

    The Dense layers fix `image_size`, the photos' side in pixels. The first convolution has
    `filters` channels, doubled twice; everything must pass through a vector of the length `code`.
    256 gives 8.7 M weights at 200 px, almost all in the two Dense layers (the second is halved).
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
    for number, channels in enumerate(widths[2::-1], start=1):  # S/8, S/4, S/2
        x = layers.Conv2DTranspose(
            channels, 3, 2, "same", activation="relu", name=f"decode{number}_transpose"
        )(x)
        x = _norm(name=f"decode{number}_norm")(x)
    x = layers.Conv2DTranspose(2, 3, 2, "same", dtype="float32", name="output_transpose")(x)  # S
    excess = 16 * side - image_size  # the side was rounded up: cut the surplus off
    cut = ((excess + 1) // 2, excess // 2)
    ab = layers.Cropping2D((cut, cut), dtype="float32", name="output_ab")(x)
    return keras.Model(lightness, ab, name="autoencoder")


@_recorded
def build_xception(xception, skips=False, fine_tune=False, filters=128):
    """The CNN on pretrained Xception of section 3.5: Xception encodes, five convolutions decode.

    `xception`, see `load_xception`, stays frozen, but with `fine_tune`, see `thaw`. With `skips`
    the decoder gets the encoder's finer features, too; in the paper it sees but a grid of 1/32
    of the photo's side. Its first convolution has `filters` channels, halved down to 16 at least.
    """
    lightness = keras.Input((None, None, 1), name="lightness")
    encoder, finer = _pretrained(xception, lightness, XCEPTION_SKIPS if skips else [32])
    if fine_tune:
        thaw(encoder)
    x = finer[32]
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


@_recorded
def build_generator(filters=32, attention=True, spectral=False, encoder="scratch", xception=None):
    """NoGAN's generator: a U-Net with self-attention, as DeOldify's; section 3.6 names no layers.

    It has `filters` channels at half size, doubled at each further halving, four in all; 32 gives
    2.4 M weights. `attention` is self-attention at an eighth of the side, `spectral` the spectral
    normalization of the decoder's convolutions. `encoder` is "scratch", strided convolutions, or
    "xception", the frozen `xception`.
    """
    lightness = x = keras.Input((None, None, 1), name="lightness")
    finer = {}
    if encoder == "xception":
        _, finer = _pretrained(xception, lightness, [2, 4, 8, 16])
    elif encoder == "scratch":
        for number, shrink in enumerate([2, 4, 8, 16], start=1):
            x = finer[shrink] = _block(x, f"encode{number}", filters * shrink // 2, stride=2)
    else:
        raise ValueError(f"encoder: expected scratch or xception, got {encoder!r}")
    x = finer[16]
    block = partial(_block, kernels=(3,), spectral=spectral, epsilon=STEADY)
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

    After DeOldify's: strided convolutions that double the channels, each but the first after a
    plain one, all spectrally normalized, and self-attention. It is smaller, sees L and ab instead
    of RGB, and drops values, not channels. Takes [lightness_scaled (N, H, W, 1), ab_scaled (N, H,
    W, 2)]; gives (N, H/16, W/16, 1), a positive logit for real.
    """
    lightness = keras.Input((None, None, 1), name="lightness")
    ab = keras.Input((None, None, 2), name="ab")
    leaky = partial(layers.LeakyReLU, negative_slope=0.2)
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


class Network(NamedTuple):
    """A row of the table that is trained: what readers call it, and which notebook trains it."""

    label: str
    notebook: str


NETWORKS = {  # by name of the folder in results/<study>, in the order of every table
    "cnn": Network("CNN", "03"),
    "autoencoder": Network("Autoencoder", "04"),
    "xception": Network("Xception", "05"),
    "xception_skips": Network("Xception with skips", "05"),
    "generator": Network("Generator alone", "06"),
    "gan": Network("NoGAN", "06"),
}


def load_xception(weights="imagenet"):
    """Keras's Xception without its classifier.

    `weights`: "imagenet" downloads them (76 MB, once); a path to a .weights.h5 file loads it; None
    leaves them random; "auto" tries "imagenet" and falls back to random. The network's attribute
    `weights_used` says "imagenet", the file's name, or "random". ValueError if there is no such
    file, or it does not fit; ConnectionError if the download fails.
    """
    source = "imagenet" if weights == "auto" else weights
    try:
        xception = keras.applications.Xception(include_top=False, weights=source)
    except Exception as error:  # keras raises a bare Exception when a download fails
        if weights == "auto":
            return load_xception(None)
        reason = str(error).partition("\n")[0]
        if weights != "imagenet":
            raise ValueError(f"XCEPTION_WEIGHTS: {weights}: {reason}") from None
        advice = "no download of ImageNet's weights, give the path of a local .weights.h5 file"
        raise ConnectionError(f"XCEPTION_WEIGHTS: {advice} ({reason})") from None
    xception.weights_used = Path(source or "random").name
    return xception


def _pretrained(xception, lightness, shrinks):
    """A frozen Xception, and its features by how much smaller they are than the photo."""
    encoder = xception_encoder(xception, [XCEPTION_SKIPS[shrink] for shrink in shrinks])
    encoder.trainable = False
    features = encoder(GrayToImageNet(name="gray_input")(lightness))
    features = features if isinstance(features, list) else [features]
    return encoder, dict(zip(shrinks, features, strict=True))


def xception_encoder(xception, names):
    """Xception from its input to the outputs of the named layers, as one model."""
    outputs = [xception.get_layer(name).output for name in names]
    return keras.Model(xception.input, outputs, name="xception")


def thaw(encoder):
    """Let an encoder learn, all but its batch normalizations: small batches would spoil them."""
    encoder.trainable = True
    for layer in encoder.layers:
        layer.trainable = not isinstance(layer, layers.BatchNormalization)


def predict_ab(network, rgb):
    """Predict the ab of photos, float32 (N, H, W, 2) in CIELAB units, in 32 bits.

    `rgb`, (N, H, W, 3), is uint8 or float in [0, 1]; the network sees its L alone.
    """
    parts = []
    with _in_float32(network):
        for start in range(0, len(rgb), 32):
            lightness_scaled, _ = lab.scale(lab.rgb_to_lab(rgb[start : start + 32]))
            # Called directly: a compiled prediction would be tied to the first image size it sees.
            ab_scaled = network(ops.convert_to_tensor(lightness_scaled), training=False)
            parts.append(ops.convert_to_numpy(ab_scaled) * lab.AB_SCALE)
    return np.concatenate(parts)


def save(network, path):
    """Write a network as a .keras file that computes in 32 bits when it is read."""
    with _in_float32(network):
        network.save(path)


def load(path):
    """Read a saved network: results/<study>/<model>/model.keras. ValueError if it is not there."""
    return keras.models.load_model(path, compile=False)


def weights_digest(model):
    """SHA-256 of a model's weights."""
    digest = hashlib.sha256()
    for variable in model.weights:
        values = ops.convert_to_numpy(variable)
        digest.update(f"{values.shape} {values.dtype}".encode() + values.tobytes())
    return digest.hexdigest()


@contextlib.contextmanager
def _in_float32(network):
    """Within, a network that was trained with 16-bit activations computes in 32 bits."""
    policies = {layer: layer.dtype_policy for layer in network._flatten_layers(include_self=False)}
    for layer in policies:
        layer.dtype_policy = "float32"
    try:
        yield
    finally:
        for layer, policy in policies.items():
            layer.dtype_policy = policy


def _block(x, name, channels, stride=1, kernels=(3, 3), spectral=False, epsilon=1e-3):
    """Convolutions with ReLU, the first with the stride, ended by batch normalization."""
    convolution = SpectralConv2D if spectral else layers.Conv2D
    convolution = partial(convolution, padding="same", activation="relu")
    for number, kernel in enumerate(kernels, start=1):
        x = convolution(channels, kernel, stride, name=f"{name}_conv{number}")(x)
        stride = 1
    return _norm(f"{name}_norm", epsilon)(x)


def _norm(name, epsilon=1e-3):
    """Batch normalization whose running statistics follow within tens of steps, not hundreds."""
    return layers.BatchNormalization(momentum=0.9, epsilon=epsilon, name=name)


def _output(x):
    """The last convolution: two channels, linear, starting near zero (no colour)."""
    options = {"kernel_initializer": keras.initializers.RandomNormal(stddev=0.01)}
    return layers.Conv2D(2, 3, padding="same", dtype="float32", name="output_ab", **options)(x)


@register
class ResizeTo(layers.Layer):
    """Resize features to the size of a reference divided by `shrink`, rounded up (bilinear).

    Called with [features (N, h, w, C), reference (N, H, W, any)]. Strided convolutions with "same"
    padding round up too, so sizes agree for every H and W, not only for powers of two.
    """

    def __init__(self, shrink=1, **options):
        super().__init__(**options)
        self.shrink = shrink

    def call(self, inputs):
        features, reference = inputs
        height, width = ops.shape(reference)[1:3]
        size = (-(-height // self.shrink), -(-width // self.shrink))
        if tuple(features.shape[1:3]) == size:
            return features
        # In 32 bits: the gradient comes back so, and XLA refuses it beside activations of 16 bits.
        wide = ops.image.resize(ops.cast(features, "float32"), size, interpolation="bilinear")
        return ops.cast(wide, self.compute_dtype)

    def compute_output_shape(self, input_shape):
        features, (_, height, width, _) = input_shape
        size = [None if side is None else -(-side // self.shrink) for side in (height, width)]
        return (features[0], *size, features[3])

    def get_config(self):
        return {**super().get_config(), "shrink": self.shrink}


@register
class GrayToImageNet(layers.Layer):
    """Lightness as the grey photo that pretrained Xception expects: three channels in [-1, 1].

    The sRGB grey of the same L, not L itself: the two scales differ by up to 0.1.
    """

    def call(self, lightness_scaled):
        gray = ops.zeros_like(ops.repeat(lightness_scaled, 2, axis=-1))
        rgb = lab.lab_to_rgb(lab.unscale(lightness_scaled, gray))
        return ops.cast(rgb * 2.0 - 1.0, self.compute_dtype)


@register
class SelfAttention(layers.Layer):
    """Let every place look at every other: (N, H, W, C) to the same shape.

    Zhang et al. (2019), with queries and keys of C / 8 channels, but values by one matrix, as in
    DeOldify. `gamma` starts at zero: a new layer passes its input through, and learns to add.
    """

    def build(self, input_shape):
        channels = input_shape[-1]
        inner = max(channels // 8, 1)
        self.query = layers.Dense(inner, use_bias=False, name="query")
        self.key = layers.Dense(inner, use_bias=False, name="key")
        self.value = layers.Dense(channels, use_bias=False, name="value")
        for dense in (self.query, self.key, self.value):
            dense.build((None, None, channels))
        self.gamma = self.add_weight(shape=(), initializer="zeros", name="gamma")

    def call(self, features):
        batch, height, width, channels = ops.shape(features)
        places = ops.reshape(features, (batch, height * width, channels))
        scores = ops.matmul(self.query(places), ops.transpose(self.key(places), (0, 2, 1)))
        attended = ops.matmul(ops.softmax(scores, axis=-1), self.value(places))
        return features + self.gamma * ops.reshape(attended, ops.shape(features))


@register
class SpectralConv2D(layers.Conv2D):
    """Convolution whose kernel is divided by its largest singular value (Miyato et al. 2018).

    One power iteration a training step keeps the left vector `u`; the gradient goes through the
    singular value. (Keras's wrapper overwrites the kernel instead, which depends on the backend.)
    """

    def build(self, input_shape):
        super().build(input_shape)
        start = keras.initializers.RandomNormal(seed=self.kernel_initializer.seed)
        self.u = self.add_weight((1, self.filters), start, trainable=False, name="u")

    def call(self, inputs, training=False):
        matrix = ops.reshape(self.kernel, (-1, self.filters))
        v = ops.stop_gradient(_unit(ops.matmul(self.u, ops.transpose(matrix))))
        u = ops.stop_gradient(_unit(ops.matmul(v, matrix)))
        if training:
            self.u.assign(u)
        sigma = ops.sum(ops.matmul(v, matrix) * u)
        features = self.convolution_op(inputs, self.kernel / sigma)
        return self.activation(features + self.bias) if self.use_bias else self.activation(features)

    # Keras's Conv2D saves the kernel and the bias only, every other layer all that it has.
    save_own_variables = layers.Layer.save_own_variables
    load_own_variables = layers.Layer.load_own_variables


def _unit(vector):
    return vector / (ops.norm(vector) + 1e-12)
