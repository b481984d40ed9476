"""What training makes small: distances between colours, between features, and real or not.

Every function takes tensors, true before pred, and gives a scalar: the mean over photos, pixels and
channels, in float32. `ab_scaled` is ab / 110 (see `lab.scale`).

References
----------
Johnson, Alahi, Fei-Fei (2016), Perceptual Losses for Real-Time Style Transfer (feature loss).
Goodfellow et al. (2014), Generative Adversarial Nets (binary cross-entropy). Antic, DeOldify.
"""

import keras
from keras import ops

from lib.models import xception_encoder

# Xception's features just before a max-pooling, at 1/2, 1/4 and 1/8 of the side, in the proportions
# that DeOldify gives to VGG16's at 1/4, 1/8 and 1/16.
FEATURE_LAYERS = {"block2_sepconv2_bn": 0.2, "block3_sepconv2_bn": 0.7, "block4_sepconv2_bn": 0.1}
HUBER_KNEE = 0.1  # in ab_scaled: 11 CIELAB units


def mse(ab_true, ab_pred):
    """Mean squared error. Its best guess at a coin toss is the mean of both colours: grey-brown."""
    return ops.mean(ops.square(ab_pred - ab_true))


def mae(ab_true, ab_pred):
    """Mean absolute error. Its best guess between two colours is the likelier, the median."""
    return ops.mean(ops.abs(ab_pred - ab_true))


def rmse(ab_true, ab_pred):
    """Root mean squared error of each photo, the paper's equation 2, as 3.5 trains; their mean."""
    squared = ops.mean(ops.square(ab_pred - ab_true), axis=(1, 2, 3))
    return ops.mean(ops.sqrt(squared + 1e-12))  # at 0 the root has no slope


def huber(ab_true, ab_pred):
    """Squared below `HUBER_KNEE`, absolute above (Huber 1964), per channel."""
    distance = ops.abs(ab_pred - ab_true)
    small = ops.minimum(distance, HUBER_KNEE)
    return ops.mean(0.5 * ops.square(small) + HUBER_KNEE * (distance - small))


LOSSES = {"mse": mse, "mae": mae, "rmse": rmse, "huber": huber}


class FeatureLoss(keras.Model):
    """How far apart two photos are in the features of a frozen Xception.

    Called with rgb_true and rgb_pred, both (N, H, W, 3) in [0, 1]. In each of `FEATURE_LAYERS` the
    mean absolute difference of each photo is divided by the mean size of the true features, so that
    the weights mean the same for any `xception` (of `models.load_xception`); then summed.
    """

    def __init__(self, xception):
        super().__init__(name="feature_loss")
        self.extractor = xception_encoder(xception, FEATURE_LAYERS)
        self.extractor.trainable = False
        self.built = True  # as its part is

    def call(self, rgb_true, rgb_pred):
        true = self.extractor(rgb_true * 2.0 - 1.0, training=False)
        pred = self.extractor(rgb_pred * 2.0 - 1.0, training=False)
        return sum(
            weight * ops.mean(_size(p - t) / (_size(t) + 1e-6))
            for weight, t, p in zip(FEATURE_LAYERS.values(), true, pred, strict=True)
        )


def binary_cross_entropy(real, logits):
    """The critic's loss: -log of the probability it gives to the right answer, from logits.

    `real` is 1 for real, 0 for generated. A critic that knows nothing scores log 2 = 0.693.
    """
    return ops.mean(ops.maximum(logits, 0.0) - logits * real + ops.softplus(-ops.abs(logits)))


def _size(features):
    """Mean absolute value of each photo's features: (N, h, w, C) to (N,)."""
    return ops.mean(ops.abs(ops.cast(features, "float32")), axis=(1, 2, 3))
