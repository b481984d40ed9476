"""How fast a photo of 12 megapixels is coloured, beside two other ways with the same network.

    python tests/benchmarks/bench_large.py [--width 4000] [--height 3000] [--rounds 5]

The peers: the network run on the whole photo; and, as most programs have it, the network run on a
small copy, its ab enlarged and joined to the photo's L by OpenCV (float32, bilinear). Ours sees the
same small copy, and then follows edges and keeps every colour within sRGB, which the second peer
does not. The network is an untrained CNN of the default size, called directly, since a program
colours a photo of that size once. (The generator cannot be run on the whole photo: the attention at
an eighth of the side would need 140 GB.) All take turns in one process.
"""

import sys

import common

TARGETS = {"network at full size": 5, "OpenCV merge": 1}


def full_size(photo, network):
    """The network's ab for every pixel."""
    import numpy as np

    from lib import lab

    lightness, _ = lab.scale(lab.rgb_to_lab(photo[None]))
    values = lab.unscale(lightness, network(lightness, training=False))
    return np.asarray(255 * lab.lab_to_rgb(values) + 0.5).astype(np.uint8)[0]


def opencv_merge(photo, network, size):
    """Small copy, network, enlarged ab, the photo's L; `size` (height, width) of the copy."""
    import cv2
    import numpy as np

    lab = cv2.cvtColor(np.float32(photo) / 255, cv2.COLOR_RGB2LAB)
    lightness = cv2.resize(lab[..., 0], size[::-1], interpolation=cv2.INTER_AREA)
    scaled = lightness[None, ..., None] / 50 - 1
    ab = 110 * np.asarray(network(scaled, training=False))[0]
    ab = cv2.resize(ab, photo.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    rgb = cv2.cvtColor(cv2.merge([lab[..., 0], *cv2.split(ab)]), cv2.COLOR_LAB2RGB)
    return np.uint8(np.clip(rgb, 0, 1) * 255 + 0.5)


def main():
    parser = common.parser(__doc__)
    parser.add_argument("--width", type=int, default=4000, help="pixels")
    parser.add_argument("--height", type=int, default=3000, help="pixels")
    options = parser.parse_args()

    import numpy as np
    from PIL import Image
    from skimage import data

    from lib import quiet_startup
    from lib.colorize import photo as colorize

    with quiet_startup():
        from lib import models
    network = models.build_cnn()
    weights = network.get_layer("output_ab").kernel  # livelier than an untrained network's
    weights.assign(10 * weights)
    small = Image.fromarray(data.astronaut())
    photo = np.asarray(small.resize((options.width, options.height), Image.Resampling.BICUBIC))
    size = colorize.copy_size(photo.shape[:2], colorize.RENDER_FACTOR)
    ways = {
        "ours": lambda: colorize.colorize(photo, network),
        "network at full size": lambda: full_size(photo, network),
        "OpenCV merge": lambda: opencv_merge(photo, network, size),
    }
    try:
        import cv2

        cv2.setNumThreads(int(common.machine()["cores"]))
    except ImportError:
        print("left out: OpenCV is not installed (make bench installs it)", file=sys.stderr)
        del ways["OpenCV merge"]
    seconds = common.alternate(ways, options.rounds)
    what = f"{options.width * options.height / 1e6:.0f} megapixels, {size[1]} x {size[0]} seen"
    peers = [peer for peer in TARGETS if peer in ways]
    common.record(
        [
            common.row("large", "colorize", what, seconds["ours"], "s", p, seconds[p], TARGETS[p])
            for p in peers
        ],
        options.rounds,
    )


if __name__ == "__main__":
    main()
