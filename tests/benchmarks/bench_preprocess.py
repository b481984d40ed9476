"""How fast photos are prepared, beside the loop that most tutorials have.

    python tests/benchmarks/bench_preprocess.py SOURCE [--size 200] [--loop 300]

SOURCE is a folder, a zip or a tar of photos. The loop reads, resizes (with anti-aliasing) and
converts to CIELAB by scikit-image, one photo after another; `prepare` decodes, cleans, resizes,
splits and stores all photos, in a process of its own, so that its memory can be told. Both use the
same photos and this machine as it is now: close other programs first. Unpacking is not timed.
"""

import argparse
import json
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
start = time.perf_counter()
photos = preprocess.prepare("folder", source, int(size), raw=folder, processed=folder)
seconds = time.perf_counter() - start
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps([seconds, len(photos.index), len(photos.images), peak]))
"""


def tutorial_loop(files, size):
    """Photos a second of the usual loop."""
    from skimage import color, io, transform

    start = time.perf_counter()
    for file in files:
        image = io.imread(file)
        color.rgb2lab(transform.resize(image, (size, size), anti_aliasing=True))
    return len(files) / (time.perf_counter() - start)


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
        loop = tutorial_loop(files[:: max(1, len(files) // options.loop)], options.size)
        command = [sys.executable, "-c", PREPARE, options.source, str(options.size), folder]
        output = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout
        seconds, photos, kept, peak = json.loads(output)
        stored = sum(file.stat().st_size for file in Path(folder).glob("folder-*/*"))
    unit = 1 if sys.platform == "darwin" else 1024  # of ru_maxrss, in bytes
    print(f"tutorial loop  {loop:8.1f} photos/s")
    print(f"prepare        {photos / seconds:8.1f} photos/s ({photos:,} in {seconds:.1f} s)")
    print(f"ratio          {photos / seconds / loop:8.1f}")
    print(f"peak memory    {peak * unit / 2**20:8.0f} MiB")
    print(f"stored         {stored / 2**20:8.0f} MiB, {kept:,} photos kept")


if __name__ == "__main__":
    main()
