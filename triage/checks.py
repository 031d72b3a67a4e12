"""Named checks with typed thresholds: how a playbook branches. Each reads the incident and performs nothing."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from triage.incident import CauseKind, Incident, Verdict


class _Check(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class CauseIs(_Check):
    """The most probable cause is of one of these kinds."""

    check: Literal["cause_is"]
    kinds: list[CauseKind] = Field(min_length=1)
    min_probability: float = Field(0.5, ge=0, le=1)

    def holds(self, incident: Incident) -> bool:
        causes = incident.diagnosis.causes if incident.diagnosis else ()
        return bool(causes) and causes[0].kind in self.kinds and causes[0].probability >= self.min_probability


class DropIsReal(_Check):
    """The KPI got worse by at least this fraction of its healthy level, and its interval leaves out no change."""

    check: Literal["drop_is_real"]
    min_relative: float = Field(0.0, ge=0)

    def holds(self, incident: Incident) -> bool:
        drop = incident.diagnosis.drop if incident.diagnosis else None
        if drop is None or not drop.worse or drop.low <= 0 <= drop.high:
            return False
        return abs(drop.change) >= self.min_relative * abs(drop.healthy)


class EvidenceSays(_Check):
    """At least one piece of evidence about a kind of cause has this verdict."""

    check: Literal["evidence_says"]
    about: CauseKind
    verdict: Verdict

    def holds(self, incident: Incident) -> bool:
        return any(item.about is self.about and item.verdict is self.verdict for item in incident.evidence)


class OutputIs(_Check):
    """A figure that an earlier step put out lies between these limits."""

    check: Literal["output_is"]
    step: str
    name: str
    at_least: float | None = None
    at_most: float | None = None

    def holds(self, incident: Incident) -> bool:
        record = incident.steps.get(self.step)
        value = record.outputs.get(self.name) if record else None
        if not isinstance(value, int | float):
            return False
        return (self.at_least is None or value >= self.at_least) and (self.at_most is None or value <= self.at_most)


class PlanHas(_Check):
    """The plan contains an action of this step."""

    check: Literal["plan_has"]
    action: str

    def holds(self, incident: Incident) -> bool:
        return incident.plan is not None and any(action.step == self.action for action in incident.plan.actions)


Check = Annotated[CauseIs | DropIsReal | EvidenceSays | OutputIs | PlanHas, Field(discriminator="check")]
