"""Photos a second of every training step, beside the same network in PyTorch.

    python tests/benchmarks/bench_training.py [--sizes 64 200] [--models cnn joint] [--rounds 5]

A step is all of it: uint8 photos to CIELAB, forward, loss, backward, Adam; ours measures accuracy
and RMSE as well. The networks have the default sizes; Xception has random weights and is frozen;
the generator has its feature loss; `joint` is NoGAN's third phase, a step of the critic and one of
the generator; the critic alone is left out unless asked for. Keras (as `train.fit` compiles it on a
processor, without XLA) and PyTorch (eager, and by torch.compile) have a process each, threads for
all cores, and take turns of a second or more. The shapes of all weights are compared first. The
note of a row says what share of the machine's rate each reaches (the rate is that of a product of
two 2048 x 2048 matrices in the same rounds, the better of both libraries), and what a step costs
the processor, all cores together. Other programs cost PyTorch more than Keras, since its threads
wait for each other at every layer: measure on a quiet machine, or compare the processor's seconds
with --threads 1. --xla shows ours with XLA too.
"""

import statistics
import sys
from pathlib import Path

import common

TORCH = Path(__file__).with_name("torch_training.py")
NAMES = ("cnn", "autoencoder", "xception", "xception_skips", "generator", "joint", "critic")
TARGETS = {"PyTorch eager": 1.3, "PyTorch compiled": 1.1}


def trainers_of(name, size):
    """The trainers whose steps make up a step, as `torch_training.losses_of`."""
    from lib import losses, models, nogan, train

    if name in ("critic", "joint"):
        generator, critic = models.build_generator(), models.build_critic()
        trainers = [nogan.CriticTrainer(critic, generator)]
        if name == "joint":
            features = losses.FeatureLoss(models.load_xception(None))
            trainers += [nogan.GeneratorTrainer(generator, critic, features)]
            for layer in generator.layers:
                if not layer.name.startswith(nogan.DECODER):
                    layer.trainable = False
        return trainers
    if name == "cnn":
        return [train.Colorizer(models.build_cnn())]
    if name == "autoencoder":
        return [train.Colorizer(models.build_autoencoder(size))]
    xception = models.load_xception(None)
    if name == "generator":
        return [train.Colorizer(models.build_generator(), "mae", losses.FeatureLoss(xception))]
    return [train.Colorizer(models.build_xception(xception, skips=name == "xception_skips"))]


def step_of(trainers, rgb, xla):
    """A function that takes one training step on the same photos."""
    for trainer in trainers:
        trainer.compile(trainer.adam(1e-4), jit_compile=xla)
        trainer(rgb[:1])  # builds it

    def step():
        for trainer in trainers:
            trainer.train_on_batch(rgb)

    return step


def serve(name, size, batch, threads):
    """The worker for Keras; see `torch_training` for the other."""
    import numpy as np

    from lib import quiet_startup

    with quiet_startup():
        import tensorflow as tf

        from lib import train
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    train.prepare_device(0)
    rgb = np.random.default_rng(0).integers(0, 256, (batch, size, size, 3), dtype=np.uint8)
    trainers = trainers_of(name, size)
    one = tf.random.uniform((2048, 2048))
    operations = 2 * 2048**3
    step, steps = step_of(trainers, rgb, False), {}

    def with_xla():  # a network of its own: compiled twice, one step would use the other's program
        if not steps:
            steps["xla"] = step_of(trainers_of(name, size), rgb, True)
        return common.repeat(steps["xla"])

    ways = {
        "ours": lambda: common.repeat(step),
        "xla": with_xla,
        "matmul": lambda: {
            "rate": operations / common.repeat(lambda: tf.matmul(one, one).numpy(), 0.3)["seconds"]
        },
    }
    weights = [trainer.network.weights for trainer in trainers]
    common.serve({"shapes": [sorted(sorted(w.shape) for w in some) for some in weights]}, ways)


def compare(name, size, batch, threads, rounds, xla):
    """The rows of one network."""
    sizes = [str(size), str(batch), str(threads)]
    with (
        common.Worker(__file__, "--serve", name, *sizes) as ours,
        common.Worker(str(TORCH), name, *sizes) as theirs,
    ):
        if ours.about != theirs.about:
            raise SystemExit(f"{name}: weights of other shapes in PyTorch: not the same network")
        operations, rates, used = theirs("work")["operations"], [], {}

        def turn(worker, way):
            told = worker(way)
            used.setdefault(way, []).append(told["used"])
            return told["seconds"]

        ways = {
            "ours": lambda: turn(ours, "ours"),
            "PyTorch eager": lambda: turn(theirs, "eager"),
            "PyTorch compiled": lambda: turn(theirs, "compiled"),
            "products": lambda: rates.append(max(w("matmul")["rate"] for w in (ours, theirs))),
        }
        if xla:
            ways["ours with XLA"] = lambda: turn(ours, "xla")
        seconds = common.alternate(ways, rounds)
        peaks = [worker("matmul")["peak"] for worker in (ours, theirs)]
    rate = statistics.median(rates[1:])
    used = {way: statistics.median(values[1:]) for way, values in used.items()}
    rows = []
    for peer, target in TARGETS.items():
        speeds, shares = (
            [total / seconds[way] for way in ("ours", peer)] for total in (batch, operations / rate)
        )
        note = (
            f"{operations / 1e9:.1f} GFLOP a step; of {rate / 1e9:.0f} GFLOP/s {shares[0]:.0%}, "
            f"{shares[1]:.0%}; processor {used['ours']:.2f}, {used[peer.split()[1]]:.2f} s a step; "
            f"peak memory {peaks[0]:.0f}, {peaks[1]:.0f} MiB"
        )
        what = "nogan joint" if name == "joint" else f"step {name}"
        row = (speeds[0], "photos/s", peer, speeds[1], target, note)
        rows.append(common.row("training", what, f"{batch} x {size} x {size}", *row))
    if xla:
        ratio = seconds["ours"] / seconds["ours with XLA"]
        print(f"{name}, {size} px, with XLA: {ratio:.2f} times as fast as without", flush=True)
    return rows


def main():
    if sys.argv[1:2] == ["--serve"]:
        name, *sizes = sys.argv[2:]
        serve(name, *map(int, sizes))
        return
    parser = common.parser(__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[64, 200], help="pixels a side")
    parser.add_argument("--models", nargs="+", choices=NAMES, default=NAMES[:-1])
    parser.add_argument("--batch", type=int, default=32, help="photos a step")
    parser.add_argument("--xla", action="store_true", help="ours with XLA too")
    cores = int(common.machine()["cores"])
    parser.add_argument("--threads", type=int, default=cores, help="of each; all cores")
    options = parser.parse_args()
    rest = (options.batch, options.threads, options.rounds, options.xla)
    for size in options.sizes:
        for name in options.models:
            rows = compare(name, size, *rest)
            common.record(rows, options.rounds)


if __name__ == "__main__":
    main()
