"""Log lines: on standard error, one event each with stable names, ids and counts. Standard output stays what was asked for."""

from __future__ import annotations

import logging
import os
import sys

LEVEL = "CRMSYNC_LOG_LEVEL"
_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


def log_to_standard_error(default: str = "warning") -> None:
    """From `CRMSYNC_LOG_LEVEL` upwards (debug, info, warning, error), else from `default`."""
    import structlog

    level = _LEVELS.get(os.environ.get(LEVEL, "").lower(), _LEVELS[default])
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.LogfmtRenderer(key_order=["level", "event"], sort_keys=True, bool_as_flag=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),  # asked anew each time: a test may have replaced it
        cache_logger_on_first_use=False,
    )
    # The scheduler's own words about jobs that wait their turn; ours are in `schedule`.
    logging.getLogger("apscheduler").setLevel(logging.CRITICAL)
