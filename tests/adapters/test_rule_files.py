"""Rule files before a real Prometheus: loaded, refused and put back, and a folder that can't be written to."""

import os
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import yaml

from tests.prometheus_server import needs_prometheus, serving
from triage.adapters.prometheus_reload import Reload
from triage.adapters.rule_files import RuleFiles
from triage.errors import Refused, SourceUnavailable

NAME = "triage-shop.yml"


def rules(alert: str, expr: str = "vector(1)") -> str:
    group = {"name": "triage/shop", "rules": [{"alert": alert, "expr": expr}]}
    return yaml.safe_dump({"groups": [group]})


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[str, RuleFiles]]:
    with serving(tmp_path, []) as url:
        yield url, RuleFiles(tmp_path / "rules", Reload(f"{url}/-/reload"))


def loaded(url: str) -> list[str]:
    groups = httpx.get(f"{url}/api/v1/rules", trust_env=False).json()["data"]["groups"]
    return [rule["name"] for group in groups for rule in group["rules"]]


@needs_prometheus
def test_what_is_written_is_loaded_and_taken_away_again(server: tuple[str, RuleFiles]) -> None:
    url, store = server
    files: dict[str, str | None] = {NAME: rules("A"), "triage/shop.dashboard.json": "{}"}
    written = store.write(files, "why")
    assert written.loaded
    assert loaded(url) == ["A"]
    assert store.holds(files)
    assert "reloads them" in store.check()
    store.write(dict.fromkeys(files), "why")
    assert loaded(url) == []
    assert [path.name for path in store.folder.rglob("*") if path.is_file()] == [".triage.lock"]


@needs_prometheus
def test_a_refused_reload_puts_back_what_was_there(server: tuple[str, RuleFiles]) -> None:
    url, store = server
    store.write({NAME: rules("A")}, "why")
    with pytest.raises(Refused, match="refuses the reload") as caught:
        store.write({NAME: rules("B", "this is (no promql")}, "why")
    assert "could not be put back" not in str(caught.value)
    assert store.read(NAME) == rules("A")
    assert loaded(url) == ["A"]
    assert "prometheus_config_last_reload_successful 1" in httpx.get(f"{url}/metrics", trust_env=False).text


@needs_prometheus
def test_files_that_the_server_does_not_read_are_not_called_loaded(tmp_path: Path) -> None:
    with serving(tmp_path, []) as url:
        (tmp_path / "elsewhere").mkdir()
        store = RuleFiles(tmp_path / "elsewhere", Reload(f"{url}/-/reload"))
        with pytest.raises(Refused, match="does not list the rules of triage-shop"):
            store.write({NAME: rules("A")}, "why")
        assert store.read(NAME) == ""


def test_a_server_that_is_away_means_that_nothing_is_written(tmp_path: Path) -> None:
    store = RuleFiles(tmp_path, Reload("http://127.0.0.1:9/-/reload"))
    with pytest.raises(SourceUnavailable, match="can't be asked to reload"):
        store.write({NAME: rules("A")}, "why")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_refused_and_not_made(tmp_path: Path) -> None:
    store = RuleFiles(tmp_path / "rulse")
    for attempt in (store.check, lambda: store.write({NAME: "x"}, "why")):
        with pytest.raises(Refused, match="there is no folder"):
            attempt()
    assert not (tmp_path / "rulse").exists()


READ_ONLY = """\
import os, sys
from triage.adapters.rule_files import RuleFiles
from triage.errors import Refused
os.setgid(65534); os.setuid(65534)
try:
    RuleFiles(sys.argv[1]).write({"triage-shop.yml": "groups: []"}, "why")
except Refused as error:
    print(error)
"""


@pytest.fixture
def closed() -> Iterator[Path]:
    """A folder that every user may look into, in a place that is open to all."""
    with tempfile.TemporaryDirectory() as made:
        Path(made).chmod(0o755)
        yield Path(made)


def test_a_read_only_folder_is_refused_with_the_reason_and_nothing_is_lost(closed: Path) -> None:
    folder = closed
    (folder / "theirs.yml").write_text("groups: []")
    if os.getuid():
        folder.chmod(0o555)
        with pytest.raises(Refused, match="can't be written to"):
            RuleFiles(folder).write({NAME: "groups: []"}, "why")
        folder.chmod(0o755)
    else:  # root writes anywhere: ask as nobody, in a process of its own
        done = subprocess.run(
            [sys.executable, "-c", READ_ONLY, str(folder)], capture_output=True, text=True, check=False
        )
        assert "can't be written to: Permission denied" in done.stdout, done.stderr
    assert [path.name for path in folder.iterdir()] == ["theirs.yml"]


def test_a_name_can_not_lead_out_of_the_folder(tmp_path: Path) -> None:
    store = RuleFiles(tmp_path)
    for name in ("../x.yml", "/etc/x.yml", "a/../../x.yml"):
        with pytest.raises(Refused, match="outside the rules folder"):
            store.write({name: "x"}, "why")


KILLED = textwrap.dedent(
    """\
    import os, sys, signal
    from triage.adapters import rule_files
    real = os.fsync
    left = [int(sys.argv[2])]
    def fsync(fd):
        real(fd)
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
    os.fsync = fsync
    rule_files.RuleFiles(sys.argv[1]).write({"triage-shop.yml": "new", "triage/a.json": "new"}, "why")
    """
)


@pytest.mark.parametrize("at", [1, 2])
def test_killed_while_writing_every_file_is_old_or_new_and_the_rules_come_last(tmp_path: Path, at: int) -> None:
    store = RuleFiles(tmp_path)
    store.write({NAME: "old", "triage/a.json": "old"}, "why")
    subprocess.run([sys.executable, "-c", KILLED, str(tmp_path), str(at)], check=False)
    found = store.read(NAME), store.read("triage/a.json")
    assert found == (("old", "old"), ("old", "new"))[at - 1]
    store.write({NAME: "new", "triage/a.json": "new"}, "why")
    assert (store.read(NAME), store.read("triage/a.json")) == ("new", "new")
