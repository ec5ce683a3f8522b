"""The one family of errors that a user can mend."""


class InputError(ValueError):
    """What the user gave cannot be used; the message names it, its value and the way out."""
