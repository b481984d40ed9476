"""How fast photos are prepared, beside the loop that most tutorials have.

    python tests/benchmarks/bench_preprocess.py SOURCE [--size 200] [--loop 300]

SOURCE is a folder, a zip or a tar of photos. The loop reads, resizes (with anti-aliasing) and
converts to CIELAB by scikit-image, one photo after another, half of the photos before and half
after ours; `prepare` decodes, cleans, resizes, splits and stores all photos, in a process of its
own, so that its memory can be told. Unpacking is not timed. `prepare` uses all cores: if other
programs run, they cost it more than the loop, so close them first. The processor time a photo
(all cores together) hardly depends on them.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
PREPARE = """
import json, resource, sys, time
from lib import preprocess
source, size, folder = sys.argv[1:]
start, before = time.perf_counter(), time.process_time()
photos = preprocess.prepare("folder", source, int(size), raw=folder, processed=folder)
seconds = time.perf_counter() - start
used = time.process_time() - before
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps([seconds, used, len(photos.index), len(photos.images), peak]))
"""


def tutorial_loop(files, size):
    """Seconds and processor seconds of the usual loop."""
    from skimage import color, io, transform

    def convert(file):
        color.rgb2lab(transform.resize(io.imread(file), (size, size), anti_aliasing=True))

    convert(files[0])  # loads the libraries
    start, before = time.perf_counter(), time.process_time()
    for file in files:
        convert(file)
    return time.perf_counter() - start, time.process_time() - before


def main():
    sys.path.insert(0, str(ROOT))
    from lib import datasets

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source")
    parser.add_argument("--size", type=int, default=200, help="pixels a side")
    parser.add_argument("--loop", type=int, default=300, help="photos for the tutorial loop")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        files = datasets.get("folder", options.source, raw=folder)
        some = files[:: max(1, len(files) // options.loop)]
        first = tutorial_loop(some[::2], options.size)
        command = [sys.executable, "-c", PREPARE, options.source, str(options.size), folder]
        output = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout
        seconds, used, photos, kept, peak = json.loads(output)
        second = tutorial_loop(some[1::2], options.size)
        stored = sum(file.stat().st_size for file in Path(folder).glob("folder-*/*"))
    loop, loop_used = (sum(pair) / len(some) for pair in zip(first, second, strict=True))
    idle = loop_used / (used / photos) * os.cpu_count()
    rows = {
        "tutorial loop": f"{1 / loop:.0f} photos/s, {1e3 * loop_used:.2f} ms of processor a photo",
        "prepare": f"{photos / seconds:.0f} photos/s, {1e3 * used / photos:.2f} ms",
        "ratio": f"{photos / seconds * loop:.1f} in time; {idle:.1f} if all cores were free for it",
        "photos": f"{photos:,} in {seconds:.1f} s, {kept:,} kept",
        "stored": f"{stored / 2**20:,.0f} MiB",
        "peak memory": f"{peak / (1024 if sys.platform != 'darwin' else 2**20):,.0f} MiB",
    }
    for name, text in rows.items():
        print(f"{name:14} {text}")


if __name__ == "__main__":
    main()
