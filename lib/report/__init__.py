"""The report of a study: one page, its sentences, the paper statement by statement."""

from lib import quiet_startup

with quiet_startup():
    from lib.report.page import build

__all__ = ["build"]
