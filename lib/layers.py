"""The four layers that Keras does not have and the models need.

All take and give channels-last tensors and are registered, so that `keras.models.load_model`
reads a saved model without being told about them.

References
----------
Zhang, Goodfellow, Metaxas, Odena (2019), Self-Attention Generative Adversarial Networks.
Miyato, Kataoka, Koyama, Yoshida (2018), Spectral Normalization for GANs.
"""

import keras
from keras import ops

from lib import lab

register = keras.saving.register_keras_serializable(package="colorization")


@register
class ResizeTo(keras.layers.Layer):
    """Resize features to the size of a reference divided by `shrink`, rounded up (bilinear).

    Called with [features (N, h, w, C), reference (N, H, W, any)]; gives
    (N, ceil(H / shrink), ceil(W / shrink), C). Strided convolutions with "same" padding round up
    too, so sizes agree for every H and W, not only for powers of two.
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
        return ops.image.resize(features, size, interpolation="bilinear")

    def compute_output_shape(self, input_shape):
        features, (_, height, width, _) = input_shape
        size = [None if side is None else -(-side // self.shrink) for side in (height, width)]
        return (features[0], *size, features[3])

    def get_config(self):
        return {**super().get_config(), "shrink": self.shrink}


@register
class GrayToImageNet(keras.layers.Layer):
    """Lightness as the grey photo that pretrained Xception expects: three channels in [-1, 1].

    lightness_scaled (N, H, W, 1) in [-1, 1] is turned into the sRGB grey of the same L (not into L
    itself: the two scales differ by up to 0.1), repeated three times.
    """

    def call(self, lightness_scaled):
        gray = ops.zeros_like(ops.repeat(lightness_scaled, 2, axis=-1))
        rgb = lab.lab_to_rgb(lab.unscale(lightness_scaled, gray))
        return ops.cast(rgb * 2.0 - 1.0, self.compute_dtype)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], 3)


@register
class SelfAttention(keras.layers.Layer):
    """Let every place look at every other: (N, H, W, C) to the same shape.

    Zhang et al. (2019), equations 1 to 4, with queries and keys of C / 8 channels. `gamma` starts
    at zero, so a new layer passes its input through and learns how much to add.
    """

    def build(self, input_shape):
        channels = input_shape[-1]
        inner = max(channels // 8, 1)
        self.query = keras.layers.Dense(inner, use_bias=False, name="query")
        self.key = keras.layers.Dense(inner, use_bias=False, name="key")
        self.value = keras.layers.Dense(channels, use_bias=False, name="value")
        for dense in (self.query, self.key, self.value):
            dense.build((None, None, channels))
        self.gamma = self.add_weight(shape=(), initializer="zeros", name="gamma")

    def call(self, features):
        batch, height, width, channels = ops.shape(features)
        places = ops.reshape(features, (batch, height * width, channels))
        scores = ops.matmul(self.query(places), ops.transpose(self.key(places), (0, 2, 1)))
        attended = ops.matmul(ops.softmax(scores, axis=-1), self.value(places))
        return features + self.gamma * ops.reshape(attended, ops.shape(features))

    def compute_output_shape(self, input_shape):
        return input_shape


@register
class SpectralConv2D(keras.layers.Conv2D):
    """Convolution whose kernel is divided by its largest singular value (Miyato et al. 2018).

    One power iteration a training step keeps the left vector `u`; the gradient goes through the
    singular value, and the same normalized kernel is used in training and afterwards. (Keras's
    wrapper writes the normalized kernel over the weight instead, which depends on the backend.)
    """

    def build(self, input_shape):
        super().build(input_shape)
        self.u = self.add_weight(
            shape=(1, self.filters),
            initializer=keras.initializers.RandomNormal(seed=self.kernel_initializer.seed),
            trainable=False,
            name="u",
        )

    def call(self, inputs, training=False):
        matrix = ops.reshape(self.kernel, (-1, self.filters))
        v = ops.stop_gradient(_unit(ops.matmul(self.u, ops.transpose(matrix))))
        u = ops.stop_gradient(_unit(ops.matmul(v, matrix)))
        if training:
            self.u.assign(u)
        sigma = ops.sum(ops.matmul(v, matrix) * u)
        features = self.convolution_op(inputs, self.kernel / sigma)
        return self.activation(features + self.bias) if self.use_bias else self.activation(features)

    def save_own_variables(self, store):  # Keras's Conv2D saves the kernel and the bias only
        for number, variable in enumerate(self.variables):
            store[str(number)] = variable

    def load_own_variables(self, store):
        for number, variable in enumerate(self.variables):
            variable.assign(store[str(number)])


def _unit(vector):
    return vector / (ops.norm(vector) + 1e-12)
