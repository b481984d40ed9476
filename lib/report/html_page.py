"""A page that is one file: its template filled, its pictures inside as data.

Such a page asks nothing of any server. The words for who cannot see a picture come from the PNG's
text chunk "Description", where `figures.save` put them.
"""

import base64
import io
from dataclasses import dataclass
from pathlib import Path

import jinja2
from PIL import Image

from lib.files import write_text

LIMIT = 11_500_000  # bytes of all pictures in a page
QUALITY = 85  # of JPEG, for pictures that are too large as PNG
DENSITY = 1.25  # pixels of a figure for one of the page: 120 / 96 dots an inch


@dataclass
class Picture:
    """One picture of a page."""

    stem: str  # file name without .png
    content: bytes
    kind: str  # png or jpeg
    alt: str
    width: int  # pixels of the page
    height: int

    @property
    def source(self):
        """The picture as the address that an <img> takes."""
        return f"data:image/{self.kind};base64,{base64.b64encode(self.content).decode('ascii')}"


def pictures(folder):
    """All PNG files of a folder that can be read, by name: a dict of stem -> Picture."""
    found = {}
    for path in sorted(folder.glob("[!.]*.png")):
        content = path.read_bytes()
        try:
            with Image.open(io.BytesIO(content)) as image:
                image.load()
                width, height = (round(side / DENSITY) for side in image.size)
                alt = getattr(image, "text", {}).get("Description") or path.stem.replace("_", " ")
        except OSError:
            continue
        found[path.stem] = Picture(path.stem, content, "png", alt, width, height)
    return found


def write_page(template, values, images, path):
    """Fill a template of this folder and write it with its pictures inside; returns the path.

    `images` are the pictures that `values` holds, each as often as the page shows it. Beyond
    `LIMIT` bytes, the largest become JPEG; if that is not enough, smaller, too.
    """
    while 4 / 3 * sum(len(picture.content) for picture in images) > LIMIT:
        _shrink(max(images, key=lambda picture: (picture.kind == "png", len(picture.content))))
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    write_text(path, environment.get_template(template).render(values))
    return path


def _shrink(picture):
    """Turn a PNG into a JPEG; give a JPEG 0.7 of its sides."""
    scale = 1.0 if picture.kind == "png" else 0.7
    with Image.open(io.BytesIO(picture.content)) as image:
        size = [max(1, round(side * scale)) for side in image.size]
        memory = io.BytesIO()
        image.convert("RGB").resize(size).save(memory, "JPEG", quality=QUALITY, optimize=True)
    picture.content, picture.kind = memory.getvalue(), "jpeg"
