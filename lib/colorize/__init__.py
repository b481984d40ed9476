"""Colour any photo or video at its own size. The command line is `python -m lib.colorize`."""

from lib.colorize.photo import RENDER_FACTORS, colorize, copy_size

__all__ = ["RENDER_FACTORS", "colorize", "copy_size"]
