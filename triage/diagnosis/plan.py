"""From a diagnosis to the safe next steps, and the reasons against the others."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from triage.codec import digest
from triage.incident import Action, Alternative, Cause, CauseKind, Diagnosis, Effect, Evidence, Plan

RETRAINED = (CauseKind.FEATURE_DRIFT, CauseKind.LABEL_SHIFT, CauseKind.CONCEPT_DRIFT)
"""Causes for which a challenger is trained."""
NOTHING: Mapping[str, str] = MappingProxyType({})
LEAST_CONFIDENCE = 0.5
"""Below this probability of the first cause the plan is to look further, not to change anything."""


def plan(
    diagnosis: Diagnosis,
    model: str,
    champion: str,
    evidence: Sequence[Evidence],
    *,
    previous: str = "",
    too_early: str = "",
    no_champion: str = "",
    routine: bool = False,
    stops: Mapping[str, str] = NOTHING,
) -> Plan:
    """What to do about ``diagnosis``: actions in order, and why not the others.

    ``champion`` names the version that serves now, ``previous`` the one that did before it; ``too_early`` says why the
    newest rows are not fit to train on yet, ``no_champion`` why there is no champion to change. With ``routine`` a
    model that has not got worse is retrained all the same.
    ``stops`` says by step what would end it, where the catalogue decides that.
    """
    cause = diagnosis.causes[0] if diagnosis.causes else None
    drafted = _draft(diagnosis, model, champion)
    if cause is None and routine:
        drafted = _routine(diagnosis, model, champion, too_early)
    if cause is not None and "retrain" in drafted.covers and too_early:
        drafted = _not_yet(cause, model, too_early)
    if cause is not None and cause.kind is CauseKind.BAD_DEPLOY and "rollback" in {one.step for one in drafted.actions}:
        drafted = _to_version(drafted, model, previous)
    if no_champion and drafted.covers:
        drafted = _nothing_to_change(drafted, no_champion)
    actions = tuple(replace(one, stops_if=stops.get(one.step) or one.stops_if) for one in drafted.actions)
    return bound(replace(drafted, actions=actions, champion=champion), evidence)


def bound(drafted: Plan, evidence: Sequence[Evidence]) -> Plan:
    """``drafted`` with the digest that binds an approval to its actions and versions, and to this evidence."""
    return replace(drafted, digest=digest([replace(drafted, digest=""), *evidence]))


def _draft(diagnosis: Diagnosis, model: str, champion: str) -> Plan:
    if not diagnosis.causes and diagnosis.next_check:
        return Plan(
            f"look again before anything is changed: {diagnosis.next_check}",
            (Action("investigate", "Look again", Effect.READ, why=diagnosis.statement, after=diagnosis.next_check),),
            (Alternative("retrain", "it is not known whether the model got worse"),),
        )
    if not diagnosis.causes:
        return Plan(
            f"do nothing: {diagnosis.statement}",
            (_watch(model),),
            (Alternative("retrain", "the model has not got worse"),),
        )
    cause = diagnosis.causes[0]
    if cause.probability < LEAST_CONFIDENCE or cause.kind is CauseKind.UNKNOWN:
        check = diagnosis.next_check or "compare the incident with the newest deploys, and with what changed upstream"
        return Plan(
            f"look further before anything is changed: {check}",
            (Action("investigate", "Look further", Effect.READ, why=diagnosis.statement, after=check),),
            (Alternative("retrain", "no cause is likely enough to act on"),),
        )
    return _REMEDIES[cause.kind](cause, model, champion)


def _subject(cause: Cause) -> str:
    return f"'{cause.subject}'" if cause.subject else "the inputs"


def _watch(model: str) -> Action:
    return Action("watch", f"Keep watching {model}", Effect.READ, why="nothing has to be mended")


def _retrain(cause: Cause, model: str, champion: str) -> Plan:
    moved = f"{_subject(cause)} moved" if cause.kind is CauseKind.FEATURE_DRIFT else "what the inputs mean has changed"
    return Plan(
        f"retrain {model} on the last 7 days, shadow, compare with the champion, then canary at 10% and full release",
        (
            Action(
                "retrain",
                "Retrain on the last 7 days",
                Effect.CHANGE,
                why=f"{moved}: {cause.statement}",
                before=f"{model} version {champion}",
                after="a challenger in the registry, serving nobody",
                blast_radius="none: no traffic",
                expected_gain="up to the cause's share of the drop",
                risk="too few fresh labels; the comparison would show it",
                undo="the challenger is tagged as abandoned; nothing serves it",
                stops_if="too few labels have arrived, or the training job keeps no promise",
                reaches_users=False,
            ),
            Action(
                "shadow",
                "Shadow the challenger",
                Effect.CHANGE,
                why="paired rows need five times fewer requests than a split",
                before=f"version {champion} answers",
                after=f"version {champion} answers, the challenger is asked too",
                blast_radius="none: its answers are thrown away",
                risk="load on the model servers",
                undo="stop mirroring",
                reaches_users=False,
            ),
            Action(
                "canary",
                "Canary at 10%, then full release",
                Effect.CHANGE,
                why="the change is proven on a tenth of the traffic first; approved later, in a plan of its own",
                before=f"100% version {champion}",
                after="10%, 50%, then 100% the challenger",
                blast_radius="a tenth of the traffic at first",
                risk="a segment that the comparison did not cover",
                undo=f"route everything back to version {champion}",
            ),
        ),
        (
            Alternative(
                "roll back", "no recent deploy explains the drop, and the older version saw even less of today's data"
            ),
            Alternative("do nothing", "the drop goes on as long as the inputs stay where they are"),
        ),
        covers=("retrain", "shadow"),
    )


def _routine(diagnosis: Diagnosis, model: str, champion: str, too_early: str) -> Plan:
    """Retrain although nothing got worse: the same actions and gates, and another reason."""
    healthy = Cause(CauseKind.UNKNOWN, "", 1.0, None, diagnosis.statement)
    if too_early:
        return _not_yet(healthy, model, too_early)
    plan = _retrain(healthy, model, champion)
    why = f"a routine refresh on the newest rows; nothing got worse: {diagnosis.statement}"
    first = replace(plan.actions[0], why=why, expected_gain="no harm; a gain only where the world has moved a little")
    other = (Alternative("do nothing", "the schedule of the catalogue asks for a challenger, and it has to win"),)
    return replace(plan, summary=f"routine: {plan.summary}", actions=(first, *plan.actions[1:]), not_chosen=other)


def _not_yet(cause: Cause, model: str, why: str) -> Plan:
    return Plan(
        f"do not retrain {model} yet: {why}",
        (Action("wait", "Wait for fresh rows", Effect.READ, why=cause.statement, after=why),),
        (
            Alternative("retrain now", f"{why}; too early a retrain learns the middle of a change"),
            Alternative("roll back", "no recent deploy explains the drop"),
        ),
    )


def _nothing_to_change(drafted: Plan, why: str) -> Plan:
    return Plan(
        f"look further before anything is changed: {why}",
        (
            Action(
                "investigate",
                "Find out what serves",
                Effect.READ,
                why=why,
                after="the catalogue's registry, registered_model and alias name the version that serves",
            ),
        ),
        (Alternative(drafted.actions[0].step, "there is no champion in the registry that it could be compared with"),),
    )


def _to_version(drafted: Plan, model: str, previous: str) -> Plan:
    """The roll-back with the version it goes to: without one nobody can approve it."""
    if not previous:
        return drafted
    (action,) = drafted.actions
    action = replace(action, after=f"version {previous}", params={"version": previous})
    return replace(drafted, summary=f"roll {model} back to version {previous}", actions=(action,), covers=("rollback",))


def _mend_upstream(what: str) -> Callable[[Cause, str, str], Plan]:
    def draft(cause: Cause, model: str, champion: str) -> Plan:
        return Plan(
            f"do not retrain {model}: {what}",
            (
                Action(
                    "mend_upstream",
                    what[0].upper() + what[1:],
                    Effect.CHANGE,
                    why=cause.statement,
                    before=f"{_subject(cause)} as it arrives now",
                    after=f"{_subject(cause)} as the model was trained on it",
                    blast_radius=f"everything that reads {_subject(cause)}",
                    risk="a fix that changes past data as well",
                    undo="by the owner of the source",
                ),
            ),
            (
                Alternative("retrain", "the model would learn the fault, and be wrong once it is mended"),
                Alternative("roll back", "every version reads the same inputs"),
            ),
        )

    return draft


def _mend_infrastructure(cause: Cause, model: str, champion: str) -> Plan:
    what = cause.subject or "the infrastructure"
    return Plan(
        f"do not retrain {model}: mend the infrastructure first",
        (
            Action(
                "mend_upstream",
                "Mend the infrastructure first",
                Effect.CHANGE,
                why=cause.statement,
                before=f"{what} as it is now",
                after=f"{what} back within its objective",
                blast_radius="all that the same servers serve",
                risk="a restart or a roll-back of the platform drops requests of its own",
                undo="by the owner of the service",
            ),
        ),
        (
            Alternative("retrain", "no model answers well on servers that fail; the data did not change"),
            Alternative("roll back", "every version is served by the same infrastructure"),
        ),
    )


def _roll_back(cause: Cause, model: str, champion: str) -> Plan:
    return Plan(
        f"roll {model} back to the version before {champion}",
        (
            Action(
                "rollback",
                "Roll back to the previous champion",
                Effect.CHANGE,
                why=cause.statement,
                before=f"version {champion}",
                after="the previous champion",
                blast_radius="all traffic",
                expected_gain="the cause's share of the drop",
                risk="whatever the deploy was meant to mend comes back",
                undo=f"promote version {champion} again through the gates",
                stops_if="the previous version can't be loaded",
            ),
        ),
        (Alternative("retrain", "the data is as it was; the version is not"),),
    )


def _wait(reason: str) -> Callable[[Cause, str, str], Plan]:
    def draft(cause: Cause, model: str, champion: str) -> Plan:
        return Plan(
            f"leave {model} as it is: {reason}",
            (_watch(model),),
            (Alternative("retrain", reason), Alternative("roll back", reason)),
        )

    return draft


_REMEDIES: dict[CauseKind, Callable[[Cause, str, str], Plan]] = {
    CauseKind.INFRASTRUCTURE: _mend_infrastructure,
    CauseKind.DATA_QUALITY: _mend_upstream("mend the broken data at its source"),
    CauseKind.SERVING_SKEW: _mend_upstream("make serving compute its features as training did"),
    CauseKind.FEATURE_DRIFT: _retrain,
    CauseKind.LABEL_SHIFT: _retrain,
    CauseKind.CONCEPT_DRIFT: _retrain,
    CauseKind.BAD_DEPLOY: _roll_back,
    CauseKind.LABEL_FAULT: _mend_upstream("mend the labels, and measure again"),
    CauseKind.SEASONAL: _wait("the same happens in healthy windows of the same season"),
}
