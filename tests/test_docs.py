"""What the pages say exists: commands, files, and examples that pass their checks."""

import argparse
import importlib.util
import re
import shlex
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import yaml

from triage.adapters.memory import MemoryClock, MemoryDataset, MemoryMetrics, MemoryRegistry, MemoryWindows
from triage.catalog import Catalog
from triage.cli import parser
from triage.drift.shift.movement import Limits
from triage.incident import Alert, Incident, Verdict, Window
from triage.playbook import Playbook
from triage.scope import Scope
from triage.step import Context, Ports

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCED = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"^\$ triage (.+)$|`triage ([a-z][^`]*)`", re.MULTILINE)
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def blocks(page: str, language: str) -> list[str]:
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    return [body for fence, body in FENCED.findall(text) if fence == language]


def commands(page: Path) -> Iterator[str]:
    """Every command that ``page`` tells a reader to type, without ``triage`` itself, pipes and redirections."""
    for typed, quoted in COMMAND.findall(page.read_text(encoding="utf-8")):
        yield re.split(r"\s(?:\||;|>|2>|&&)", typed or quoted)[0].strip()


def choices(command: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """The commands below ``command``, by name."""
    groups = [action for action in command._actions if isinstance(action, argparse._SubParsersAction)]
    return dict(groups[0].choices) if groups else {}


def missing(command: str) -> str:
    """What of ``command`` the parser does not know, or nothing."""
    here = parser()
    words = shlex.split(command)
    while words and choices(here):
        if words[0].startswith("-"):
            break
        known = choices(here)
        if words[0] not in known:
            return words[0]
        here = known[words.pop(0)]
    options = {option for action in here._actions for option in action.option_strings}
    return next((word for word in words if word.startswith("-") and word.split("=")[0] not in options), "")


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives the headings of ``page``."""
    headings = HEADING.findall(page.read_text(encoding="utf-8"))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_a_command_that_is_not_there_would_be_found() -> None:
    assert missing("show ID --json") == ""
    assert missing("playbook lint") == ""
    assert missing("playbook lnit") == "lnit"
    assert missing("show --jsn") == "--jsn"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_that_a_page_names_exists(page: Path) -> None:
    assert [(command, gone) for command in commands(page) if (gone := missing(command))] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    broken = []
    for link in LINK.findall(page.read_text(encoding="utf-8")):
        if link.startswith(("http://", "https://", "mailto:")):
            continue
        path, _, part = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (part and part not in anchors(target)):
            broken.append(link)
    assert broken == []


def test_the_layers_of_the_architecture_page_are_those_that_are_held_to() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contract = [set(layer.split(" | ")) for layer in project["tool"]["importlinter"]["contracts"][0]["layers"]]
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1] for line in page.splitlines() if line.startswith("| `")]
    shown = [{name.removesuffix(".py").replace("/", ".") for name in re.findall(r"`([^`]+)`", row)} for row in rows]
    assert shown == contract


def test_the_catalogues_of_the_catalogue_page_pass_every_check(tmp_path: Path) -> None:
    examples = blocks("catalogue.md", "yaml")
    assert examples
    for text in examples:
        Catalog.parse(text, "catalogue.md", tmp_path)


def test_the_catalogue_page_shows_every_key_there_is() -> None:
    shown = re.sub(r"#\s*(?=\w+:)", "", "\n".join(blocks("catalogue.md", "yaml")))
    schema = Catalog.model_json_schema()
    keys = {key for part in (schema, *schema["$defs"].values()) for key in part.get("properties", {})}
    assert {key for key in keys if not re.search(rf"\b{key}\b", shown)} == set()


def test_the_playbooks_of_the_playbook_page_pass_lint() -> None:
    examples = blocks("writing-a-playbook.md", "yaml")
    assert examples
    for text in examples:
        Playbook.parse(text, "writing-a-playbook.md")


@pytest.fixture
def step(tmp_path: Path) -> ModuleType:
    """The step of the step page, as a module."""
    (text,) = blocks("writing-a-step.md", "python")
    path = tmp_path / "check_duplicates.py"
    path.write_text(text, encoding="utf-8")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_playbook_of_the_step_page_gives_the_step_its_parameters(step: ModuleType) -> None:
    playbook = yaml.safe_load(blocks("writing-a-step.md", "text")[0])
    used = next(node for node in playbook["steps"] if node["uses"] == step.__name__)
    assert step.Params.model_validate(used["with"]).least_share == 0.005


@pytest.mark.parametrize(("copies", "verdict"), [(1, Verdict.REFUTES), (2, Verdict.SUPPORTS)])
def test_the_step_of_the_step_page_finds_rows_that_were_logged_twice(
    step: ModuleType, tmp_path: Path, copies: int, verdict: Verdict
) -> None:
    end = datetime(2026, 11, 4, tzinfo=UTC)
    times = pd.date_range(end - timedelta(days=16), end, freq="1h", inclusive="left")
    rows = pd.DataFrame({"served_at": times, "impression_id": range(len(times))})
    log = pd.concat([rows, *[rows.tail(24)] * (copies - 1)])
    catalog = Catalog.parse(blocks("catalogue.md", "yaml")[0], "catalogue.md", tmp_path)
    window = Window(end - timedelta(days=2), end)
    ctx = Context(
        incident=Incident("r-1", "recommender", Alert("A", "recommender", end), window, "p", "", "", end, end),
        step="repeated",
        params=step.Params(),
        key="r-1/repeated",
        catalog=catalog,
        model=catalog.model("recommender"),
        ports=Ports(
            metrics=MemoryMetrics({}),
            windows=MemoryWindows({"impressions": MemoryDataset(pa.Table.from_pandas(log), "served_at")}),
            registry=MemoryRegistry(),
            clock=MemoryClock(end),
        ),
        scope=Scope(),
        rng=np.random.default_rng(0),
        progress=print,
    )
    (evidence,) = step.run(ctx).evidence
    assert evidence.verdict is verdict
    assert evidence.measure("repeated") == pytest.approx((copies - 1) * 24 / (48 + 24 * (copies - 1)))
    assert evidence.sources[1].rows == 48 + 24 * (copies - 1)


def test_the_methods_page_names_the_limits_that_decide() -> None:
    text = (ROOT / "docs" / "methods.md").read_text(encoding="utf-8")
    limits = Limits()
    assert f"≥ {limits.psi} nats" in text
    assert f"false discovery rate over all features | {limits.alpha:.0%}" in text
    assert f"from {limits.min_history} of them on" in text
    assert f"Fewer than {limits.min_rows} rows" in text
