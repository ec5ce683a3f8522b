"""The one family of errors that a user can mend, which begins among the models."""

from models.errors import InputError as InputError
