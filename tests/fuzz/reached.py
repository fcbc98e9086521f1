"""Which branches of the readers a payload reaches: pairs of lines, one after the other, in one call."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import breachflow

FOLDER = str(Path(breachflow.__file__).parent / "formats")

Edge = tuple[CodeType, int, int]


class Reached:
    """Counts edges while `during` runs; `sys.settrace`, because every Python that breachflow supports has it."""

    def __init__(self) -> None:
        self.edges: set[Edge] = set()
        self._last: dict[FrameType, int] = {}

    def during(self, call: Callable[[], Any]) -> tuple[Any, set[Edge]]:
        """Run; return what came out, and the edges that nothing had reached before."""
        self._found: set[Edge] = set()
        before = sys.gettrace()
        sys.settrace(self._enter)
        try:
            result = call()
        finally:
            sys.settrace(before)
            self._last.clear()
        new = self._found - self.edges
        self.edges |= new
        return result, new

    def _enter(self, frame: FrameType, event: str, _arg: Any) -> Any:
        if event != "call" or not frame.f_code.co_filename.startswith(FOLDER):
            return None
        self._last[frame] = 0
        return self._line

    def _line(self, frame: FrameType, event: str, _arg: Any) -> Any:
        if event == "line":
            line = frame.f_lineno
            self._found.add((frame.f_code, self._last.get(frame, 0), line))
            self._last[frame] = line
        elif event == "return":
            self._last.pop(frame, None)
        return self._line
