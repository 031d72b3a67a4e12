"""Faults for a lab that runs: switched on by name, watched by its servers, switched off by `clear`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from triage.errors import NotFound, UsageError, near
from triage.incident import CauseKind
from triage.lab import envoy, switches
from triage.lab.folder import LabFolder
from triage.lab.stack import LabStatus, running


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault that can be switched on. ``cause`` is what a right diagnosis calls it; None where nothing is wrong."""

    name: str
    title: str
    cause: CauseKind | None
    watch: str
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Injected:
    """A fault that is on. ``watch`` says where it will show."""

    fault: Fault
    since: datetime
    settings: Mapping[str, Any]

    @property
    def watch(self) -> str:
        return self.fault.watch


def _fault(name: str, title: str, cause: CauseKind | None, watch: str, **settings: Any) -> Fault:
    return Fault(name, title, cause, watch, settings)


FAULTS: Mapping[str, Fault] = {
    fault.name: fault
    for fault in (
        _fault(
            "latency",
            "The model server answers late",
            CauseKind.INFRASTRUCTURE,
            "latency_p99 within a minute; InferenceSlow fires",
            seconds=0.4,
            slot="live",
        ),
        _fault(
            "errors",
            "The model server fails a share of its requests",
            CauseKind.INFRASTRUCTURE,
            "error_ratio within a minute; InferenceErrors fires",
            severity=0.2,
            slot="live",
        ),
        _fault(
            "crash_loop",
            "The model server dies again and again",
            CauseKind.INFRASTRUCTURE,
            "up, restarts and throughput; InferenceAbsent fires",
            seconds=3.0,
            slot="live",
        ),
        _fault(
            "feature_store_outage",
            "The profile service is away, its features are defaults",
            CauseKind.DATA_QUALITY,
            "feature_freshness rises; the profile's columns are constant",
        ),
        _fault(
            "null_flood",
            "A column arrives empty",
            CauseKind.DATA_QUALITY,
            "nulls of item_rating",
            feature="item_rating",
            severity=0.8,
        ),
        _fault(
            "unit_change",
            "A price arrives in cents",
            CauseKind.DATA_QUALITY,
            "range and median of item_price_eur",
            feature="item_price_eur",
            factor=100.0,
        ),
        _fault(
            "category_rename",
            "A category arrives under another name",
            CauseKind.DATA_QUALITY,
            "unseen values of device_type",
            feature="device_type",
        ),
        _fault(
            "location_campaign",
            "A campaign brings visitors from a region the champion hardly knows",
            CauseKind.FEATURE_DRIFT,
            "conversion falls; user_location drifts",
            severity=0.5,
        ),
        _fault(
            "concept_flip",
            "Offers that fit their visitor best no longer sell",
            CauseKind.CONCEPT_DRIFT,
            "conversion falls, no feature moves",
            feature="user_item_affinity",
            above=0.4,
            severity=0.6,
        ),
        _fault(
            "bad_model_version",
            "A worse version is registered, made the champion and deployed",
            CauseKind.BAD_DEPLOY,
            "conversion falls when model_version changes",
        ),
        _fault(
            "serving_skew",
            "The server computes a feature otherwise than the pipeline",
            CauseKind.SERVING_SKEW,
            "user_item_affinity differs between impressions and pipeline",
            feature="user_item_affinity",
            rows_late=5,
        ),
        _fault(
            "label_delay",
            "Labels arrive an hour late",
            CauseKind.LABEL_FAULT,
            "conversion seems to fall, labels are missing",
            seconds=3600.0,
        ),
        _fault(
            "traffic_drop",
            "Most visitors stay away",
            None,
            "throughput falls, conversion stays",
            factor=0.2,
        ),
        _fault(
            "harmless_season",
            "The weather turns",
            None,
            "outdoor_temperature_c moves, conversion stays",
            feature="outdoor_temperature_c",
            severity=2.0,
        ),
    )
}


def inject(folder: Path, name: str, **settings: Any) -> Injected:
    """Switch ``name`` on in the lab of ``folder``; ``settings`` replace the fault's own.

    Raises NotFound for an unknown fault or a lab that does not run, UsageError for a setting the fault has not.
    """
    found = running(folder)
    fault = FAULTS.get(name)
    if fault is None:
        raise NotFound(f"no fault {name!r}", hint=near(name, FAULTS, listing=f"there are: {', '.join(FAULTS)}"))
    unknown = sorted(set(settings) - set(fault.settings))
    if unknown:
        listing = f"it has: {', '.join(fault.settings) or 'none'}"
        raise UsageError(
            f"{name} has no setting {unknown[0]!r}", hint=near(unknown[0], fault.settings, listing=listing)
        )
    lab = LabFolder(found.folder)
    chosen = {
        **fault.settings,
        **{key: _like(name, key, fault.settings[key], value) for key, value in settings.items()},
    }
    if name != "harmless_season" and not 0 <= chosen.get("severity", 0) <= 1:
        raise UsageError(f"{name}: a severity of {chosen['severity']:g} is no share", hint="give a number from 0 to 1")
    if "feature" in settings:
        _check_feature(lab, name, chosen)
    if "slot" in chosen:
        chosen["slot"] = _slot(lab, name, chosen["slot"])
    if name == "bad_model_version":
        from triage.lab.bad_version import deploy_bad_version

        already = next((one for one in found.faults if one.name == name), None)
        chosen = dict(already.settings) if already else deploy_bad_version(lab, found.url(envoy.live(lab)))
    on = switches.switch_on(lab, name, chosen)
    return Injected(fault, on.since, on.settings)


def _slot(lab: LabFolder, fault: str, wanted: str) -> str:
    """The group of servers called ``wanted``, by default the one that the champion's users reach. Raises UsageError."""
    if wanted not in ("live", *envoy.GROUPS):
        raise UsageError(f"{fault}: there is no slot {wanted!r}", hint=f"live, or one of: {', '.join(envoy.GROUPS)}")
    return envoy.live(lab) if wanted == "live" else wanted


def _like(fault: str, key: str, usual: Any, value: Any) -> Any:
    """``value`` in the type of the fault's own setting; text from a command line is read. Raises UsageError."""
    if isinstance(usual, str):
        return str(value)
    try:
        return type(usual)(value)
    except (TypeError, ValueError):
        raise UsageError(f"{fault}: {key} is a number, not {value!r}", hint=f"for example {key}={usual}") from None


def _check_feature(lab: LabFolder, fault: str, chosen: Mapping[str, Any]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pq.read_schema(next((lab.world / "training").glob("*.parquet")))
    feature = chosen["feature"]
    if feature not in schema.names:
        raise UsageError(f"{fault}: there is no feature {feature!r}", hint=near(feature, schema.names))
    is_text = pa.types.is_string(schema.field(feature).type)
    if is_text != (fault == "category_rename") and fault != "null_flood":
        kind, usual = "text" if is_text else "numbers", FAULTS[fault].settings["feature"]
        raise UsageError(f"{fault} can't change {feature!r}, which holds {kind}", hint=f"for example feature={usual}")


def clear(folder: Path, name: str | None = None) -> tuple[str, ...]:
    """Switch ``name`` (None: every fault) off; returns the names of those that were on."""
    found = running(folder)
    if name is not None and name not in FAULTS:
        raise NotFound(f"no fault {name!r}", hint=near(name, FAULTS, listing=f"there are: {', '.join(FAULTS)}"))
    lab = LabFolder(found.folder)
    off = [one for one in found.faults if name in (None, one.name)]
    for one in off:
        if one.name == "bad_model_version":
            from triage.lab.bad_version import withdraw_bad_version

            withdraw_bad_version(lab, found.url(envoy.live(lab)), one.settings)
        switches.switch_off(lab, one.name)
    return tuple(one.name for one in off)


__all__ = ["FAULTS", "Fault", "Injected", "LabStatus", "clear", "inject"]
