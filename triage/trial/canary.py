"""A canary: the verdict of each interval, and what to do next. Both pure; a thin loop elsewhere does it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from triage.trial.guardrail import Guardrail, GuardrailResult, Look, judge_guardrail, judge_split
from triage.trial.serving import ServiceLevel, judge_level
from triage.trial.verdict import TrialVerdict, combine


@dataclass(frozen=True, slots=True)
class CanaryStep:
    """One interval's verdict with everything it rests on; ``weight`` is the challenger's share of traffic."""

    at: datetime
    weight: float
    verdict: TrialVerdict
    results: tuple[GuardrailResult, ...]
    reasons: tuple[str, ...]


def judge_step(
    guardrails: Sequence[Guardrail],
    looks: Mapping[str, Sequence[Look]],
    *,
    stage_started_at: datetime,
    now: datetime,
    weight: float,
    service_levels: Sequence[ServiceLevel] = (),
    requests: tuple[float, float] | None = None,
    confidence: float = 0.95,
) -> CanaryStep:
    """The verdict of the interval that ends ``now``, from all looks of this stage (by the guardrail's name).

    The error rate ``1 - confidence`` is for the stage as a whole, all looks and guardrails together. ``requests`` are
    those of champion and challenger in this stage; with them the router's split is checked against ``weight``.
    """
    each = 1 - (1 - confidence) / max(1, len(guardrails))
    results = [
        judge_guardrail(
            guardrail, looks.get(guardrail.name, ()), stage_started_at=stage_started_at, now=now, confidence=each
        )
        for guardrail in guardrails
    ]
    results += [judge_level(level) for level in service_levels]
    if requests is not None and 0 < weight < 1:
        results.append(judge_split(*requests, weight=weight))
    due = [result for result in results if result.due_at is None]
    verdict = combine([result.verdict for result in due])
    waiting = any(result.due_at is not None and result.needed_to_promote for result in results)
    needed = [result.verdict for result in due if result.needed_to_promote]
    if verdict is TrialVerdict.INCONCLUSIVE and needed:
        verdict = combine(needed)
    if waiting and (verdict is TrialVerdict.PASS or not due):
        verdict = TrialVerdict.INCONCLUSIVE
    decisive = [result.statement for result in results if result.verdict is verdict or result.due_at is not None]
    return CanaryStep(now, weight, verdict, tuple(results), tuple(decisive) or ("no guardrail is declared",))


class Move(StrEnum):
    CONTINUE = "continue"
    PROMOTE = "promote"
    HOLD = "hold"
    ROLL_BACK = "roll_back"


@dataclass(frozen=True, slots=True)
class Limits:
    """How many verdicts of a kind in a row it takes. ``inconclusive`` None: as many as there are until the horizon.

    ``after_no_data`` and ``after_errors`` say what an unmeasured canary gets: to hold its weight and wait for a person,
    or to be rolled back. It is never promoted. Verdicts without a measurement do not break a row of failures.
    """

    passes: int = 1
    fails: int = 1
    inconclusive: int | None = None
    no_data: int = 3
    errors: int = 5
    min_steps: int = 5
    horizon_steps: int = 48
    after_no_data: Move = Move.HOLD
    after_errors: Move = Move.HOLD

    def __post_init__(self) -> None:
        counts = (self.passes, self.fails, self.no_data, self.errors, self.min_steps, self.horizon_steps)
        if min(counts) < 1 or (self.inconclusive is not None and self.inconclusive < 1):
            raise ValueError("every limit of a canary is at least 1")
        if {self.after_no_data, self.after_errors} - {Move.HOLD, Move.ROLL_BACK}:
            raise ValueError("a canary that can't be measured may only hold or roll back")
        if self.min_steps > self.horizon_steps:
            raise ValueError(f"min_steps {self.min_steps} lies beyond the horizon of {self.horizon_steps} steps")


@dataclass(frozen=True, slots=True)
class Decision:
    """``in_a_row`` is how often the last verdict came in a row; ``steps`` how many there were in this stage."""

    move: Move
    reason: str
    steps: int
    in_a_row: int


def decide(history: Sequence[TrialVerdict], limits: Limits) -> Decision:
    """What to do after the verdicts of one stage, oldest first; the same history always gives the same decision.

    A roll-back is final. A promotion is not: while a gate waits for a person the guardrails go on, and a later failure
    still rolls back. At the horizon without a pass it holds; a pass after that is for a person to see.
    """
    state = _State()
    for verdict in history:
        state.see(verdict, limits)
        if state.move is Move.ROLL_BACK:
            break
    return Decision(state.move, state.reason, state.steps, state.in_a_row)


class _State:
    """The fold over verdicts; lives only inside `decide`."""

    def __init__(self) -> None:
        self.move, self.reason = Move.CONTINUE, "no interval has ended yet"
        self.steps = self.in_a_row = self.fails = self.unmeasured = 0
        self.last: TrialVerdict | None = None
        self.proved = False

    def see(self, verdict: TrialVerdict, limits: Limits) -> None:
        self.steps += 1
        self.in_a_row = self.in_a_row + 1 if verdict is self.last else 1
        self.last = verdict
        measured = verdict not in (TrialVerdict.NO_DATA, TrialVerdict.ERROR)
        self.unmeasured = 0 if measured else self.unmeasured + 1
        if verdict is TrialVerdict.FAIL:
            self.fails += 1
        elif measured:
            self.fails = 0
        self.move, self.reason = self._next(verdict, limits)

    def _next(self, verdict: TrialVerdict, limits: Limits) -> tuple[Move, str]:
        row = self.in_a_row
        if self.fails >= limits.fails and verdict is TrialVerdict.FAIL:
            return Move.ROLL_BACK, f"failed {self.fails} times (limit {limits.fails})"
        if verdict is TrialVerdict.NO_DATA and row >= limits.no_data:
            return limits.after_no_data, f"no data {row} times in a row (limit {limits.no_data})"
        if verdict is TrialVerdict.ERROR and row >= limits.errors:
            return limits.after_errors, f"could not be measured {row} times in a row (limit {limits.errors})"
        if self.unmeasured >= limits.no_data + limits.errors:
            return Move.HOLD, f"neither data nor answers for {self.unmeasured} intervals"
        ready = verdict is TrialVerdict.PASS and row >= limits.passes and self.steps >= limits.min_steps
        self.proved = self.proved or (ready and self.steps <= limits.horizon_steps)
        if ready and self.proved:
            return Move.PROMOTE, f"passed {row} times in a row (limit {limits.passes}) after {self.steps} intervals"
        if self.steps >= limits.horizon_steps:
            return Move.HOLD, f"the horizon of {limits.horizon_steps} intervals is reached; last verdict {verdict}"
        if verdict is TrialVerdict.INCONCLUSIVE and limits.inconclusive is not None and row >= limits.inconclusive:
            return Move.HOLD, f"inconclusive {row} times in a row (limit {limits.inconclusive})"
        return Move.CONTINUE, f"{verdict} after {self.steps} of {limits.horizon_steps} intervals"
