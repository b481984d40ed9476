"""What the parameters of the notebooks may be: type and range of each stand here, and only here.

    check(globals())  # in a notebook, after its parameters cell

The runner checks the same before the first notebook starts. A wrong value is one line that names
parameter, range and value. Unit and meaning stand beside the default, in the notebook's own cell.

Reference: pydantic, strict mode, https://docs.pydantic.dev/latest/concepts/strict_mode
"""

import contextlib
import difflib
from pathlib import Path
from typing import Annotated, Any, Literal, Required

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from typing_extensions import TypedDict  # pydantic takes no other before Python 3.12


def _whole(low, high):
    """Whole numbers of a range, with the words for it."""
    return Annotated[int, Field(ge=low, le=high, description=f"a whole number, {low} to {high}")]


Rate = Annotated[float, Field(gt=0, le=1, description="a number, above 0 to 1")]
Seed = _whole(0, 2**32 - 1)
Steps = _whole(1, 1_000_000)
Name = Annotated[
    str, Field(pattern="^[A-Za-z0-9_-]{1,100}$", description="1 to 100 letters, digits, - and _")
]


class Generator(TypedDict, total=False):
    """Arguments of `models.build_generator`; and epochs of fine-tuning its pretrained encoder."""

    filters: Required[_whole(2, 256)]
    encoder: Literal["scratch", "xception"]
    attention: bool
    spectral: bool
    fine_tune: _whole(0, 100_000)


class Parameters(TypedDict, total=False):
    """Every parameter, in the order of the notebooks; the last three are the runner's own."""

    __pydantic_config__ = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)

    STUDY: Name
    DATASET: Literal["scenes", "flickr8k", "flickr30k", "folder"]
    SOURCE: str | None
    IMAGE_SIZE: _whole(32, 256)
    MAX_IMAGES: _whole(10, 1_000_000) | None
    SEED: Seed
    SCRIBBLES: Rate

    EPOCHS: _whole(0, 100_000)
    HALF_SIZE_EPOCHS: _whole(0, 100_000)
    BATCH_SIZE: _whole(1, 4096)
    LEARNING_RATE: Rate
    AGED: Annotated[float, Field(ge=0, le=1, description="a number, 0 to 1")]
    SCHEDULE: Literal["cosine", "constant"]
    PATIENCE: _whole(1, 100_000) | None
    LOSS: Literal["mse", "mae", "huber", "rmse"]
    CNN_FILTERS: _whole(1, 1024)
    AUTOENCODER_FILTERS: _whole(1, 1024)
    AUTOENCODER_CODE: _whole(1, 8192)
    XCEPTION_WEIGHTS: str | None
    XCEPTION_FILTERS: _whole(1, 1024)
    SKIPS: bool
    FINE_TUNE: bool

    GENERATOR: Generator
    FEATURE_WEIGHT: Annotated[float, Field(ge=0, le=1000, description="a number, 0 to 1000")]
    CRITIC_EPOCHS: _whole(0, 100_000)
    GAN_STEPS: Steps | Annotated[list[Steps], Field(min_length=1, description="a list of these")]
    GAN_LEARNING_RATE: Rate
    GAN_TOLERANCE: Annotated[float, Field(ge=0, le=10, description="a number, 0 to 10")]
    GAN_AVERAGE: Annotated[float, Field(ge=0, lt=1, description="a number, 0 to below 1")]

    CLASSICAL: bool
    KID_PHOTOS: _whole(10, 100_000)
    MODEL: Literal["cnn", "autoencoder", "xception", "xception_skips", "generator", "gan"] | None
    PHOTOS: str | None
    RENDER_FACTOR: _whole(2, 40)

    VARIANTS: Annotated[dict[Name, dict[str, Any]], Field(description="name: {NAME: value}")]
    NOTEBOOKS: Annotated[list[str | int], Field(description="a list of notebooks")]
    SEEDS: Annotated[list[Seed], Field(description="a list of whole numbers, each 0 to 4294967295")]


OF_THE_RUNNER = ("VARIANTS", "NOTEBOOKS", "SEEDS")
# Parameters that hold the path of a file or folder, and the words that stand for no path there.
PATHS = {"SOURCE": (), "XCEPTION_WEIGHTS": ("auto", "imagenet"), "PHOTOS": ("upload",)}
WORDS = {"boolean": "true or false", "null": "None", "string": "text", "object": "NAME: value"}

_ADAPTER = TypeAdapter(Parameters)
_SCHEMA = _ADAPTER.json_schema()


class UsageError(ValueError):
    """A wrong argument or a missing file, found before anything ran; the message is one line."""

    def __str__(self):
        return " ".join(super().__str__().split())


def check(values, root="."):
    """Check parameters, each by itself and those that depend on each other.

    `values` is a dict such as `globals()`, names in it that are no parameters are not looked at;
    `root` is the folder that relative paths start from. Gives the parameters among the values; a
    whole number is a float where one is declared. Raises UsageError for the first that is wrong:
    its name, what is expected, and what came.
    """
    given = {name: values[name] for name in Parameters.__annotations__ if name in values}
    try:
        checked = _ADAPTER.validate_python(given)
    except ValidationError as error:
        name = error.errors()[0]["loc"][0]
        wrong = [(name, expected(name))]
    else:
        wrong = _conflicts(checked, Path(root))
    for name, words in wrong:
        raise UsageError(f"{name}: expected {words}, got {given[name]!r:.80}")
    return checked


def expected(name):
    """Words for what a parameter may be, such as `a whole number, 32 to 256`."""
    return _words(_SCHEMA["properties"][name])


def types(name):
    """Set of the JSON types that a parameter may have; empty for a name that is no parameter."""
    schema = _SCHEMA["properties"].get(name)
    return {part.get("type") for part in schema.get("anyOf", [schema])} if schema else set()


def is_path(name, value):
    """Tell whether a parameter's value is a path (not None, a URL, or a word such as `auto`)."""
    if name not in PATHS or not isinstance(value, str):
        return False
    is_address = name == "SOURCE" and "://" in value
    return not is_address and value not in PATHS[name]


def nearest(word, known):
    """End of a message about an unknown word: the nearest known one."""
    match = difflib.get_close_matches(str(word), sorted(known), n=1, cutoff=0.0)
    return f"the nearest known one is {match[0]}" if match else "none is known"


def _conflicts(values, root):
    """Parameters that do not fit the others or the disk: name, and what is expected."""
    size, generator = values.get("IMAGE_SIZE"), values.get("GENERATOR", {})
    if values.get("EPOCHS") == 0 and not generator:
        yield "EPOCHS", "1 or more (0 is for 06_gan alone)"
    if (values.get("MAX_IMAGES") or 4096) < values.get("BATCH_SIZE", 1):
        yield "BATCH_SIZE", f"MAX_IMAGES={values['MAX_IMAGES']} or less"
    if size and values.get("SCRIBBLES", 1) * size**2 < 1:
        yield "SCRIBBLES", f"a pixel at least, 1 / {size}^2 = {1 / size**2:.2g} or more"
    if generator.get("fine_tune") and generator.get("encoder") != "xception":
        yield "GENERATOR", "fine_tune with encoder: xception only"
    if len(set(values.get("SEEDS", ()))) < len(values.get("SEEDS", ())):
        yield "SEEDS", "each seed once"
    if values.get("DATASET") == "folder" and not values["SOURCE"]:
        yield "SOURCE", "the place of the photos, for DATASET=folder"
    for name, words in PATHS.items():
        if is_path(name, values.get(name)):
            path, folder = root / values[name], "" if name == "XCEPTION_WEIGHTS" else " or folder"
            with contextlib.suppress(OSError):  # such as a name that is too long
                if values[name] and (path.is_file() or (folder and path.is_dir())):
                    continue
            yield name, " or ".join([f"a file{folder} that is there", *words, "None"])


def _words(schema):
    """Words for what a JSON schema allows."""
    if "$ref" in schema:
        inner = _SCHEMA["$defs"]["Generator"]["properties"]
        return ", ".join(f"{name}: {_words(part)}" for name, part in inner.items()).join("{}")
    if "anyOf" in schema:
        return " or ".join(_words(part) for part in schema["anyOf"])
    if "enum" in schema:
        return "one of " + ", ".join(schema["enum"])
    return schema.get("description") or WORDS[schema["type"]]
