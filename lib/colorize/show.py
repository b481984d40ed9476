"""What notebook 08 needs: its photos, a sweep of the render factor, and a slider."""

import base64
import io
import time
from pathlib import Path

import jinja2
import numpy as np
import pandas as pd
from PIL import Image
from skimage import data

from lib import lab, metrics
from lib.colorize import photo as colorize

SHOWN = 640  # pixels, longest side of a picture in a slider
SLIDER = Path(__file__).with_name("slider.html.j2")
BUNDLED = ("coffee.png", "astronaut.png", "chelsea.png", "rocket.jpg", "motorcycle_left.png")
BUNDLED += ("camera.png", "coins.png")  # grey from the beginning


def choose(photos, folder):
    """The inputs that a notebook's PHOTOS names: a list of paths.

    `photos` is a path of a file or folder; "upload", which asks for files on Colab and stores them
    in `folder`; or None for the photos of scikit-image, five in colour and two that are truly grey.
    Raises ValueError for "upload" elsewhere than on Colab.
    """
    if not photos:
        return [Path(data.__file__).parent / name for name in BUNDLED]
    if photos != "upload":
        return [Path(photos).expanduser()]
    try:
        from google.colab import files
    except ImportError:
        raise ValueError("PHOTOS = 'upload' works on Colab only: give a path here") from None
    uploaded = {Path(folder) / Path(name).name: b for name, b in files.upload().items()}
    for path, content in uploaded.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return list(uploaded)


def render_factor_sweep(photos, network, factors):
    """Error and time of several render factors (2 to 40), means over photos.

    `photos` are in colour, uint8 (H, W, 3): the truth, of which the network sees L. Gives a
    DataFrame for `figures.render_factor_curve`, one row a factor: render_factor, seconds (a photo),
    rmse_ab (CIELAB units), delta_e_2000.
    """
    rows = []
    colorize.colorize(photos[0], network, factors[0])  # whatever is loaded at the first call
    for factor in factors:
        errors, seconds = [], []
        for true in photos:
            start = time.perf_counter()
            pred = colorize.colorize(true, network, factor)
            seconds.append(time.perf_counter() - start)
            ab = (np.asarray(lab.rgb_to_lab(rgb[None]))[..., 1:] for rgb in (true, pred))
            error = metrics.rmse_ab(*ab)[0]
            errors.append([error, metrics.delta_e_2000(true[None], pred[None])[0]])
        rows.append([factor, np.mean(seconds), *np.mean(errors, axis=0)])
    return pd.DataFrame(rows, columns=["render_factor", "seconds", "rmse_ab", "delta_e_2000"])


def slider(before, after, label="photo"):
    """HTML of a before-and-after slider, self-contained; drag it, or use the arrow keys.

    `before` and `after` are photos of one size, uint8 (H, W, 3), made smaller if a side has more
    than 640 pixels; `label` is what the photo is called for who cannot see it.
    """
    pictures = [Image.fromarray(photo) for photo in (before, after)]
    for picture in pictures:
        picture.thumbnail((SHOWN, SHOWN))
    page = jinja2.Template(SLIDER.read_text("utf-8"), autoescape=True)
    before, after = map(_address, pictures)
    return page.render(before=before, after=after, label=label, width=pictures[0].width)


def _address(picture):
    memory = io.BytesIO()
    picture.save(memory, "JPEG", quality=88)
    return f"data:image/jpeg;base64,{base64.b64encode(memory.getvalue()).decode()}"
