"""A page that is one file: its template filled, its pictures inside as data.

Such a page asks nothing of any server. The words for who cannot see a picture come from the PNG's
text chunk "Description", where `figures.save` put them.
"""

import base64
import io
import re
from dataclasses import dataclass
from pathlib import Path

import jinja2
from PIL import Image

from lib.files import write_text

LIMIT = 12_000_000  # bytes of a whole page
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
    def mark(self):
        """Stands in the page where `inline` puts the picture."""
        return f"[[picture {id(self)}]]"


def pictures(folder):
    """All PNG files of a folder that can be read, by name; a list of Picture."""
    paths = sorted(path for path in folder.glob("*.png") if not path.name.startswith("."))
    return [picture for picture in map(_read, paths) if picture]


def sliders(folder):
    """Pairs <photo>-before.png and <photo>-after-<model>.png: (photo, model, before, after)."""
    found = {picture.stem: picture for picture in pictures(folder)}
    pairs = []
    for stem, after in found.items():
        photo, _, model = stem.rpartition("-after-")
        before = found.get(f"{photo}-before")
        if before and re.fullmatch(r"\w+", model):
            pairs.append((photo, model, before, after))
    return pairs


def write_page(template, values, images, path):
    """Fill a template of this folder and write it with its pictures inside; returns the path.

    `images` are the pictures that `values` holds. The page has at most `LIMIT` bytes (see
    `inline`) and is written as a whole or not at all.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    write_text(path, inline(environment.get_template(template).render(values), images, LIMIT))
    return path


def inline(html, pictures, limit):
    """Put pictures where their marks stand; beyond `limit` bytes of the page, the largest as JPEG.

    If that is not enough, the largest are made smaller, too.
    """
    pictures = list({id(picture): picture for picture in pictures}.values())
    times = {id(picture): html.count(picture.mark) for picture in pictures}

    def size():
        return len(html.encode()) + sum(
            times[id(picture)] * (len(picture.content) * 4 // 3 + 30) for picture in pictures
        )

    while size() > limit and any(len(picture.content) > 4000 for picture in pictures):
        plain = [picture for picture in pictures if picture.kind == "png"]
        largest = max(plain or pictures, key=lambda picture: len(picture.content))
        _shrink(largest, 1.0 if plain else 0.7)
    for picture in pictures:
        data = base64.b64encode(picture.content).decode("ascii")
        html = html.replace(picture.mark, f"data:image/{picture.kind};base64,{data}")
    return html


def _read(path):
    """One picture; None if the file cannot be read as one."""
    content = path.read_bytes()
    try:
        with Image.open(io.BytesIO(content)) as image:
            image.load()
            size, text = image.size, getattr(image, "text", {})
    except OSError:
        return None
    alt = text.get("Description") or path.stem.replace("_", " ")
    return Picture(path.stem, content, "png", alt, *(round(side / DENSITY) for side in size))


def _shrink(picture, scale):
    with Image.open(io.BytesIO(picture.content)) as image:
        size = [max(1, round(side * scale)) for side in image.size]
        memory = io.BytesIO()
        image.convert("RGB").resize(size).save(memory, "JPEG", quality=QUALITY, optimize=True)
    picture.content, picture.kind = memory.getvalue(), "jpeg"
