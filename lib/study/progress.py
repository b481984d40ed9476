"""A line of progress for one notebook, on a terminal with its seconds and what it last printed."""

import re
import shutil
import sys
import time

ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|[\r\b]")  # colours and cursor moves in a printed line


class Progress:
    """Used as a context: prints `label ... 41 s`; papermill writes into it."""

    def __init__(self, label):
        self.label, self.out, self.start = label, sys.stdout, time.monotonic()

    def write(self, text):
        """Show the last line of what the notebook prints, on a terminal."""
        lines = [line for line in ESCAPE.sub("", text).split("\n") if line.strip()]
        if lines and self.out.isatty():
            line = f"{self.label} ... {self._duration()}  {lines[-1].strip()}"
            width = shutil.get_terminal_size().columns - 1
            print(f"\r{line[:width]}\x1b[K", end="", file=self.out, flush=True)

    def flush(self):
        """Do nothing; papermill calls it."""

    def __enter__(self):
        print(f"{self.label} ... ", end="", file=self.out, flush=True)
        return self

    def __exit__(self, kind, error, traceback):
        if self.out.isatty():
            print(f"\r{self.label} ... \x1b[K", end="", file=self.out)
        print("stopped after " * bool(kind) + self._duration(), file=self.out, flush=True)

    def _duration(self):
        """Time since it was made: 41 s, 12 min 5 s."""
        minutes, rest = divmod(round(time.monotonic() - self.start), 60)
        return f"{minutes} min {rest} s" if minutes else f"{rest} s"
