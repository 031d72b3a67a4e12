"""Is what serves what the registry says, did it change with the drop, and would the version before have been fine?"""

from datetime import UTC, datetime

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict

from triage.diagnosis.scorecard import SHARE, STRENGTH
from triage.drift.concept.replay import ChampionReplay, Counterfactual, counterfactual, replay, which_version
from triage.errors import TriageError, Unmeasurable
from triage.incident import CauseKind, ChangeEvent, ChangeKind, Effect, Evidence, Measure, Source, Verdict
from triage.numbers import moment
from triage.ports import ModelVersion
from triage.reading import windows
from triage.reading.analysis import blocks
from triage.reading.changes import Changes, changes
from triage.reading.features import champion
from triage.reading.labels import labels
from triage.reading.loaded import loaded
from triage.reading.logged import predictions
from triage.reading.losses import model_loss
from triage.reading.part import logged_part
from triage.reading.served_by import served_by
from triage.reading.usual import usual_version
from triage.reading.weight import CLEAR_SHARE
from triage.step import Context, Findings

about = CauseKind.BAD_DEPLOY
effect = Effect.READ
NEW_VERSION_SHARE = 0.05
MOST_VERSIONS = 4


class Params(BaseModel):
    """No parameters: versions are the registry's and the serving log's."""

    model_config = ConfigDict(extra="forbid")


def run(ctx: Context) -> Findings:
    version = champion(ctx)
    if version is None:
        raise Unmeasurable("the champion is not known", hint="run 'triage doctor'")
    healthy, current = windows.healthy(ctx), windows.current(ctx)
    seen = changes(ctx)
    events = _recent(ctx, seen, version)
    arrived = _new_version(ctx, healthy.rows, current.rows)
    found = replay(
        current.rows,
        predictions(ctx, current),
        loaded(ctx, version).predict,
        times=_times(ctx, current.rows),
    )
    measures = [
        Measure("rows_as_the_champion_answers", found.equal, "share of rows"),
        Measure("changes_in_the_window", len(events)),
    ]
    sources = (current.source, Source("model", version.name, version.version))
    if arrived:
        evidence = _new_version_evidence(ctx, version, arrived, measures, sources)
    elif not found.serves_the_champion:
        measures = [*measures, *_cost_of_mismatch(ctx)]
        evidence = _evidence(ctx, Verdict.SUPPORTS, _mismatch(ctx, version, found), measures, sources)
    elif events:
        told = "; ".join(f"{event.statement} at {moment(event.at)}" for event in events[:3])
        said = f"{len(events)} changes in or shortly before the window ({told}), and the answers are the champion's"
        evidence = _evidence(ctx, Verdict.INCONCLUSIVE, said, measures, sources)
    elif seen.missing:
        said = f"the answers are the champion's; whether anything else changed is not known: {seen.missing[0].message}"
        evidence = _evidence(ctx, Verdict.INCONCLUSIVE, said, measures, sources)
    else:
        said = (
            f"version {version.version} serves as before: {found.equal:.1%} of {found.rows} answers are the champion's"
        )
        evidence = _evidence(ctx, Verdict.REFUTES, f"{said}; no deploy in the window", measures, sources)
    return Findings(evidence=(evidence,))


def _evidence(
    ctx: Context, verdict: Verdict, said: str, measures: list[Measure], sources: tuple[Source, ...], subject: str = ""
) -> Evidence:
    return Evidence(
        id="bad_deploy",
        step=ctx.step,
        about=about,
        verdict=verdict,
        statement=said,
        subject=subject,
        measures=tuple(measures),
        sources=sources,
        window=ctx.incident.window,
    )


def _times(ctx: Context, rows: pd.DataFrame) -> pd.Series:
    return rows[ctx.catalog.dataset(ctx.model.serving_log.dataset).time]


def _new_version(ctx: Context, healthy: pd.DataFrame, current: pd.DataFrame) -> str:
    """The version that answers in the incident and hardly did before, or nothing, also where no row told before."""
    column = ctx.model.serving_log.version
    if column is None or column not in current or column not in healthy:
        return ""
    before, now = (pd.Series(served_by(rows[column])) for rows in (healthy, current))
    before, now = (named[named != ""].value_counts(normalize=True) for named in (before, now))
    if not len(before):
        return ""
    grown = now - before.reindex(now.index, fill_value=0.0)
    fresh = grown[grown > NEW_VERSION_SHARE]
    return str(fresh.idxmax()) if len(fresh) else ""


def _new_version_evidence(
    ctx: Context, version: ModelVersion, arrived: str, measures: list[Measure], sources: tuple[Source, ...]
) -> Evidence:
    """A version that came with the drop is guilty as far as the one before it would have done better."""
    rows = windows.current(ctx).rows
    column = ctx.model.serving_log.version
    assert column is not None  # `_new_version` found it
    mine = served_by(rows[column]) == arrived
    first = datetime.fromtimestamp(float(np.min(_times(ctx, rows)[mine].astype("int64")) / _units(ctx, rows)), tz=UTC)
    said = f"version {arrived} serves since {first:%Y-%m-%d %H:%M}"
    subject = f"version {arrived}"
    try:
        gain, drop = _gain(ctx, arrived)
    except TriageError as error:
        strength = Measure(STRENGTH, 0.6)
        said = f"{said}; whether the version before was better is not known: {error.message}"
        return _evidence(ctx, Verdict.SUPPORTS, said, [*measures, strength], sources, subject)
    if not gain.better:
        said = f"{said}; on the same rows the version before would have done no better"
        return _evidence(ctx, Verdict.REFUTES, said, measures, sources)
    if drop > 0:
        measures = [*measures, *_shares(gain, drop)]
        said = f"{said}; on the same rows the version before loses {min(1.0, gain.gain / drop):.0%} less of the drop"
    return _evidence(ctx, Verdict.SUPPORTS, said, measures, sources, subject)


def _units(ctx: Context, rows: pd.DataFrame) -> float:
    return {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}[_times(ctx, rows).dt.unit]


def _gain(ctx: Context, arrived: str) -> tuple[Counterfactual, float]:
    """What the version that served before ``arrived`` saves on the incident's rows, and the drop, in loss per row."""
    registry, name = ctx.ports.registry, ctx.model.registered_model
    older = usual_version(ctx)
    if older is None or older.version == arrived:
        older = next((one for one in registry.versions(name) if _number(one.version) < _number(arrived)), None)
    if older is None:
        raise Unmeasurable("there is no version before it")
    healthy, current = windows.healthy(ctx), windows.current(ctx)
    before, now = labels(ctx, healthy), labels(ctx, current)
    loss = model_loss(ctx)
    logged = pd.Series(predictions(ctx, current), index=current.rows.index)
    gain = counterfactual(
        current.rows,
        np.where(np.isfinite(logged), now.values, np.nan),
        lambda rows: logged[rows.index].to_numpy(),
        loaded(ctx, older).predict,
        loss,
        ctx.rng,
        blocks=blocks(ctx, current),
    )
    drop = np.nanmean(loss(now.values, predictions(ctx, current))) - np.nanmean(
        loss(before.values, predictions(ctx, healthy))
    )
    return gain, float(drop) / logged_part(ctx)


def _cost_of_mismatch(ctx: Context) -> list[Measure]:
    """The share of the drop that goes away where the registry's champion answers; nothing where that is not known."""
    try:
        gain, drop = _gain(ctx, "")
    except TriageError as error:
        ctx.progress(f"what the wrong model costs is not known: {error.message}")
        return []
    return _shares(gain, drop) if drop > 0 else []


def _shares(gain: Counterfactual, drop: float) -> list[Measure]:
    share, low, high = (min(1.0, part / drop) for part in (gain.gain, gain.low, gain.high))
    return [Measure(SHARE, share, "", low, high), Measure(STRENGTH, min(1.0, max(0.0, share) / CLEAR_SHARE))]


def _number(version: str) -> float:
    return float(version) if version.isdigit() else float("inf")


def _mismatch(ctx: Context, version: ModelVersion, found: ChampionReplay) -> str:
    said = f"only {found.equal:.1%} of {found.rows} answers are those of version {version.version}, the champion"
    others = [one for one in ctx.ports.registry.versions(ctx.model.registered_model) if one.version != version.version]
    answering = {}
    for other in others[:MOST_VERSIONS]:
        try:
            answering[other.version] = loaded(ctx, other).predict
        except TriageError as error:
            ctx.progress(f"version {other.version} can't be replayed: {error.message}")
    current = windows.current(ctx)
    best = next(iter(which_version(current.rows, predictions(ctx, current), answering)), None)
    if best is not None and best.equal is not None and best.equal > found.equal and best.equal > 0.5:
        said += f"; {best.equal:.1%} are those of version {best.version}"
    since = f" since {found.onset:%Y-%m-%d %H:%M}" if found.onset else ""
    return said + since


def _recent(ctx: Context, found: Changes, champion: ModelVersion) -> tuple[ChangeEvent, ...]:
    """Deploys within the incident or shortly before it, and the champion's registration if it falls there."""
    window = ctx.incident.window
    since = window.start - window.length / 4
    newly = [
        event
        for event in found.events
        if event.kind is ChangeKind.REGISTERED and event.subject == f"{champion.name} version {champion.version}"
    ]
    return tuple(event for event in (*found.deploys, *newly) if event.at >= since)
