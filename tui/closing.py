"""What a closed screen lets go of, where Textual does not by itself."""

from contextlib import suppress


def forget_lines() -> None:
    """Drop Textual's hold on the lines that widgets drew; those that are still shown keep their own.

    ``StylesCache.get_inner_outer`` is a method under an ``lru_cache`` of 1,024 entries, and so keeps as many widgets'
    lines, closed or not (Textualize/textual#6665). Nothing is left to do in a Textual without it.
    """
    with suppress(ImportError, AttributeError):
        from textual._styles_cache import StylesCache

        StylesCache.get_inner_outer.cache_clear()
