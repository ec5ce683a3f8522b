"""The page from which a data scientist decides whether a model ships."""
