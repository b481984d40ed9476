"""Which moment of NoGAN's joint phase to keep: a rule that needs no look at a picture.

All that it sees is the error and the colorfulness of some validation photos.
"""

import numpy as np

from lib import lab, metrics, models

FACTORS = [round(1 + 0.02 * n, 2) for n in range(51)]  # of ab, from which `saturate` takes one
LOOKS = 6  # validation photos that each check keeps as pictures, for choosing by eye


def choose(rows, tolerance=0.10):
    """Which check of phase 3 to keep: index into `rows`.

    Among the checks that cost at most `tolerance` (relative) more RMSE_ab than the generator had
    before (row 0), the one whose colorfulness is nearest to the truth's, as a ratio; row 0 itself
    is allowed, so adversarial training that only does harm is undone. Needs no look at a picture.
    """
    limit = (1 + tolerance) * rows[0]["rmse_ab"]
    distance = [
        abs(np.log(max(row["colorfulness_ratio"], 1e-6))) if row["rmse_ab"] <= limit else np.inf
        for row in rows
    ]
    return int(np.argmin(distance))


def spendable(settings):
    """How much RMSE_ab joint training itself may cost, relative."""
    return settings["tolerance"] / (2 if settings["saturate"] else 1)


class Truth:
    """The validation photos that every check looks at."""

    def __init__(self, rgb):
        self.rgb, self.ab = rgb, np.asarray(lab.rgb_to_lab(rgb))[..., 1:]
        self.colorfulness = metrics.colorfulness(rgb).mean()
        self.shown = np.linspace(0, len(rgb) - 1, min(LOOKS, len(rgb))).astype(int)

    def measure(self, ab_pred):
        """Of the answer ab_pred (N, H, W, 2), CIELAB units: rmse_ab and colorfulness_ratio; photos.

        Mean over photos of the error; mean of the outputs' colorfulness over mean of the truths';
        the outputs, uint8 (N, H, W, 3).
        """
        rgb_pred = metrics.recolor(self.rgb, ab_pred)
        ratio = metrics.colorfulness(rgb_pred).mean() / self.colorfulness
        error = metrics.rmse_ab(self.ab, ab_pred).mean()
        return {"rmse_ab": float(error), "colorfulness_ratio": float(ratio)}, rgb_pred


def saturate(generator, truth, rows, tolerance):
    """Multiply a generator's ab by the factor that `choose` takes after `rows`; gives it."""
    ab_pred = models.predict_ab(generator, truth.rgb)
    found = [truth.measure(factor * ab_pred)[0] for factor in FACTORS]
    factor = FACTORS[max(choose([rows[0], *found], tolerance) - 1, 0)]
    for weights in generator.get_layer("output_ab").weights:
        weights.assign(factor * weights)
    return factor
