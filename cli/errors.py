"""What a subcommand tells its user instead of a traceback."""
from __future__ import annotations


class UserError(Exception):
    """Cannot be done as asked; the text is a sentence that says what, where and what to do."""
