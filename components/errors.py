"""The one family of errors that a user can mend, which begins among the models."""

from models.errors import InputError as InputError

# Of a path that a program got, and not a shell, which would have put the folder in its place.
NO_HOME = "`~` is the home folder only in a shell: write the folder out"
