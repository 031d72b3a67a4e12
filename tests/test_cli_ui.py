import subprocess
import sys

import pytest

from triage.cli import main


def test_triage_alone_without_a_terminal_prints_help_and_is_a_usage_error() -> None:
    done = subprocess.run([sys.executable, "-m", "triage"], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert done.returncode == 2
    assert "commands:" in done.stderr
    assert done.stdout == ""


def test_the_app_without_a_terminal_is_refused_with_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ui"]) == 2
    assert "triage incidents" in capsys.readouterr().err
