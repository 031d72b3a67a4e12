"""The lab's Envoy, in front of two groups of one model server each, as the product's own router drives it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from triage.adapters import rollout_file
from triage.adapters.envoy import EnvoyRouter
from triage.adapters.envoy_config import bootstrap
from triage.catalog import EnvoyRouting
from triage.lab.folder import LabFolder
from triage.lab.process import Spec

GROUPS = ("blue", "green")
_HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class EnvoyPlan:
    """Envoy for ``model``, in ``folder``; ``servers`` are the ports of the model servers by group."""

    folder: Path
    model: str
    port: int
    admin_port: int
    servers: Mapping[str, int]

    @property
    def url(self) -> str:
        return f"http://{_HOST}:{self.port}"

    @property
    def routing(self) -> EnvoyRouting:
        """What the lab's catalogue says of it."""
        return EnvoyRouting(
            kind="envoy",
            folder=str(self.folder),
            admin=f"http://{_HOST}:{self.admin_port}",
            servers={group: (f"http://{_HOST}:{port}",) for group, port in self.servers.items()},
        )


def folder_of(lab: LabFolder) -> Path:
    return lab.run / "envoy"


def render(plan: EnvoyPlan, champion: str) -> None:
    """Write the first rollout spec (``champion`` on blue), and everything that Envoy starts with."""
    EnvoyRouter(plan.model, plan.routing).start_with(champion, GROUPS[0], "lab")
    text = bootstrap(plan.folder, plan.model, listen=(_HOST, plan.port), admin=(_HOST, plan.admin_port))
    (plan.folder / "envoy.json").write_text(text, encoding="utf-8")


def spec(plan: EnvoyPlan, binary: str) -> Spec:
    return Spec(
        name="envoy",
        argv=(
            binary,
            "--config-path",
            str(plan.folder / "envoy.json"),
            "--concurrency",
            "1",
            "--log-level",
            "warn",
            "--disable-hot-restart",
        ),
        ready_url=f"{plan.routing.admin}/ready",
        url=plan.url,
    )


def live(lab: LabFolder) -> str:
    """The group that the champion's users reach."""
    committed = rollout_file.read(folder_of(lab) / rollout_file.NAME)
    return committed.champion_on if committed is not None else GROUPS[0]


def version_for(lab: LabFolder, group: str) -> str:
    """The version that the committed spec gives ``group``: the champion's for one that stands by; nothing without."""
    committed = rollout_file.read(folder_of(lab) / rollout_file.NAME)
    if committed is None:
        return ""
    rollout = committed.rollout
    return rollout.challenger if rollout.challenger and group == committed.challenger_on else rollout.champion
