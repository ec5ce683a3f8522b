"""A package, because a dependency installs a top-level `tests` that would otherwise hide ours."""
