"""The command line: `python -m lib.colorize`, see `lib.colorize.command`."""

import signal
import sys

from lib.colorize.command import main

if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a polite kill is a Ctrl-C
    sys.exit(main())
