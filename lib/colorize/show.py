"""What notebook 08 shows of coloured photos: a sweep of the render factor, and a slider."""

import base64
import html
import io
import time

import numpy as np
import pandas as pd
from PIL import Image

from lib import lab, metrics
from lib.colorize import photo as colorize

SHOWN = 640  # pixels, longest side of a picture in a slider
SLIDER = """<style>
.before-after { position: relative; margin: 0.4em 0; --cut: 50%; }
.before-after img { display: block; width: 100%; margin: 0; }
.before-after img + img { position: absolute; inset: 0; height: 100%;
  clip-path: inset(0 0 0 var(--cut)); }
.before-after i { position: absolute; inset: 0 auto 0 var(--cut); width: 3px; margin-left: -1.5px;
  background: #fff; box-shadow: 0 0 0 1px #0007; pointer-events: none; }
.before-after i::after { content: "\\2039\\00a0\\203A"; position: absolute; top: 50%; left: 50%;
  width: 2em; height: 2em; margin: -1em; border-radius: 50%; background: #fff; color: #333;
  box-shadow: 0 0 0 1px #0007; font: bold 15px/1.9em sans-serif; text-align: center; }
.before-after input { position: absolute; inset: 0; width: 100%; height: 100%; margin: 0;
  opacity: 0; cursor: ew-resize; touch-action: pan-y; }
.before-after:focus-within { outline: 3px solid #e69f00; outline-offset: 2px; }
</style>
<div class="before-after" style="max-width: {width}px">
<img src="{before}" alt="{label}, before"><img src="{after}" alt="{label}, after"><i></i>
<input type="range" min="0" max="100" value="50" aria-label="{label}: how much is shown before, %"
 oninput="this.parentNode.style.setProperty('--cut', this.value + '%')">
</div>"""


def render_factor_sweep(photos, network, factors):
    """Error and time of several render factors, means over photos.

    Parameters
    ----------
    photos : sequence of array (H, W, 3), uint8
        Photos in colour: the truth. The network sees their L.
    network : keras.Model
    factors : sequence of int, 2 to 40

    Returns
    -------
    DataFrame
        render_factor, seconds (a photo), rmse_ab (CIELAB units), delta_e_2000, one row a factor;
        for `figures.render_factor_curve`.

    Raises
    ------
    ValueError
        If there are no photos, or for a factor out of range.
    """
    if not len(photos):
        raise ValueError("photos: expected one or more with known colours, got none")
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

    Parameters
    ----------
    before, after : array (H, W, 3), uint8
        Made smaller if a side has more than 640 pixels.
    label : str
        What the photo is called for who cannot see it.

    Raises
    ------
    ValueError
        If the two differ in size.
    """
    if before.shape != after.shape:
        raise ValueError(f"after: expected the shape of before, {before.shape}, got {after.shape}")
    pictures = [Image.fromarray(photo) for photo in (before, after)]
    for picture in pictures:
        picture.thumbnail((SHOWN, SHOWN))
    values = {"width": str(pictures[0].width), "label": html.escape(label, quote=True)}
    values |= {"before": _address(pictures[0]), "after": _address(pictures[1])}
    page = SLIDER
    for name, value in values.items():
        page = page.replace(f"{{{name}}}", value)
    return page


def _address(picture):
    memory = io.BytesIO()
    picture.save(memory, "JPEG", quality=88)
    return f"data:image/jpeg;base64,{base64.b64encode(memory.getvalue()).decode()}"
