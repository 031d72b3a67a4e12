"""Worlds: folders that the product treats as a customer's, with a file beside them that says what was planted."""

from triage.lab.worlds.story import build_story
from triage.lab.worlds.world import World

__all__ = ["World", "build_story"]
