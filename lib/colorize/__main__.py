"""The command line: `python -m lib.colorize`, see `lib.colorize.command`."""

from lib.colorize.command import run

if __name__ == "__main__":
    run()
