"""The models that MIRRN and TWIN are measured against, in the same frame."""
