"""Logs: lines for a person on a terminal, JSON otherwise, always on standard error."""

from __future__ import annotations

import logging
import sys
from typing import Any

LIBRARIES = ("python_http_client", "aiokafka", "faust", "mode", "asyncio", "kafka")
"""Libraries that log requests, settings or message content below the level of a warning."""


def configure(*, level: str = "info", as_json: bool | None = None) -> None:
    """Set up structlog for this process. `as_json`: `None` decides by whether a person is looking."""
    import structlog

    plain = (not sys.stderr.isatty()) if as_json is None else as_json
    processors: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    # Local variables of a traceback can hold a payload, so tracebacks are written plainly, without them.
    if plain:
        processors += [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(ensure_ascii=False)]
    else:
        processors.append(structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback))
    structlog.configure(
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )
    for name in LIBRARIES:
        logging.getLogger(name).setLevel(logging.WARNING)
