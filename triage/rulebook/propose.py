"""The rules that would have caught an incident sooner, proven on what is known of the time before it."""

from collections.abc import Mapping

from triage.drift.profiles.edges import Kind
from triage.errors import Refused, TriageError, near
from triage.incident import Window
from triage.prevention.backtest import Occasion
from triage.prevention.nouns import Proposal
from triage.prevention.propose import propose
from triage.prevention.signals import at_threshold, signals
from triage.reading.features import features
from triage.step import Context
from triage.watch.history import REACH, histories

MOST_FALSE_ALARMS = 1.0


def proposed(
    ctx: Context,
    *,
    by_hand: Mapping[str, float] | None = None,
    without: tuple[str, ...] = (),
    apart: tuple[Window, ...] = (),
) -> Proposal:
    """A proposal for the context's incident; nothing is written.

    ``by_hand`` are thresholds by rule, ``without`` rules that are not wanted, ``apart`` windows of other incidents, in
    which nothing that fires is a false alarm. Raises Refused before there is a diagnosis, and for a rule that is none.
    """
    incident = ctx.incident
    if incident.diagnosis is None:
        raise Refused(
            f"{incident.id} has no diagnosis, so nothing can be prevented yet",
            hint=f"'triage resume {incident.id}' goes on with it",
        )
    names, categories = _features(ctx)
    found = signals(ctx.model, incident, names, categories)
    for name in (*(by_hand or {}), *without):
        if name not in {one.name for one in found}:
            listing = "'triage rules preview' lists them"
            raise Refused(
                f"no rule '{name}' for {incident.id}", hint=near(name, [one.name for one in found], listing=listing)
            )
    wanted = tuple(
        at_threshold(one, by_hand[one.name]) if by_hand and one.name in by_hand else one
        for one in found
        if one.name not in without
    )
    policy = ctx.catalog.prevention
    most = policy.max_false_alarms if policy else MOST_FALSE_ALARMS
    past = histories(ctx, wanted)
    return propose(incident, wanted, past, occasion(ctx, apart), most_false_alarms=most, by_hand=by_hand)


def occasion(ctx: Context, apart: tuple[Window, ...] = ()) -> Occasion:
    """The incident, and the healthy time before it, up to when the KPI began to move."""
    incident = ctx.incident
    drop = incident.diagnosis.drop if incident.diagnosis else None
    begins = [incident.window.start - ctx.model.windows.gap]
    if drop is not None and drop.onset_low is not None and drop.worse:
        begins.append(drop.onset_low)
    end = min(begins)
    healthy = Window(incident.window.start - REACH, end)
    return Occasion(healthy, incident.window, incident.alert.starts_at, apart)


def _features(ctx: Context) -> tuple[tuple[str, ...], frozenset[str]]:
    """What `triage watch` exposes, and which of it are categories; nothing where no feature is known."""
    try:
        known = features(ctx)
    except TriageError as error:
        ctx.progress(f"no rule for a feature: {error.message}")
        return (), frozenset()
    names = known.names[: ctx.model.watch.max_features]
    return names, frozenset(name for name in names if known.kinds.get(name) in (Kind.CATEGORICAL, Kind.BOOLEAN))
