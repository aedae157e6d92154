"""The one exception that means: the user can mend this. The command line prints it without a traceback."""

from __future__ import annotations


class UserError(ValueError):
    """Something in the user's input is wrong. The message names the file, the line or key, what was found and what
    is allowed; it is one line unless it lists things."""
