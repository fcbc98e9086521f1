"""Something wrong or doubtful in the organisation file, before it has a line."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from breachflow.settings.toml_lines import Path

Level = Literal["error", "warning"]


class Flaw(Struct, frozen=True):
    """With an error the file cannot be used; with a warning it can, and somebody should look.

    `path` leads to the value through keys and positions; `sentence` says what is wrong and what to do.
    """

    level: Level
    path: Path
    sentence: str
