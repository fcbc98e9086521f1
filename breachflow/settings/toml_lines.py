"""On which line of a TOML file a key or an array's element stands: a path of keys and positions, to its line."""

from __future__ import annotations

import re

Path = tuple[str | int, ...]

_KEY = re.compile(r"""[A-Za-z0-9_-]+|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'""")
_TEXT = re.compile(
    r'''"""(?:[^\\]|\\.)*?"""(?:"{0,2})|"(?:[^"\\\n]|\\.)*"''' r"""|'''.*?'''(?:'{0,2})|'[^'\n]*'""", re.DOTALL
)
_BLANK = re.compile(r"(?:[ \t\r\n]+|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_PLAIN = re.compile(r"[^,\]}#\n]*")


def lines(text: str) -> dict[Path, int]:
    """Return the line of every table, key and element of a TOML text that `tomllib` has accepted."""
    return _Reader(text.replace("\r\n", "\n")).document()


def line(known: dict[Path, int], path: Path) -> int | None:
    """Return the line of this path, or of the nearest thing around it; `None` for the document itself."""
    while path and path not in known:
        path = path[:-1]
    return known.get(path)


class _Reader:
    """Walks once through the text; validity is not its business, places are."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.found: dict[Path, int] = {}
        self.elements: dict[Path, int] = {}
        self._counted, self._line = 0, 1

    def document(self) -> dict[Path, int]:
        """Read table by table."""
        table: Path = ()
        self._skip(_BLANK)
        while self.at < len(self.text):
            table = self._header() if self.text[self.at] == "[" else self._pair(table)
            self._skip(_BLANK)
        return self.found

    def _header(self) -> Path:
        number, array = self._here(), self.text.startswith("[[", self.at)
        self.at += 2 if array else 1
        self._skip(_SPACE)
        *above, last = self._dotted()
        path: Path = ()
        for key in above:
            path = self._newest((*path, key), number)
        self._skip(_SPACE)
        self.at += 2 if array else 1
        path = (*path, last)
        self.found.setdefault(path, number)
        if array:
            self.elements[path] = self.elements.get(path, -1) + 1
            path = (*path, self.elements[path])
            self.found[path] = number
        return path

    def _newest(self, path: Path, number: int) -> Path:
        # `[a.b]` below `[[a]]` belongs to the last element of a.
        self.found.setdefault(path, number)
        return (*path, self.elements[path]) if path in self.elements else path

    def _pair(self, table: Path) -> Path:
        number, path = self._here(), table
        for key in self._dotted():
            path = (*path, key)
            self.found.setdefault(path, number)
        self._skip(_SPACE)
        self.at += 1  # The sign of equality.
        self._skip(_SPACE)
        self._value(path)
        return table

    def _value(self, path: Path) -> None:
        opening = self.text[self.at]
        if opening in "\"'":
            self._skip(_TEXT)
        elif opening == "[":
            self._array(path)
        elif opening == "{":
            self._inline(path)
        else:
            self._skip(_PLAIN)

    def _array(self, path: Path) -> None:
        self.at += 1
        position = 0
        self._skip(_BLANK)
        while self.text[self.at] != "]":
            self.found[(*path, position)] = self._here()
            self._value((*path, position))
            position += 1
            self._comma()
        self.at += 1

    def _inline(self, path: Path) -> None:
        self.at += 1
        self._skip(_BLANK)
        while self.text[self.at] != "}":
            self._pair(path)
            self._comma()
        self.at += 1

    def _comma(self) -> None:
        self._skip(_BLANK)
        if self.text[self.at] == ",":
            self.at += 1
            self._skip(_BLANK)

    def _dotted(self) -> list[str]:
        keys = []
        while (found := _KEY.match(self.text, self.at)) is not None:
            self.at = found.end()
            keys.append(_unquoted(found[0]))
            self._skip(_SPACE)
            if not self.text.startswith(".", self.at):
                break
            self.at += 1
            self._skip(_SPACE)
        return keys

    def _skip(self, pattern: re.Pattern[str]) -> None:
        found = pattern.match(self.text, self.at)
        self.at = found.end() if found else self.at

    def _here(self) -> int:
        self._line += self.text.count("\n", self._counted, self.at)
        self._counted = self.at
        return self._line


def _unquoted(key: str) -> str:
    if key[0] == "'":
        return key[1:-1]
    if key[0] == '"':
        from tomllib import loads

        return next(iter(loads(f"{key} = 0")))
    return key
