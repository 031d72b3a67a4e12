"""The catalogue of a world and its recorded metrics, written as a customer would have them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from triage.adapters.recorded import save
from triage.lab.worlds.registered import ALIAS, DATABASE
from triage.lab.worlds.signals import Signal
from triage.ports import Series

METRICS = "metrics"
RULES = "rules"


@dataclass(frozen=True, slots=True)
class Recorded:
    """Everything a world's Prometheus answers: the KPI, the service levels, and the changes that did not happen."""

    kpi: Signal
    levels: tuple[Signal, ...]
    changes: Signal


def catalog_of(
    model: str,
    recorded: Recorded,
    datasets: Mapping[str, Mapping[str, str]],
    features: Mapping[str, Mapping[str, Any]],
    **rest: Any,
) -> dict[str, Any]:
    """The catalogue of a folder with one model; ``rest`` are the model's other entries."""
    kpi = recorded.kpi
    return {
        "version": 1,
        "prometheus": {"recorded": METRICS},
        "prevention": {"folder": RULES},
        "registry": {"uri": f"sqlite:///{DATABASE}"},
        "datasets": {name: dict(dataset) for name, dataset in datasets.items()},
        "models": {
            model: {
                "registered_model": model,
                "alias": ALIAS,
                "task": "classification",
                "kpi": {
                    "name": kpi.name,
                    "query": kpi.query,
                    "direction": kpi.direction,
                    "target": kpi.target,
                    "unit": kpi.unit,
                    "step": "1h",
                    "per_row": kpi.kind,
                },
                "service_levels": [level.catalogued() for level in recorded.levels],
                "changes": [recorded.changes.query],
                **rest,
                "features": {name: dict(feature) for name, feature in features.items()},
                "playbooks": {"default": "model_quality_drop"},
            }
        },
    }


def by_source(sources: Mapping[str, str], segments: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Feature entries from ``sources``, source to its features' names in one string."""
    features: dict[str, dict[str, Any]] = {}
    for source, names in sources.items():
        for name in names.split():
            features[name] = {"source": source}
            if name in segments:
                features[name] = {"type": "categorical", "segment": True, "source": source}
    return features


def write_catalog(path: Path, title: str, document: dict[str, Any]) -> None:
    """Write ``document`` as YAML below ``title``, a comment."""
    if (folder := document.get("prevention", {}).get("folder")) == RULES:
        (path.parent / folder).mkdir(exist_ok=True)
    body = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=110)
    path.write_text(f"# {title}\n{body}", encoding="utf-8")


def write_metrics(folder: Path, recorded: Recorded) -> None:
    """Save each signal as the answer of a range query."""
    signals = (recorded.kpi, *recorded.levels, recorded.changes)
    save(folder, {signal.query: [Series({}, signal.times, signal.values.round(9))] for signal in signals})
