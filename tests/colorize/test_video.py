"""Videos and animated GIFs: sound, time stamps, rotation, colours that keep still, bad files."""

from fractions import Fraction

import numpy as np
import pytest
from PIL import Image
from skimage import data
from test_colorize import Paint

from lib import lab
from lib.colorize import video

av = pytest.importorskip("av")
SIZE = (96, 128)
BLUISH = (30.0, -20.0)  # ab
KINDS = {  # suffix: codecs of a usual file
    ".mp4": ("libx264", "aac"),
    ".mov": ("libx264", "pcm_s16le"),
    ".mkv": ("libx264", "libopus"),
    ".webm": ("libvpx-vp9", "libopus"),
    ".avi": ("mpeg4", "libmp3lame"),
}


@pytest.fixture(autouse=True)
def eager(monkeypatch):
    monkeypatch.setattr(video.colorize, "sized", lambda network, size: network)


def picture(size=SIZE):
    gray = Image.fromarray(data.camera()).resize(size[::-1], Image.Resampling.BOX)
    return np.asarray(gray)


def draw(path, pictures, codec="libx264", sound=None, rotation=0, rate=25, **options):
    """A clip of grey pictures, with a tone if `sound` names a codec."""
    with av.open(str(path), "w", options=options) as clip:
        stream = clip.add_stream(codec, rate=rate, options={"crf": "10"})
        stream.height, stream.width = pictures[0].shape
        stream.pix_fmt = "yuv420p"
        if rotation:
            stream.set_display_rotation(rotation)
        tone = clip.add_stream(sound, rate=48000) if sound else None
        for number, one in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(one, "gray")
            frame.pts, frame.time_base = number, Fraction(1, rate)
            clip.mux(stream.encode(frame))
            if tone:
                wave = 8000 * np.sin(0.05 * np.arange(2 * 48000 // rate))
                block = av.AudioFrame.from_ndarray(wave.astype(np.int16)[None], "s16", "stereo")
                block.sample_rate, block.pts = 48000, number * 48000 // rate
                clip.mux(tone.encode(block))
        for one in filter(None, [stream, tone]):
            clip.mux(one.encode(None))
    return path


def noisy(count, scene=None, sigma=4.0):
    rng, scene = np.random.default_rng(0), picture((120, 160)) if scene is None else scene
    return [
        np.uint8(np.clip(np.rint(scene + rng.normal(0, sigma, scene.shape)), 0, 255))
        for _ in range(count)
    ]


def frames(path):
    """(time in seconds, RGB) of each picture."""
    with av.open(str(path)) as clip:
        return [(float(one.time), one.to_ndarray(format="rgb24")) for one in clip.decode(video=0)]


def sound(path):
    with av.open(str(path)) as clip:
        return b"".join(bytes(packet) for packet in clip.demux(clip.streams.audio[0]))


def check_colours(before, after):
    true, pred = lab.rgb_to_lab(before), lab.rgb_to_lab(after)
    assert np.abs(pred - true)[..., 0].mean() < 1.5
    np.testing.assert_allclose(np.median(pred[..., 1:], axis=(0, 1)), BLUISH, atol=4)


@pytest.mark.parametrize("suffix", KINDS)
def test_sound_is_copied_and_times_are_kept(tmp_path, suffix):
    codec, tone = KINDS[suffix]
    pictures = [np.roll(picture(), number, 1) for number in range(20)]
    source = draw(tmp_path / f"a{suffix}", pictures, codec, tone)
    video.color_film(source, tmp_path / f"b{suffix}", Paint(BLUISH))
    before, after = frames(source), frames(tmp_path / f"b{suffix}")
    assert len(after) == 20
    assert [time for time, _ in after] == pytest.approx([time for time, _ in before], abs=1e-3)
    assert sound(tmp_path / f"b{suffix}") == sound(source)
    assert sorted(file.name for file in tmp_path.iterdir()) == [f"a{suffix}", f"b{suffix}"]
    check_colours(before[10][1], after[10][1])


@pytest.mark.parametrize(
    ("source", "tone", "result"),
    [("a.mp4", "aac", "b.webm"), ("a.mkv", "flac", "b.mov"), ("a.mkv", "libopus", "b.avi")],
)
def test_every_sound_finds_its_place(tmp_path, source, tone, result):
    draw(tmp_path / source, [picture()] * 25, sound=tone)
    assert video.color_film(tmp_path / source, tmp_path / result, Paint(BLUISH)) == []
    with av.open(str(tmp_path / result)) as clip:
        length = sum(block.samples / block.sample_rate for block in clip.decode(audio=0))
        assert length == pytest.approx(1.0, abs=0.06)


@pytest.mark.parametrize(
    ("options", "word"),
    [({"flags": "+ildct+ilme", "x264-params": "tff=1"}, "interlaced"), ({"trc": 16}, "HDR")],
)
def test_what_is_not_kept_is_refused(tmp_path, options, word):
    with av.open(str(tmp_path / "a.mp4"), "w") as clip:
        trc = options.pop("trc", None)
        stream = clip.add_stream("libx264", rate=25, options=options)
        stream.height, stream.width, stream.pix_fmt = 96, 128, "yuv420p"
        if trc:
            stream.codec_context.color_trc = trc
        for one in [*(av.VideoFrame.from_ndarray(picture(), "gray") for _ in range(5)), None]:
            clip.mux(stream.encode(one))
    with pytest.raises(ValueError, match=word):
        video.color_film(tmp_path / "a.mp4", tmp_path / "b.mp4", Paint(BLUISH))
    assert not (tmp_path / "b.mp4").exists()


def test_lightness_does_not_drift_when_a_film_is_coloured_again(tmp_path):
    films = [draw(tmp_path / "0.mp4", [picture()] * 5)]
    for number in (1, 2, 3):
        films.append(tmp_path / f"{number}.mp4")
        video.color_film(*films[-2:], Paint((8.0, 6.0)))
    _, first, _, last = (lab.rgb_to_lab(frames(film)[2][1]) for film in films)
    assert abs((last - first)[..., 0].mean()) < 0.1


def test_a_trimmed_film_is_not_taken_for_a_truncated_one(tmp_path):
    whole, trimmed = draw(tmp_path / "a.mp4", noisy(50), sound="aac"), tmp_path / "b.mp4"
    with av.open(str(whole)) as film, av.open(str(trimmed), "w") as new:
        new.options["avoid_negative_ts"] = "disabled"  # begins before 0: an edit list says so
        stream = new.add_stream_from_template(film.streams.video[0])
        for packet in film.demux(video=0):
            if packet.dts is not None:
                packet.pts -= round(0.8 / packet.time_base)
                packet.dts -= round(0.8 / packet.time_base)
                packet.stream = stream
                new.mux(packet)
    assert video.color_film(trimmed, tmp_path / "c.mp4", Paint(BLUISH)) == []
    assert len(frames(tmp_path / "c.mp4")) == len(frames(trimmed)) == 30


@pytest.mark.parametrize("rotation", [-90, 90, 180])
def test_rotation_is_applied(tmp_path, rotation):
    corner = np.zeros(SIZE, np.uint8)
    corner[:32, :32] = 255
    source = draw(tmp_path / "a.mp4", [corner] * 3, rotation=rotation)
    video.color_film(source, tmp_path / "b.mp4", Paint(BLUISH))
    with av.open(str(tmp_path / "b.mp4")) as clip:
        first = next(clip.decode(video=0))
    assert first.rotation == 0
    seen = first.to_ndarray(format="rgb24")[..., 1] > 128
    np.testing.assert_array_equal(seen, np.rot90(corner, rotation // 90) > 128)


def draw_gif(path, kind="L", count=6, **options):
    pictures = [Image.fromarray(np.roll(picture(), 9 * n, 1)).convert(kind) for n in range(count)]
    if kind == "RGBA":
        hole = Image.fromarray(np.uint8(255 * (np.arange(SIZE[1]) % 64 > 20))[None].repeat(96, 0))
        for one in pictures:
            one.putalpha(hole)
    pictures[0].save(path, save_all=True, append_images=pictures[1:], **options)
    return path


@pytest.mark.parametrize("loop", [{}, {"loop": 0}, {"loop": 3}])
def test_gif_keeps_durations_and_loop(tmp_path, loop):
    durations = [40, 80, 120, 40, 500, 60]
    source = draw_gif(tmp_path / "a.gif", duration=durations, **loop)
    video.color_film(source, tmp_path / "b.gif", Paint(BLUISH))
    with Image.open(tmp_path / "b.gif") as image:
        assert image.n_frames == 6 and image.info.get("loop") == loop.get("loop")
        for number, duration in enumerate(durations):
            image.seek(number)
            assert image.info["duration"] == duration
            true = np.repeat(np.roll(picture(), 9 * number, 1)[..., None], 3, -1)
            check_colours(true, np.asarray(image.convert("RGB")))


def test_gif_keeps_transparency(tmp_path):
    source = draw_gif(tmp_path / "a.gif", "RGBA", duration=100, loop=0, disposal=2)
    video.color_film(source, tmp_path / "b.gif", Paint(BLUISH))
    with Image.open(source) as true, Image.open(tmp_path / "b.gif") as pred:
        for number in range(6):
            true.seek(number)
            pred.seek(number)
            alphas = [np.asarray(one.convert("RGBA"))[..., 3] for one in (true, pred)]
            np.testing.assert_array_equal(*alphas)
            assert 0 < alphas[0].mean() < 255


def test_bad_videos_are_one_line_each_and_the_others_done(run, tmp_path):
    album = tmp_path / "album"
    album.mkdir()
    whole = draw(tmp_path / "whole.mp4", noisy(50), sound="aac").read_bytes()
    (album / "head.mp4").write_bytes(whole[: len(whole) // 2])
    fast = draw(tmp_path / "fast.mp4", noisy(50), sound="aac", movflags="faststart").read_bytes()
    (album / "cut.mp4").write_bytes(fast[: len(fast) // 2])
    gif = draw_gif(tmp_path / "a.gif", duration=40).read_bytes()
    (album / "cut.gif").write_bytes(gif[: len(gif) // 2])
    (album / "text.mov").write_text("not a video")
    draw(album / "good.mp4", noisy(3))
    draw_gif(album / "good.gif", duration=40)
    Image.fromarray(picture()).save(album / "photo.png")
    Image.fromarray(picture()).save(album / "still.gif")
    status, said, errors = run(album, "-o", tmp_path / "out", "--render-factor", "2")
    assert status == 1 and said[-1].startswith("coloured: 4 of 8")
    done = sorted(file.name for file in (tmp_path / "out").iterdir())
    assert done == ["good.gif", "good.mp4", "photo.png", "still.gif.png"]
    words = ["truncated", "truncated: it ends after", "Invalid data", "Invalid data"]
    assert all(word in line for word, line in zip(words, errors, strict=True))


def nervous(scaled):
    """ab that follows each small change of L, as networks do."""
    return np.concatenate([30 * np.sin(20 * scaled), 30 * np.cos(20 * scaled)], axis=-1)


def block_chroma(colored, side=8):
    """Mean ab of blocks, (T, h, w, 2): what one sees as colour, without the grain."""
    ab = np.stack([lab.rgb_to_lab(photo)[..., 1:] for photo in colored])
    time, height, width = ab.shape[:3]
    return ab.reshape(time, height // side, side, width // side, side, 2).mean(axis=(2, 4))


def colored(pictures, network, **options):
    pairs = video.color_pictures(((one, None) for one in pictures), network, 4, **options)
    return [photo for photo, _ in pairs]


def test_a_still_clip_does_not_flicker():
    clip = noisy(24)
    single, smooth = (colored(clip, Paint(nervous), smoothing=s) for s in (0, video.SMOOTHING))
    before, after = (block_chroma(photos)[6:].var(axis=0).mean() for photos in (single, smooth))
    assert after < before / 6
    mean_before, mean_after = (block_chroma(photos)[6:].mean(axis=0) for photos in (single, smooth))
    assert np.abs(mean_after - mean_before).mean() < 2  # calmer, not other colours


def test_what_moves_takes_its_new_colour_and_a_change_of_exposure_is_no_motion():
    light = np.random.default_rng(0).uniform(20, 70, (8, 8)).astype(np.float32)
    first = video.smoothed(None, light, np.ones((8, 8, 2)), 1.0)
    brighter = light + 8
    brighter[0, 0] += 15
    second = video.smoothed(first, brighter, np.full((8, 8, 2), 3.0), 1.0)
    assert second[1][1:].mean() == pytest.approx(2, abs=0.01)  # the mean of both
    assert second[1][0, 0] == pytest.approx(3, abs=0.01)
    cut = video.smoothed(second, light + 40, np.full((8, 8, 2), 3.0), 1.0)
    assert cut[1].mean() == 3  # but this is another scene
