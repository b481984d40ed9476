"""Skin, casts and wild colours of a study's networks; writes checks.csv beside this file.

    python results/flickr8k-200/checks.py results/flickr8k-cpu val cnn generator xception_skips gan

Reads trained networks, and the photos they were trained on, see data.json. Measured on every fourth
photo of a split (val or test):

- skin_hue: angle of the mean ab, in degrees, over the pixels whose true colour may be skin's:
  chroma 10 to 40, hue 30 to 75 degrees, L 29 to 85. Wood and sand are among them.
- mean_a_off, mean_b_off: mean predicted ab less the true one, over all pixels.
- wild: share of pixels with a chroma above 40; wild_old: on the same photos made to look old
  (`lib.train.age`); wild_samples: on scikit-image's sample photos. wild_training is the true share
  of every fourth training photo.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from lib.study.colab import prepare  # noqa: E402

prepare()  # keeps memory, before TensorFlow is loaded

import keras  # noqa: E402
import skimage  # noqa: E402

from lib import lab, models, train  # noqa: E402
from lib.data import preprocess  # noqa: E402
from lib.files import read_json  # noqa: E402

WILD = 40  # chroma, CIELAB units
SAMPLES = ("astronaut", "chelsea", "coffee", "rocket")


def ab_of(photos):
    return np.asarray(lab.rgb_to_lab(photos))[..., 1:]


def chroma(ab):
    return np.hypot(ab[..., 0], ab[..., 1])


def hue(ab):
    return np.degrees(np.arctan2(ab[..., 1], ab[..., 0]))


def wild(ab):
    return (chroma(ab) > WILD).mean()


def samples(size):
    """The middle squares of scikit-image's sample photos, at `size` pixels: uint8 (N, H, W, 3)."""
    taken = []
    for name in SAMPLES:
        photo = getattr(skimage.data, name)()
        side = min(photo.shape[:2])
        y, x = (photo.shape[0] - side) // 2, (photo.shape[1] - side) // 2
        square = photo[y : y + side, x : x + side] / 255
        small = skimage.transform.resize(square, (size, size), anti_aliasing=True)
        taken.append((small * 255).round().astype(np.uint8))
    return np.stack(taken)


def made_old(photos):
    """The same photos as old prints, grey: float32 sRGB (N, H, W, 3) in [0, 1]."""
    scaled, _ = lab.scale(lab.rgb_to_lab(photos))
    old = train.age(keras.ops.convert_to_tensor(scaled), 1.0, keras.random.SeedGenerator(0))
    no_color = np.zeros((*photos.shape[:3], 2), np.float32)
    rgb = lab.lab_to_rgb(lab.unscale(keras.ops.convert_to_numpy(old), no_color))
    return np.asarray(rgb).clip(0, 1)


def main(study, split, *names):
    folder = ROOT / study
    photos = preprocess.load(ROOT / read_json(folder / "data.json")["folder"])
    given = photos.images[photos.rows(split)[::4]]
    old, others = made_old(given), samples(given.shape[1])
    lab_true = np.asarray(lab.rgb_to_lab(given))
    lightness, ab_true = lab_true[..., 0], lab_true[..., 1:]
    skin = (abs(chroma(ab_true) - 25) < 15) & (abs(hue(ab_true) - 52.5) < 22.5)
    skin &= abs(lightness - 57) < 28
    training = wild(ab_of(photos.images[photos.rows("train")[::4]]))
    rows = []

    def add(name, ab, ab_old, ab_others):
        off = (ab - ab_true).mean(axis=(0, 1, 2), dtype=np.float64)
        row = {"model": name, "skin_hue": hue(ab[skin].mean(axis=0, dtype=np.float64))}
        row |= {"mean_a_off": off[0], "mean_b_off": off[1], "wild": wild(ab)}
        row |= {"wild_old": wild(ab_old), "wild_samples": wild(ab_others)}
        rows.append(row | {"wild_training": training})
        print(row, flush=True)

    add("truth", ab_true, ab_true, ab_of(others))
    for name in names:
        network = models.load(folder / name / "model.keras")
        add(name, *(models.predict_ab(network, rgb) for rgb in (given, old, others)))
    table = pd.DataFrame(rows).round(4)
    table.to_csv(Path(__file__).with_name("checks.csv"), index=False)


main(*sys.argv[1:])
