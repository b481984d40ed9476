"""The command line: `python -m lib.study`, see `lib.study.run`."""

import signal
import sys

from lib.study.run import main

if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a polite kill is a Ctrl-C
    sys.exit(main())
