"""A Prometheus of the lab's own: its configuration, its rules and how it is started."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from triage.lab.process import Spec


@dataclass(frozen=True, slots=True)
class Target:
    """One endpoint to scrape. ``instance`` is its name, because ports differ from run to run."""

    job: str
    instance: str
    port: int
    path: str = "/metrics"


@dataclass(frozen=True, slots=True)
class PrometheusPlan:
    """``rules`` maps file names to rule documents, written into ``folder/rules``; more may be put there later."""

    folder: Path
    port: int
    targets: Sequence[Target]
    alertmanager_port: int | None = None
    scrape_seconds: int = 2
    rules: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def storage(self) -> Path:
        return self.folder / "tsdb"

    @property
    def rules_folder(self) -> Path:
        return self.folder / "rules"


def render(plan: PrometheusPlan) -> None:
    """Write ``prometheus.yml`` and the rule files."""
    plan.rules_folder.mkdir(parents=True, exist_ok=True)
    plan.storage.mkdir(exist_ok=True)
    for name, rules in plan.rules.items():
        (plan.rules_folder / name).write_text(yaml.safe_dump(dict(rules), sort_keys=False), encoding="utf-8")
    jobs: dict[tuple[str, str], list[Target]] = {}
    for target in plan.targets:
        jobs.setdefault((target.job, target.path), []).append(target)
    every = f"{plan.scrape_seconds}s"
    document: dict[str, Any] = {
        "global": {"scrape_interval": every, "scrape_timeout": every, "evaluation_interval": every},
        "rule_files": [str(plan.rules_folder / "*.yml")],
        "scrape_configs": [
            {
                "job_name": job,
                "metrics_path": path,
                "static_configs": [
                    {"targets": [f"127.0.0.1:{target.port}"], "labels": {"instance": target.instance}}
                    for target in targets
                ],
            }
            for (job, path), targets in jobs.items()
        ],
    }
    if plan.alertmanager_port is not None:
        document["alerting"] = {
            "alertmanagers": [{"static_configs": [{"targets": [f"127.0.0.1:{plan.alertmanager_port}"]}]}]
        }
    (plan.folder / "prometheus.yml").write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")


def spec(plan: PrometheusPlan, binary: str) -> Spec:
    return Spec(
        name="prometheus",
        argv=(
            binary,
            f"--config.file={plan.folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={plan.storage}",
            "--storage.tsdb.retention.time=60d",
            f"--web.listen-address=127.0.0.1:{plan.port}",
            f"--web.external-url={plan.url}",
            "--web.enable-lifecycle",
            "--rules.alert.resend-delay=5s",
            "--log.level=warn",
        ),
        ready_url=f"{plan.url}/-/ready",
        url=plan.url,
    )
