"""What is to be done, who said yes or no to it, and how far a release has come."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class Effect(StrEnum):
    READ = "read"
    CHANGE = "change"


@dataclass(frozen=True, slots=True)
class Action:
    """One thing to do: what it changes, why, how far it reaches, and how it is undone.

    Without ``reaches_users`` it changes nothing that is served, so that its end is no mitigation.
    """

    step: str
    title: str
    effect: Effect
    why: str
    params: Mapping[str, Any] = field(default_factory=dict)
    before: str = ""
    after: str = ""
    blast_radius: str = ""
    expected_gain: str = ""
    risk: str = ""
    undo: str = ""
    stops_if: str = ""
    reaches_users: bool = True


@dataclass(frozen=True, slots=True)
class Alternative:
    title: str
    reason: str


@dataclass(frozen=True, slots=True)
class Plan:
    """The safe next steps. ``digest`` binds an approval to these actions on this evidence and these versions.

    An approval of the plan lets each step that it ``covers`` through once; what else the actions name is foreseen, and
    will be asked for in a plan of its own. ``challenger`` is the version to be released, where there is one.
    """

    summary: str
    actions: tuple[Action, ...]
    not_chosen: tuple[Alternative, ...] = ()
    digest: str = ""
    champion: str = ""
    covers: tuple[str, ...] = ()
    challenger: str = ""


@dataclass(frozen=True, slots=True)
class Approval:
    """One yes to one plan, to be used until ``until``: by each step that the plan covers, once.

    ``by`` is the name that was given, ``account`` the operating system's user and host it came from, or the catalogue's
    key where a policy said yes. ``used_by`` are the ids of the steps that it let through.
    """

    plan_digest: str
    by: str
    at: datetime
    until: datetime
    account: str = ""
    used_by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rejection:
    """One person's no to one plan."""

    plan_digest: str
    by: str
    at: datetime
    reason: str
    account: str = ""


class ReleaseStage(StrEnum):
    """How much of the traffic a challenger answers: none that is seen, none for now, a part, all of it, or none any
    more."""

    SHADOW = "shadow"
    IDLE = "idle"
    CANARY = "canary"
    FULL = "full"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class Release:
    """How far ``challenger`` has come; ``champion`` served before, and is what a rollback returns to.

    ``weight`` and ``shadow`` are shares of the traffic, from 0 to 1. Written down before the router is told
    (``reached`` is false: it may or may not do so yet), and again once it does.
    """

    champion: str
    challenger: str
    stage: ReleaseStage
    weight: float = 0.0
    shadow: float = 0.0
    reached: bool = False
    step: str = ""
    reason: str = ""
    since: datetime | None = None

    @property
    def under_way(self) -> bool:
        """Whether somebody has to watch it: the challenger is asked, and neither released in full nor withdrawn."""
        return self.stage in (ReleaseStage.SHADOW, ReleaseStage.CANARY) or not self.reached

    @property
    def serves_nobody(self) -> bool:
        """Whether all traffic is known to go to the champion of before, and nothing is copied."""
        return self.stage in (ReleaseStage.IDLE, ReleaseStage.WITHDRAWN) and self.reached


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """One person's word to go back to the champion of before."""

    by: str
    at: datetime
    reason: str
    account: str = ""
