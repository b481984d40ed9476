"""What the study runs on: one processor, one GPU, several, or several machines.

With TensorFlow each batch is split among all GPUs (`tf.distribute.MirroredStrategy`), and among
machines where TF_CONFIG names them (`tf.distribute.MultiWorkerMirroredStrategy`): then the same
notebook runs on each, in one folder that all of them share, and the first, the chief, writes the
results. A loss is divided by the number of replicas, since TensorFlow adds up their gradients.

Reference: TensorFlow, Distributed training with Keras and with multiple workers.
"""

import contextlib
import os
import sys

import keras
from keras import ops

from lib.study.provenance import machines


def has_gpu():
    """Whether the backend sees a GPU."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return bool(tf.config.list_physical_devices("GPU"))
    if keras.backend.backend() == "jax":
        import jax

        return jax.default_backend() == "gpu"
    import torch

    return torch.cuda.is_available()


def distribute():
    """Use all GPUs and all machines that there are, unless a strategy is set already."""
    if keras.backend.backend() != "tensorflow":
        return
    import tensorflow as tf

    tf.config.experimental.enable_tensor_float_32_execution(False)  # 0.2 CIELAB units of noise
    if tf.distribute.has_strategy():
        return
    if machines()[1] > 1:
        strategy = tf.distribute.MultiWorkerMirroredStrategy()
    elif len(tf.config.list_physical_devices("GPU")) > 1:
        strategy = tf.distribute.MirroredStrategy()
    else:
        return
    tf.distribute.experimental_set_strategy(strategy)


def replicas():
    """Among how many devices each batch is split."""
    if keras.backend.backend() != "tensorflow":
        return 1
    import tensorflow as tf

    return tf.distribute.get_strategy().num_replicas_in_sync


def is_chief():
    """Whether this machine writes the results: the first one does."""
    return not _several_machines() or machines()[0] == 0


def agree(value, what):
    """Wait for all machines; raise RuntimeError unless all of them come with the same number."""
    if not _several_machines():
        return
    import tensorflow as tf

    strategy = tf.distribute.get_strategy()
    every = strategy.gather(strategy.run(lambda: tf.constant([value])), axis=0).numpy()
    if len(set(every.tolist())) > 1:
        raise RuntimeError(
            f"the machines disagree on {what}: {every.tolist()}; they have to share one folder"
        )


def share_of_replica(loss):
    """A replica's part of the loss of the whole batch."""
    return loss / replicas() if replicas() > 1 else loss


def of_replica(results):
    """A dict of scalars as Keras can average it over machines, which it does along an axis."""
    if not _several_machines():
        return results
    return {name: ops.reshape(value, (1,)) for name, value in results.items()}


def watched():
    """True when a person watches: a terminal, JupyterLab or Colab; False under papermill."""
    in_notebook = "JPY_SESSION_NAME" in os.environ or "google.colab" in sys.modules
    return in_notebook or sys.stdout.isatty()


@contextlib.contextmanager
def memory_advice(parameter):
    """Turn a device's out-of-memory error into a MemoryError that names the parameter to halve."""
    try:
        yield
    except Exception as error:
        words = ("RESOURCE_EXHAUSTED", "ResourceExhausted", "OutOfMemory")  # TensorFlow, JAX, torch
        if any(word in f"{type(error).__name__} {error}" for word in words):
            raise MemoryError(
                f"too little memory on the device: halve {parameter}, or IMAGE_SIZE"
            ) from error
        raise


def _several_machines():
    return machines()[1] > 1 and replicas() > 1
