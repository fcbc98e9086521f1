"""A text that must not show up where values are printed for debugging."""

from __future__ import annotations


class Secret(str):
    """A password or key. It is the text itself wherever a text is needed, and hidden in every `repr`."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "Secret(…)"
