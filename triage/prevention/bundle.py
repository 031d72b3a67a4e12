"""Every file that a proposal becomes, by its name below the rules folder. The rule file is the only one Prometheus
reads: the others lie in a folder of their own, which its globs do not enter."""

from dataclasses import dataclass

from triage.catalog import Model
from triage.prevention import cases, dashboard, openslo, route, rule_file
from triage.prevention.nouns import Proposal

BESIDE = "triage"
"""The folder of what is not for Prometheus."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What the catalogue says of what is written: ``{alert}`` in the runbook's address stands for the alert's name."""

    runbook_url: str = ""
    receiver: str = "triage"
    webhook_url: str = "http://127.0.0.1:9097/alertmanager"


@dataclass(frozen=True, slots=True)
class Bundle:
    """``files`` by name; ``rules`` and ``tests`` are the rule file of this proposal alone, and the cases for it."""

    files: dict[str, str]
    rules: str
    tests: str


def bundle(proposal: Proposal, model: Model, settings: Settings, before: str = "") -> Bundle:
    """``before`` is what the rule file holds now, with the rules of earlier incidents."""
    name = rule_file.file_name(model.name)
    beside = f"{BESIDE}/{rule_file.slug(model.name)}"
    alone = rule_file.render(proposal, model, settings.runbook_url)
    tests = cases.render(proposal, model, name, settings.runbook_url)
    return Bundle(
        files={
            name: rule_file.render(proposal, model, settings.runbook_url, before),
            f"{beside}.dashboard.json": dashboard.render(proposal, model),
            f"{beside}.openslo.yaml": openslo.render(model, proposal.incident),
            f"{beside}.route.yaml": route.render(model.name, settings.receiver, settings.webhook_url),
        },
        rules=alone,
        tests=tests,
    )
