"""A rehearsed incident on live servers: a fault is switched on, and the lab's own alert is waited for."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import httpx

from triage.errors import StepFailed, UsageError
from triage.incident import Alert, Window
from triage.lab.inject import inject
from triage.lab.stack import LabStatus

MODEL = "recommender"
ALERT = "ModelQualityDrop"
LEAST = timedelta(minutes=5)
"""Conversion is a rate over 2 minutes: in a shorter incident much of it would be from before the fault."""
MOST = timedelta(minutes=7)
_ASK_SECONDS = 5.0
_TELL_SECONDS = 60.0


def rehearse(lab: LabStatus, fault: str, progress: Callable[[str], None]) -> tuple[Alert, Window]:
    """Switch ``fault`` on in ``lab`` and wait until its Prometheus fires `ALERT`, at least `LEAST` and at most `MOST`.

    Returns the alert and the incident's window, which begins when the fault did. An alert that does not come is said
    in the summary, and there is something to diagnose all the same. Raises UsageError where the lab has no Prometheus.
    """
    url = lab.url("prometheus")
    if not url:
        ways = "; ".join(f"{one.name}: {one.install}" for one in lab.missing)
        raise UsageError("the lab runs without Prometheus, so nothing can page", hint=ways or "see 'triage doctor'")
    injected = inject(lab.folder, fault)
    progress(f"{fault} is on: {injected.fault.title}")
    minutes = MOST.seconds // 60
    progress(
        f"waiting for {ALERT}, {LEAST.seconds // 60} to {minutes} min: conversion is a rate over 2 min, and in a"
        " shorter incident much of it would be from before the fault"
    )
    began = time.monotonic()
    told = began
    fired: datetime | None = None
    while (waited := time.monotonic() - began) < (LEAST if fired else MOST).total_seconds():
        time.sleep(_ASK_SECONDS)
        if fired is None and (fired := _fired(url)) is not None:
            progress(f"{ALERT} fired after {waited:.0f} s")
        if time.monotonic() - told > _TELL_SECONDS:
            told = time.monotonic()
            progress(f"still waiting after {told - began:.0f} s")
    now = datetime.now(UTC)
    summary = f"{ALERT} fired" if fired else f"{ALERT} has not fired within {minutes} min"
    alert = Alert(ALERT, MODEL, fired or now, summary=summary, origin="triage demo --lab")
    return alert, Window(injected.since, now)


def _fired(url: str) -> datetime | None:
    """When `ALERT` began to fire, or None while it does not."""
    try:
        answer = httpx.get(f"{url}/api/v1/alerts", timeout=10, trust_env=False)
        answer.raise_for_status()
        alerts = answer.json()["data"]["alerts"]
    except (httpx.HTTPError, ValueError, LookupError) as error:
        raise StepFailed(
            f"the lab's Prometheus at {url} does not say what fires: {error}", hint="see its log"
        ) from error
    firing = [one for one in alerts if one["labels"].get("alertname") == ALERT and one["state"] == "firing"]
    return datetime.now(UTC) if firing else None
