"""History for a Prometheus that has not started yet: OpenMetrics text into blocks, by promtool."""

import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from triage.errors import DataError

_BLOCK = "48h"  # the default of 2 h takes seven times as long


@dataclass(frozen=True, slots=True)
class History:
    """One series: ``times`` in Unix seconds, ascending, and ``values`` beside them, both (n,); NaN is a gap."""

    name: str
    labels: Mapping[str, str]
    times: np.ndarray
    values: np.ndarray


def write_openmetrics(path: Path, series: Iterable[History]) -> int:
    """Write ``series``, each metric's together, as OpenMetrics text; returns the number of samples.

    Everything is declared ``unknown``: promtool reads samples only, and names like ``x_bucket`` would otherwise have
    to come as whole histograms.
    """
    families: dict[str, list[History]] = {}
    for one in series:
        families.setdefault(one.name, []).append(one)
    samples = 0
    with path.open("w", encoding="utf-8") as out:
        for name, members in families.items():
            out.write(f"# TYPE {name} unknown\n")
            for one in members:
                labels = ",".join(f'{key}="{escape(value)}"' for key, value in one.labels.items())
                there = np.isfinite(one.values)
                pairs = zip(one.times[there].tolist(), one.values[there].tolist(), strict=True)
                out.writelines(f"{name}{{{labels}}} {value:.9g} {at:.3f}\n" for at, value in pairs)
                samples += int(there.sum())
        out.write("# EOF\n")
    return samples


def create_blocks(promtool: str, openmetrics: Path, storage: Path) -> None:
    """Turn the text into blocks in ``storage``, where a Prometheus that starts afterwards finds them at once.

    Raises DataError with promtool's words.
    """
    storage.mkdir(parents=True, exist_ok=True)
    command = [promtool, "tsdb", "create-blocks-from", "openmetrics", f"--max-block-duration={_BLOCK}", "--quiet"]
    done = subprocess.run(
        [*command, str(openmetrics), str(storage)], capture_output=True, text=True, timeout=300, check=False
    )
    if done.returncode:
        raise DataError(
            f"promtool could not make a history: {done.stderr.strip()[-300:]}",
            hint=f"'promtool tsdb create-blocks-from openmetrics {openmetrics}' shows all of it",
        )


def escape(value: str) -> str:
    """A label's value as OpenMetrics writes it."""
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
