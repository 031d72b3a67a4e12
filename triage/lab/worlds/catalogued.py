"""The catalogue of a world and its recorded metrics, written as a customer would have them."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from triage.lab.worlds.signals import Signal


def write_catalog(path: Path, title: str, document: dict[str, Any]) -> None:
    """Write ``document`` as YAML below ``title``, a comment."""
    body = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=110)
    path.write_text(f"# {title}\n{body}", encoding="utf-8")


def write_metrics(folder: Path, signals: Sequence[Signal]) -> None:
    """Save each signal as the answer of a range query; a NaN is a moment without a sample."""
    folder.mkdir()
    index = {}
    for signal in signals:
        kept = np.isfinite(signal.values)
        samples = [[time, f"{value:.6g}"] for time, value in zip(signal.times[kept], signal.values[kept], strict=True)]
        result = [{"metric": {}, "values": samples}]
        body = {"status": "success", "data": {"resultType": "matrix", "result": result}}
        (folder / f"{signal.name}.json").write_text(json.dumps(body), encoding="utf-8")
        index[signal.query] = f"{signal.name}.json"
    (folder / "index.json").write_text(json.dumps(index, indent=2), encoding="utf-8")
