"""Worlds: folders that the product treats as a customer's, with a file beside them that says what was planted."""

from pathlib import Path

from triage.errors import NotFound, near
from triage.lab.worlds.flights import build_flights
from triage.lab.worlds.story import build_story
from triage.lab.worlds.world import Progress, World, silent

__all__ = ["World", "build", "build_flights", "build_story"]

NAMES = ("flights", "story")


def build(name: str, folder: Path, seed: int = 7, progress: Progress = silent) -> World:
    """The world called ``name`` in a folder of its own below ``folder``; the flights are real and have no ``seed``.

    Raises NotFound for an unknown name.
    """
    if name == "story":
        return build_story(folder / f"story-{seed}", seed=seed, progress=progress)
    if name == "flights":
        return build_flights(folder / "flights", progress=progress)
    raise NotFound(f"no world '{name}'", hint=near(name, NAMES, listing=f"worlds: {', '.join(NAMES)}"))
