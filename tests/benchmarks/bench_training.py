"""Photos a second and memory of each model's training step, without and with XLA.

    python tests/benchmarks/bench_training.py [--size 64] [--batch 32] [--rounds 5]

A training step is all of it: uint8 photos to CIELAB, forward, loss, backward, Adam. The networks
have the default sizes; Xception has random weights and is frozen, as in the notebooks; the
generator has its feature loss. The two ways take turns in one process, a process for each model so
that its peak memory can be told, and the median of the rounds counts.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
ROOT = Path(__file__).parents[2]
NAMES = ("cnn", "autoencoder", "xception", "xception_skips", "generator", "critic")


def trainers(name, size):
    """Two trainers of the same kind of network: one for each way to compile."""
    from lib import losses, models, nogan, train

    def build():
        if name == "critic":
            return nogan.CriticTrainer(models.build_critic(), models.build_generator())
        xception = models.load_xception(None) if name != "cnn" else None
        if name == "generator":
            return train.Colorizer(models.build_generator(), "mae", losses.FeatureLoss(xception))
        arguments = {"cnn": (), "autoencoder": (size,)}.get(name, (xception,))
        return train.Colorizer(models.MODELS[name](*arguments))

    return [build(), build()]


def measure(name, size, batch, rounds):
    """Seconds of a step without and with XLA, and the peak of the process's memory in GB."""
    import numpy as np

    from lib import train

    train.prepare_device(0)
    rgb = np.random.default_rng(0).integers(0, 256, (batch, size, size, 3), dtype=np.uint8)
    seconds = [[], []]
    both = trainers(name, size)
    for trainer, xla in zip(both, (False, True), strict=True):
        trainer.compile(trainer.adam(1e-3), jit_compile=xla)
        trainer.train_on_batch(rgb)  # compiles
    for _ in range(rounds):
        for trainer, times in zip(both, seconds, strict=True):
            start = time.perf_counter()
            trainer.train_on_batch(rgb)
            times.append(time.perf_counter() - start)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    return [statistics.median(times) for times in seconds], peak


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=64, help="pixels a side")
    parser.add_argument("--batch", type=int, default=32, help="photos a step")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--model", choices=NAMES, help=argparse.SUPPRESS)
    options = parser.parse_args()
    sizes = [options.size, options.batch, options.rounds]
    if options.model:
        print(json.dumps(measure(options.model, *sizes)))
        return
    print(f"{options.size} px, batch {options.batch}, median of {options.rounds} rounds")
    print("model            photos/s  with XLA  ratio  peak memory of both, GB")
    for name in NAMES:
        command = [sys.executable, __file__, "--model", name]
        for word, value in zip(("--size", "--batch", "--rounds"), sizes, strict=True):
            command += [word, str(value)]
        paths = {**os.environ, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(command, env=paths, capture_output=True, text=True, check=True)
        (plain, compiled), peak = json.loads(done.stdout.splitlines()[-1])
        rates = [options.batch / seconds for seconds in (plain, compiled)]
        row = f"{rates[0]:8.1f}  {rates[1]:8.1f}  {rates[1] / rates[0]:5.2f}  {peak:5.2f}"
        print(f"{name:15s}  {row}", flush=True)


if __name__ == "__main__":
    main()
