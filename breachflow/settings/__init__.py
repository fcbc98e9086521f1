"""Where things are (the environment) and what the organisation decides (its file), read and checked."""

from __future__ import annotations

from breachflow.settings.environment import Settings
from breachflow.settings.errors import SettingsError
from breachflow.settings.secret import Secret

__all__ = ["Secret", "Settings", "SettingsError"]
