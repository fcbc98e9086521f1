"""What a person who sets breachflow up has to mend."""

from __future__ import annotations


class SettingsError(Exception):
    """A variable, a file or a key is not as it must be; one sentence names it and says what to do."""
