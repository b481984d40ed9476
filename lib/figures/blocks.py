"""The blocks of a Keras functional model: what a diagram of it shows.

A diagram drawn from them cannot differ from the model that is trained. Layers are named
`<block>_<part>` (encode1_conv, encode1_norm, fuse_concat): the part before the first underscore is
the block.
"""

import re

import keras

KINDS = {  # how the names of a kind's blocks begin
    "convolution": ("encode", "central", "down", "conv", "separable"),
    "dense": ("global", "code", "expand", "dense", "flatten"),
    "fusion": ("fuse", "concatenate", "add"),
    "pretrained": ("xception", "block"),
    "attention": ("attention", "self"),
    "upsampling": ("decode", "up"),
    "output": ("output",),
}
# Layers with an automatic name that belong to the layer before them.
SMALL = ("BatchNormalization", "Activation", "ReLU", "LeakyReLU", "Dropout", "ZeroPadding2D")


def blocks_of(model, image_size=64):
    """Read the blocks of a Keras functional model, in the order in which it computes them.

    Parameters
    ----------
    model : keras.Model
        Functional and built. Layers are grouped by their name up to the first underscore; a nested
        model is one block; layers with automatic names are blocks of their own.
    image_size : int
        Side in pixels to state shapes for, where the model takes any size.

    Returns
    -------
    list of dict
        `name`; `kind`, a key of `KINDS`; `shape`, (H, W, C) or (C,) of the block's last layer;
        `inputs`, names of the blocks it takes, without the model's own inputs.

    Raises
    ------
    ValueError
        If the model is not functional.
    """
    if not hasattr(model, "operations") or not getattr(model, "inputs", None):
        raise ValueError(f"model: expected a built Keras functional model, got {type(model)}")
    blocks, block_of = {}, {}
    for operation in model.operations:
        if type(operation).__name__ == "InputLayer":
            continue
        name = _block_name(operation, list(blocks))
        block_of[id(operation)] = name
        block = blocks.setdefault(name, {"name": name, "kind": _kind(operation), "inputs": []})
        block["last"] = operation
        for parent in _parents(operation):
            source = block_of.get(id(parent))
            if source not in (None, name, *block["inputs"]):
                block["inputs"].append(source)
    outputs = [block.pop("last")._inbound_nodes[-1].output_tensors[-1] for block in blocks.values()]
    for block, shape in zip(blocks.values(), _shapes(model, outputs, image_size), strict=True):
        block["shape"] = shape
    return list(blocks.values())


def _block_name(operation, before):
    """The block of a layer: its name up to the first underscore, unless Keras chose the name."""
    kind = type(operation).__name__
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", kind).lower()
    automatic = re.fullmatch(rf"{snake.replace('_', '_?')}(_\d+)?", operation.name)
    if automatic and kind in SMALL and before:
        return before[-1]
    nested = hasattr(operation, "layers")
    return operation.name if automatic or nested else operation.name.split("_")[0]


def _kind(operation):
    if hasattr(operation, "layers"):
        return "pretrained"
    known = (kind for kind, begins in KINDS.items() if operation.name.startswith(begins))
    return next(known, "other")


def _parents(operation):
    for node in getattr(operation, "_inbound_nodes", []):
        for tensor in node.input_tensors:
            yield tensor._keras_history.operation


def _shapes(model, outputs, image_size):
    """Shapes of symbolic tensors without the batch axis, for photos of `image_size`."""
    if any(None in tensor.shape[1:] for tensor in outputs):
        probes = [
            keras.KerasTensor((1, *(image_size if side is None else side for side in t.shape[1:])))
            for t in model.inputs
        ]
        outputs = keras.Model(model.inputs, outputs)(probes if len(probes) > 1 else probes[0])
        outputs = outputs if isinstance(outputs, (list, tuple)) else [outputs]
    return [tuple(tensor.shape[1:]) for tensor in outputs]
