"""The code behind the notebooks. The study itself is in this folder; README.md gives its order."""

import contextlib
import logging
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


@contextlib.contextmanager
def quiet_startup():
    """Load Keras within: TensorFlow's notes, of hardware and later of compiling, are left out."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
        logging.getLogger("tensorflow").setLevel(logging.ERROR)  # loading sets it, in a notebook


def watched(stream):
    """True when a person watches: a terminal, JupyterLab or Colab; False under papermill."""
    return stream.isatty() or "JPY_SESSION_NAME" in os.environ or "google.colab" in sys.modules


if "ipykernel" in sys.modules:  # every notebook needs it; the command line loads it when it does
    with quiet_startup():
        import keras  # noqa: F401
