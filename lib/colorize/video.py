"""Colour videos and animated GIFs: picture by picture, with colours that keep still.

A network answers a little differently to each of two nearly equal pictures, which the eye sees as
flicker, so ab is averaged over time: see `smoothed`. Sound is copied, or coded anew for another
container than the film's; frame rate, time stamps, chapters and rotation are kept. Interlaced films
and films in HDR are refused. Films need PyAV; GIFs are read and written by Pillow.

A result has 8 bits a channel, in H.264 (mp4, m4v, mov, mkv), VP9 (webm) or MPEG-4 (avi), and an
even number of pixels a side: the last row or column is repeated if need be.
"""

from pathlib import Path

import numpy as np
from PIL import Image, ImageSequence
from tqdm import tqdm

from lib.colorize import photo as colorize
from lib.files import replacing

SMOOTHING = 0.9  # share of the past in ab where nothing changes
SAME = 4.0  # CIELAB units: a change of L by this much is taken for another thing
CUT = 12.0  # CIELAB units: a mean change of L by this much is another scene
TALL = 720  # rows; from here on colours are coded by BT.709, below by BT.601
X264 = ("libx264", {"crf": "18", "preset": "medium", "rc-lookahead": "20"})
VP9 = ("libvpx-vp9", {"crf": "24", "b": "0", "deadline": "good", "cpu-used": "5", "row-mt": "1"})
CODECS = {".webm": VP9, ".avi": ("mpeg4", {"qmin": "2", "qmax": "3"})}
SOUND = {".webm": "libopus", ".avi": "libmp3lame"}  # if it is coded anew; elsewhere AAC
EXACT = 0x4 | 0x6000 | 0x40000  # FFmpeg's bicubic, full chroma, rounding: else L falls at each pass
HDR = (16, 18)  # transfer functions PQ and HLG, as files number them


def smoothed(past, lightness, ab, strength=SMOOTHING):
    """Average ab over time, picture after picture of one size.

    Each place of the copy holds a mean of L and of ab, and the number of pictures in it. A new
    picture enters with a weight of one over that number, but at least 1 - `strength`. Where L
    differs from its mean, the number shrinks by exp(-(difference / SAME)^2), so that what moves
    takes its new colours with it. The median difference is taken off first: a change of exposure,
    frequent in old films, is no motion. After a cut everything begins anew.

    Takes and gives these means: L (h, w), ab (h, w, 2), number (h, w); None before the first.
    """
    mean_lightness, mean_ab, count = past or (np.inf, ab, None)
    change = lightness - mean_lightness
    if np.abs(change).mean() >= CUT:
        return lightness, ab, np.ones_like(lightness)
    count = count * np.exp(-(((change - np.median(change)) / SAME) ** 2))
    share = np.minimum(strength, count / (count + 1))
    return lightness - share * change, ab + share[..., None] * (mean_ab - ab), count + 1


def color_pictures(pictures, network, factor=12, saturation=1.0, square=False, smoothing=SMOOTHING):
    """Colour the pictures of one film: a generator of (uint8 RGB or RGBA, anything), in order.

    `pictures` gives pairs of a uint8 photo, all of one size, and anything. The other arguments are
    those of `colorize.colorize`; `smoothing` is 0 to 1, 0 colours each picture by itself.
    """
    past, sized = None, None
    for photo, other in pictures:
        lightness = colorize.view(photo, network, factor, square)
        sized = sized or colorize.sized(network, lightness.shape)
        ab = colorize.predict(lightness, sized) * saturation
        past = smoothed(past, lightness, ab, smoothing)
        yield colorize.paint(photo, lightness, past[1]), other


def color_film(source, result, network, *choices):
    """Colour a video or an animated GIF, and write it whole or not at all.

    A video of any kind that FFmpeg reads becomes an mp4, m4v, mov, mkv, webm or avi, a GIF a GIF.
    `choices` are those of `color_pictures`. Gives a list of lines: what of the film is not in the
    result. Raises ValueError if it is truncated, interlaced, in HDR, or has no pictures;
    ImportError if PyAV is missing; OSError if it cannot be read or written.
    """
    source, result = Path(source), Path(result)
    write = _write_gif if source.suffix.lower() == ".gif" else _write_video

    def color(pictures, count):
        bar = tqdm(pictures, source.name, count, unit="picture", disable=None, leave=False)
        return color_pictures(bar, network, *choices)

    return write(source, result, color)


def _write_gif(source, result, color):
    with Image.open(source, formats=["GIF"]) as image, replacing(result) as part:
        try:
            lengths = [one.info.get("duration", 0) for one in ImageSequence.Iterator(image)]
        except Exception as error:  # of several kinds
            raise ValueError(f"truncated, or no whole GIF: {error}") from None
        about = {"loop": image.info["loop"]} if "loop" in image.info else {}
        about |= {"disposal": 2} if image.has_transparency_data else {}
        kind = "RGBA" if image.has_transparency_data else "RGB"
        pictures = ((np.asarray(one.convert(kind)), None) for one in ImageSequence.Iterator(image))
        colored = (Image.fromarray(photo) for photo, _ in color(pictures, len(lengths)))
        more = {"save_all": True, "append_images": colored, "duration": lengths}
        next(colored).save(part, "GIF", **more, **about)
    return []


def _write_video(source, result, color):
    import av

    address = f"file:{source}"  # else FFmpeg takes what stands before a colon for a protocol
    with av.open(address) as film:
        turns = _examined(film, av.time_base)
    with av.open(address) as film, replacing(result) as part, av.open(f"file:{part}", "w") as new:
        new.metadata.update(film.metadata)
        new.set_chapters(film.chapters())
        picture, suffix = film.streams.best("video"), result.suffix.lower()
        stream = _picture_stream(new, picture, suffix, turns)
        sounds = {}
        for sound in film.streams.audio:
            if suffix == source.suffix.lower():  # what came in such a container fits into it
                sounds[sound.index] = new.add_stream_from_template(sound)
            else:
                sounds[sound.index] = new.add_stream(SOUND.get(suffix, "aac"), rate=48000)
        kind = {"format": "yuv420p", "dst_colorspace": stream.codec_context.colorspace}
        pictures = _pictures(film, picture, turns, new, sounds)
        for rgb, (time, length) in color(pictures, picture.frames or None):
            odd = [(0, side % 2) for side in rgb.shape[:2]]
            frame = av.VideoFrame.from_ndarray(np.pad(rgb, [*odd, (0, 0)], "edge"), "rgb24")
            frame = frame.reformat(interpolation=EXACT, **kind)
            frame.pts, frame.duration, frame.time_base = time, length, picture.time_base
            new.mux(stream.encode(frame))
        new.mux(stream.encode(None))
        left = len(film.streams) - 1 - len(sounds)
        return [f"left out: {left} streams (subtitles, data, other pictures)"] if left else []


def _examined(film, unit):
    """Quarter turns to the left that make the pictures upright, or ValueError."""
    picture, first, end = film.streams.best("video"), None, 0.0
    for packet in film.demux():
        if packet.stream == picture and first is None:
            first = next(iter(packet.decode()), None)
        time = packet.dts if packet.pts is None else packet.pts
        if time is not None:
            end = max(end, float((time + (packet.duration or 0)) * packet.time_base))
    if first is None:
        raise ValueError("expected a video, got a file without pictures that can be decoded")
    if first.interlaced_frame:
        raise ValueError("interlaced: not supported, make it progressive first")
    if int(first.color_trc) in HDR:
        raise ValueError("HDR: not supported, make it SDR first")
    end, length = end - (film.start_time or 0) / unit, (film.duration or 0) / unit
    if end < 0.97 * length - 0.2:
        raise ValueError(f"truncated: it ends after {end:.1f} of {length:.1f} seconds")
    return round(first.rotation / 90) % 4


def _pictures(film, picture, turns, new, sounds):
    """Decode the pictures, upright, with time and length; on the way the sound is written."""
    picture.thread_type = "AUTO"
    last, step = None, 1 / (picture.average_rate or 25) / picture.time_base
    for packet in film.demux(picture, *film.streams.audio):
        if packet.stream != picture:
            _write_sound(packet, new, sounds[packet.stream.index])
            continue
        for frame in packet.decode():
            time = frame.dts if frame.pts is None else frame.pts
            if last is not None and (time is None or time <= last):  # avi, of H.264 in particular
                time = last + max(1, round(step))
            last = time
            rgb = frame.reformat(format="rgb24", interpolation=EXACT).to_ndarray()
            yield np.rot90(rgb, turns), (time, frame.duration)


def _picture_stream(new, picture, suffix, turns):
    """The stream that the coloured pictures are coded into."""
    codec, options = CODECS.get(suffix, X264)
    rate = picture.average_rate or picture.guessed_rate or 25
    stream = new.add_stream(codec, rate=rate, options=options)
    width, height = (picture.width, picture.height)[:: -1 if turns % 2 else 1]
    stream.width, stream.height, stream.pix_fmt = width + width % 2, height + height % 2, "yuv420p"
    context, shape = stream.codec_context, picture.sample_aspect_ratio
    if suffix != ".avi":  # which knows a constant rate only
        context.time_base = picture.time_base
    if shape:
        context.sample_aspect_ratio = 1 / shape if turns % 2 else shape
    number = 1 if stream.height >= TALL else 6  # BT.709 or BT.601, as files number it
    context.colorspace = context.color_primaries = context.color_trc = number
    context.color_range = 1  # 16..235
    return stream


def _write_sound(packet, new, stream):
    """Copy a packet of sound, or code it anew if the stream is one that codes."""
    if stream.codec_context is not None and stream.codec_context.is_encoder:
        for frame in [*packet.decode(), *([] if packet.size else [None])]:
            new.mux(stream.encode(frame))
    elif packet.dts is not None:
        packet.stream = stream
        new.mux(packet)
