import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.light_world import world
from triage.cli import main

HEAVY = (
    "mlflow",
    "numba",
    "numpy",
    "pandas",
    "pyarrow",
    "pydantic",
    "scipy",
    "sklearn",
    "statsmodels",
    "textual",
    "yaml",
)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TRIAGE_HOME", str(tmp_path))
    monkeypatch.delenv("TRIAGE_CATALOG", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("arguments", [["--help"], ["incidents"], ["incidents", "--json"]])
def test_reading_commands_import_nothing_heavy(arguments: list[str], home: Path) -> None:
    script = (
        "import sys\nfrom triage.cli import main\n"
        f"try:\n    main({arguments!r})\nexcept SystemExit:\n    pass\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stderr.splitlines()[-1] == "[]"


def test_an_empty_journal_says_how_to_begin_and_prints_no_data(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["incidents"]) == 0
    out, err = capsys.readouterr()
    assert out == ""
    assert "triage demo" in err
    assert main(["incidents", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []


@pytest.mark.parametrize("command", [["show"], ["resume"], ["verify"], ["report"]])
def test_a_command_about_the_newest_incident_needs_one(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(command) == 2
    assert "there is no incident yet" in capsys.readouterr().err


def test_an_unknown_incident_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "recommender-9"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "no incident 'recommender-9'" in err


def test_a_run_without_a_catalogue_says_how_to_make_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "recommender"]) == 2
    assert "triage config init" in capsys.readouterr().err


def test_usage_errors_exit_with_2() -> None:
    with pytest.raises(SystemExit) as caught:
        main(["no-such-command"])
    assert caught.value.code == 2


def test_a_home_that_can_not_be_written_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("TRIAGE_HOME", str(tmp_path / "file" / "home"))
    assert main(["incidents"]) == 1
    assert "TRIAGE_HOME" in capsys.readouterr().err


def test_lint_prints_every_fault_with_its_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    book = tmp_path / "broken.yaml"
    book.write_text("name: broken\ntitle: x\nsteps:\n  - {id: a, uses: mesure_kpi}\n  - {id: b, uses: diagnos}\n")
    assert main(["playbook", "lint", str(book), "--json"]) == 2
    found = json.loads(capsys.readouterr().out)["faults"]
    assert [fault["line"] for fault in found] == [4, 5]
    assert main(["playbook", "lint", str(book)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert f"{book}:4" in err


FULL = Path("/dev/full")  # Linux's own disk that is always full


@pytest.mark.skipif(not FULL.is_char_device(), reason="needs /dev/full")
def test_a_full_disk_is_named_and_a_device_is_never_replaced(home: Path) -> None:
    world(1).run(home)
    for words in (["show"], ["report", "--out", str(FULL)]):
        with FULL.open("w") as full:
            done = subprocess.run(
                [sys.executable, "-m", "triage", *words], stdout=full, stderr=subprocess.PIPE, text=True, check=False
            )
        assert done.returncode == 1
        assert "No space left on device" in done.stderr
        assert "hint: " in done.stderr
        assert "Traceback" not in done.stderr
    assert FULL.is_char_device()


@pytest.mark.parametrize("code", [errno.EROFS, errno.EACCES])
def test_a_folder_that_cannot_be_written_to_is_named(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], code: int
) -> None:
    def refuse(path: Path, *_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code), str(path))

    monkeypatch.setattr(Path, "mkdir", refuse)
    assert main(["demo"]) == 1
    said = capsys.readouterr().err
    assert f"can't use {home / 'worlds'}: {os.strerror(code)}" in said
    assert "hint: let this user read and write there" in said


def test_a_report_goes_where_a_link_points(home: Path) -> None:
    world(1).run(home)
    (home / "link.md").symlink_to(home / "real.md")
    assert main(["report", "--out", str(home / "link.md")]) == 0
    assert (home / "link.md").is_symlink()
    assert "# " in (home / "real.md").read_text()
