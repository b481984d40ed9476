"""An epoch of training in a process that keeps its memory, as all notebooks do.

    python tests/benchmarks/bench_memory.py [--models cnn] [--sizes 64 200] [--rounds 5]

The same training twice, in a process each, which take turns: one begins as notebooks do, with
`colab.keep_memory`, the other has glibc's own settings, and gives memory back to the system after
each step. An epoch has 1,024 photos of 64 x 64 pixels, fewer of larger ones; they are noise. The
note says what the system itself takes of the processor's seconds, and the most memory of each.
"""

import resource
import statistics

import common

BATCH = 32
PIXELS = 1024 * 64 * 64  # of an epoch, about


def serve(name, size, memory):
    """The worker: trains for an epoch at each call."""
    import numpy as np

    from lib import quiet_startup
    from lib.study import colab

    if memory == "kept":
        colab.keep_memory()
    with quiet_startup():
        from bench_training import trainers_of

        from lib import train
    train.prepare_device(0)
    (trainer,) = trainers_of(name, size)
    trainer.begin(trainer.adam(1e-4))
    count = max(PIXELS // size**2 // BATCH, 4) * BATCH
    rgb = np.random.default_rng(0).integers(0, 256, (count, size, size, 3), dtype=np.uint8)
    batches = train.Batches(rgb, np.arange(count), BATCH, training=True)

    def epoch():
        before = resource.getrusage(resource.RUSAGE_SELF).ru_stime
        told = common.repeat(lambda: trainer.fit(batches, shuffle=False, verbose=0), 0)
        return told | {"system": resource.getrusage(resource.RUSAGE_SELF).ru_stime - before}

    common.serve({"photos": count}, {"epoch": epoch})


def compare(name, size, rounds):
    """The row of one network at one size."""
    command = (__file__, "--serve", name, str(size))
    told = {"kept": [], "given back": []}
    with (
        common.Worker(*command, "kept") as kept,
        common.Worker(*command, "given back") as given_back,
    ):

        def turn(way, worker):
            told[way].append(worker("epoch"))
            return told[way][-1]["seconds"]

        ways = {"kept": lambda: turn("kept", kept)}
        ways["given back"] = lambda: turn("given back", given_back)
        seconds = common.alternate(ways, rounds)
    system = [statistics.median(t["system"] / t["used"] for t in told[way][1:]) for way in told]
    peaks = [told[way][-1]["peak"] for way in told]
    note = f"of the processor's seconds the system takes {system[0]:.0%}, {system[1]:.0%}"
    note += f"; peak memory {peaks[0]:.0f}, {peaks[1]:.0f} MiB"
    size = f"{kept.about['photos']} x {size} x {size}"
    ends = (seconds["kept"], "s", "glibc's settings", seconds["given back"], None, note)
    return common.row("memory", f"epoch {name}", size, *ends)


def main():
    parser = common.parser(__doc__)
    parser.add_argument("--models", nargs="+", default=["cnn"], help="as in bench_training.py")
    parser.add_argument("--sizes", type=int, nargs="+", default=[64, 200], help="pixels a side")
    parser.add_argument("--serve", nargs=3, help="for the workers: a network, its size, memory")
    options = parser.parse_args()
    if options.serve:
        serve(options.serve[0], int(options.serve[1]), options.serve[2])
        return
    rows = [compare(n, size, options.rounds) for n in options.models for size in options.sizes]
    common.record(rows, options.rounds)


if __name__ == "__main__":
    main()
