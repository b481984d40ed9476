"""What a frozen encoder makes of the photos, computed once instead of in every epoch.

Neither the photos nor the encoder change while a decoder is trained, so its features are kept on
disk, float32 and memory-mapped: training reads them back and runs the decoder alone. Training
photos are encoded as they are and mirrored (an encoder of strided convolutions gives for a mirrored
photo something else than mirrored features), validation photos as they are.

The store is `features/` beside the photos, with one file for each layer: `<layer>.npy` (train +
train mirrored + val, h, w, C). Networks on one encoder share it; those of another encoder replace
it. A file is renamed into place when it is whole; a killed run goes on with the next photo.
"""

import contextlib
import dataclasses
import functools
import io
import shutil
from pathlib import Path

import keras
import numpy as np
from tqdm import tqdm

from lib import lab
from lib.checkpoint import code_digest, weights_digest
from lib.data.sources import disk_error, locked
from lib.devices import has_gpu
from lib.files import read_json, write_json

ENCODER = "xception"  # name of the layer, in every network that has one
BATCH = 32  # photos encoded at once
CODE = ("lab", "layers")  # modules that say what the encoder is shown


@dataclasses.dataclass(frozen=True, eq=False)
class Features:
    """Features of a data set's train and val photos; see `of`."""

    maps: tuple  # of memory maps (places, h, w, C), in the order of the encoder's outputs
    plain: np.ndarray  # (photos,) int: the place of each photo, -1 if it is not kept
    mirrored: np.ndarray  # (photos,) int: the place of its mirror image

    def of_batch(self, rows, flipped):
        """Features of photos: list of arrays (N, h, w, C), float32.

        `rows` (N,) int are rows of the data set's images, `flipped` (N,) bool says which of them
        are mirrored.
        """
        places = np.where(flipped, self.mirrored[rows], self.plain[rows])
        if (places < 0).any():
            missing = np.asarray(rows)[places < 0].tolist()
            raise ValueError(f"rows: expected rows of train, or of val as they are, got {missing}")
        return [values[places] for values in self.maps]


def frozen_encoder(network):
    """The encoder that a network does not train: keras.Model, lightness_scaled to its features.

    None if the network has none, or trains it.
    """
    names = [layer.name for layer in network.layers]
    if ENCODER not in names or network.get_layer(ENCODER).trainable:
        return None
    (call,) = network.get_layer(ENCODER)._inbound_nodes
    return keras.Model(network.input, list(call.output_tensors), name="encoder")


def decode(network, lightness_scaled, maps, training):
    """What a network gives for features that its encoder has given before: ab_scaled."""

    def run(layer):
        if layer.name == ENCODER:
            return lambda *inputs, **options: list(maps)
        return functools.partial(layer, training=training)

    return network._run_through_graph(lightness_scaled, operation_fn=run)


def pays(network, photos, epochs=1):
    """Whether features are kept already, or else it would save time to keep them, with room for it.

    They are computed twice for each training photo, so from the third epoch on they save time. On a
    GPU they are sooner computed than read.
    """
    encoder = frozen_encoder(network)
    if encoder is None or has_gpu():
        return False
    folder, about, layers = _wanted(network, photos)
    if all(_kept(folder, about)["layers"].get(name) == layers[name] for name in layers):
        return all((folder / f"{name}.npy").is_file() for name in layers)
    places = 2 * len(photos.rows("train")) + len(photos.rows("val"))
    size = 4 * places * sum(int(np.prod(shape)) for shape in _shapes(encoder, photos.images))
    return epochs > 2 and size < 0.5 * shutil.disk_usage(photos.folder).free


def lightness_of(rgb):
    """What a network sees of photos (N, H, W, 3): lightness_scaled (N, H, W, 1)."""
    return lab.scale(lab.rgb_to_lab(rgb))[0]


def of(network, photos):
    """The features of a network's frozen encoder, read if they are there and computed if not.

    Parameters
    ----------
    network : keras.Model
        See `frozen_encoder`.
    photos : preprocess.Photos
        Its train and val photos are encoded.

    Returns
    -------
    Features

    Raises
    ------
    ValueError
        If the network has no frozen encoder.
    DataError
        If the disk has no room: names how much is needed.
    """
    encoder = frozen_encoder(network)
    if encoder is None:
        raise ValueError(
            f"{network.name}: expected a network with a frozen encoder, got one without"
        )
    train, val = photos.rows("train"), photos.rows("val")
    order = np.concatenate([train, train, val])  # the second time mirrored
    folder, about, layers = _wanted(network, photos)
    with locked(folder.with_name(f".{folder.name}.lock")):
        kept = _kept(folder, about)
        if not kept["layers"]:
            shutil.rmtree(folder, ignore_errors=True)
        for name in layers:
            if kept["layers"].get(name) != layers[name]:
                for old in folder.glob(f"*{name}.npy*"):
                    old.unlink()
        write_json(folder / "features.json", kept | {"layers": kept["layers"] | layers})
        files = [folder / f"{name}.npy" for name in layers]
        if not all(file.is_file() for file in files):
            _encode(encoder, photos.images, order, range(len(train), 2 * len(train)), files)
    plain = np.full(len(photos.images), -1)
    mirrored = plain.copy()
    plain[val], plain[train] = np.arange(len(val)) + 2 * len(train), np.arange(len(train))
    mirrored[train] = np.arange(len(train)) + len(train)
    return Features(tuple(np.load(file, mmap_mode="r") for file in files), plain, mirrored)


def _encode(encoder, images, order, turned, files):
    """Write the features of the photos `order`, those at the places `turned` mirrored.

    Appends to a hidden file for each layer; what a killed run has appended to all of them is kept.
    """
    shapes = _shapes(encoder, images)
    parts = [file.with_name(f".{file.name}.part") for file in files]
    sizes = [4 * int(np.prod(shape)) for shape in shapes]  # bytes of a photo
    headers = [_header((len(order), *shape)) for shape in shapes]
    done = min(_photos_in(*both) for both in zip(parts, headers, sizes, strict=True))
    try:
        with (
            contextlib.ExitStack() as stack,
            tqdm(total=len(order), initial=done, leave=False, disable=None) as bar,
        ):
            streams = [stack.enter_context(part.open("ab")) for part in parts]
            for stream, header, size in zip(streams, headers, sizes, strict=True):
                stream.truncate(len(header) + done * size if done else 0)
                stream.write(b"" if done else header)
            for start in range(done, len(order), BATCH):
                places = range(start, min(start + BATCH, len(order)))
                rgb = images[order[places]]
                mirrored = np.isin(places, turned)
                rgb[mirrored] = rgb[mirrored, :, ::-1]
                for stream, maps in zip(streams, _maps(encoder, rgb), strict=True):
                    stream.write(maps.astype(np.float32).tobytes())
                bar.update(len(places))
    except OSError as error:
        raise disk_error(error, files[0].parent) from error
    for part, file in zip(parts, files, strict=True):
        part.replace(file)


def _wanted(network, photos):
    """Where the features are, what all of them depend on, and each layer: digest of its weights.

    A layer's digest is that of the weights before it, so that encoders of different depth agree.
    """
    encoder = network.get_layer(ENCODER)
    outputs = zip(encoder.output_names, encoder.outputs, strict=True)
    layers = {name: weights_digest(keras.Model(encoder.input, output)) for name, output in outputs}
    about = {"photos": photos.fingerprint, "code": code_digest(CODE)}
    return Path(photos.folder) / "features", about, layers


def _kept(folder, about):
    """What features.json says is there; no layers if it depends on something else."""
    kept = read_json(folder / "features.json")
    return kept if about.items() <= kept.items() else about | {"layers": {}}


def _shapes(encoder, images):
    """Shape (h, w, C) of each of a photo's maps."""
    given = encoder.compute_output_spec(keras.KerasTensor((1, *images.shape[1:3], 1)))
    return [tuple(maps.shape[1:]) for maps in keras.tree.flatten(given)]


def _maps(encoder, rgb):
    """Features of photos, a list also where there is one map."""
    return [np.asarray(maps) for maps in keras.tree.flatten(encoder(lightness_of(rgb)))]


def _header(shape):
    stream = io.BytesIO()
    about = {"descr": "<f4", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(stream, about)
    return stream.getvalue()


def _photos_in(part, header, size):
    """How many photos a file begun by an earlier run holds whole; 0 if it began otherwise."""
    if not part.is_file():
        return 0
    with part.open("rb") as stream:
        same = stream.read(len(header)) == header
    return (part.stat().st_size - len(header)) // size if same else 0
