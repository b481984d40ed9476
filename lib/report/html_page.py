"""A page that is one file: its template filled, its pictures inside as data.

Such a page asks nothing of any server. The words for who cannot see a picture come from the PNG's
text chunk "Description", where `figures.save` put them.
"""

import base64
import collections
import io
from pathlib import Path

import jinja2
from PIL import Image

from lib.files import write_text

DENSITY = 1.25  # pixels of a figure for one of the page: 120 / 96 dots an inch
# of a page: its address as an <img> takes it, its words, pixels of the page
Picture = collections.namedtuple("Picture", "source alt width height")


def pictures(folder):
    """All PNG files of a folder that can be read, by name: a dict of stem -> Picture."""
    found = {}
    for path in sorted(folder.glob("[!.]*.png")):
        content = path.read_bytes()
        try:
            with Image.open(io.BytesIO(content)) as image:
                image.load()
        except OSError:
            continue
        alt = image.info.get("Description") or path.stem.replace("_", " ")
        size = [round(side / DENSITY) for side in image.size]
        source = f"data:image/png;base64,{base64.b64encode(content).decode('ascii')}"
        found[path.stem] = Picture(source, alt, *size)
    return found


def write_page(template, values, path):
    """Fill a template of this folder and write it, as a whole or not at all; returns the path."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    write_text(path, environment.get_template(template).render(values))
    return path
