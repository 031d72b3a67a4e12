"""Where prevention rules are written, and what they say of themselves."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from triage.catalog.connections import Url
from triage.catalog.fields import Name, Part, RelativePath
from triage.document import Wrong


def _reload_address(url: str) -> str:
    if not url.rstrip("/").endswith("/-/reload"):
        raise Wrong("is no address that reloads Prometheus", "write it as http://prometheus:9090/-/reload")
    return url


def _branch(name: str) -> str:
    """As git-check-ref-format has it, narrowed to what a command line can't misread."""
    parts = name.split("/")
    bad = any(not part or part.startswith(".") or part.endswith((".", ".lock")) for part in parts)
    if bad or ".." in name or not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_./-]*", name):
        raise Wrong(f"is no name of a branch: '{name[:60]}'", "write one like triage/rules")
    return name


def _inside(path: str) -> str:
    if path.startswith("/") or ".." in path.split("/"):
        raise Wrong("must lie in the repository", "write it as monitoring/rules")
    return path.strip("/")


class GitBranch(Part):
    """A branch that the rules are committed to, for review and CI. The working tree and its index stay untouched."""

    repository: RelativePath
    """A clone on this machine, or a bare repository."""
    branch: Annotated[str, AfterValidator(_branch)] = "triage/rules"
    """Made from `base` where it does not exist yet."""
    base: Annotated[str, AfterValidator(_branch)] = "main"
    folder: Annotated[str, AfterValidator(_inside)] = ""
    """Folder of the rules in the repository."""
    push: Annotated[str, AfterValidator(_branch)] | None = None
    """A remote that the branch is pushed to, such as origin."""


class Prevention(Part):
    """Where prevention rules go: a folder that Prometheus reads, or a branch of a git repository."""

    folder: RelativePath | None = None
    """The folder of Prometheus's rule files; one file in it for each model is triage's own."""
    git: GitBranch | None = None
    reload: Annotated[Url, AfterValidator(_reload_address)] | None = None
    """Asked after a change, with the credentials of `prometheus.auth`; without it Prometheus reads the file when it is
    reloaded next."""
    runbook_url: Url | None = None
    """Stands in each alert; {alert} becomes the alert's name."""
    receiver: Name = "triage"
    """Name of Alertmanager's receiver in the route that is proposed."""
    webhook_url: Url = "http://127.0.0.1:9097/alertmanager"
    """Where `triage serve` is reached, for that receiver."""
    max_false_alarms: float = Field(1.0, ge=0)
    """False alarms in 14 healthy days above which a rule is refused."""

    @model_validator(mode="after")
    def _one_of(self) -> "Prevention":
        if (self.folder is None) == (self.git is None):
            raise Wrong("needs exactly one of folder, git", "folder: the folder of Prometheus's rule files")
        if self.git is not None and self.reload is not None:
            raise Wrong("has both git and reload", "what CI takes from the branch is reloaded by CI: remove reload")
        return self
