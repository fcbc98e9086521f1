"""Drafts and mails: templates and labels of two languages, to text, HTML, PDF, DOCX and JSON."""

from breachflow.rendering.formats import MissingExtra
from breachflow.rendering.renderer import Mail, Rendered, Renderer

__all__ = ["Mail", "MissingExtra", "Rendered", "Renderer"]
