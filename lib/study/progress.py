"""A line of progress for one notebook, on a terminal with its seconds and what it last printed."""

import re
import shutil
import threading
import time

ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|[\r\b]")  # colours and cursor moves in a printed line


class Progress:
    """Used as a context: writes `label ... 41 s` to a text stream; papermill prints into it."""

    def __init__(self, label, out):
        self.label, self.out, self.printed = label, out, ""
        self.start, self.ended = time.monotonic(), threading.Event()
        self.thread = threading.Thread(target=self._tick, daemon=True) if out.isatty() else None

    def seconds(self):
        """Seconds since it was made."""
        return time.monotonic() - self.start

    def write(self, text):
        """Take what the notebook prints: papermill writes it here."""
        lines = [line for line in ESCAPE.sub("", text).split("\n") if line.strip()]
        self.printed = lines[-1].strip() if lines else self.printed

    def flush(self):
        """Do nothing; papermill calls it."""

    def __enter__(self):
        print(f"{self.label} ... ", end="", file=self.out, flush=True)
        if self.thread:
            self.thread.start()
        return self

    def _tick(self):
        while not self.ended.wait(1):
            line = f"{self.label} ... {duration(self.seconds())}  {self.printed}"
            width = shutil.get_terminal_size().columns - 1
            print(f"\r{line[:width]}\x1b[K", end="", file=self.out, flush=True)

    def __exit__(self, kind, error, traceback):
        self.ended.set()
        if self.thread:
            self.thread.join()
            print(f"\r{self.label} ... \x1b[K", end="", file=self.out)
        stopped = "stopped after " if kind else ""
        print(stopped + duration(self.seconds()), file=self.out, flush=True)


def duration(seconds):
    """Seconds as text: 41 s, 12 min 5 s."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
