"""`RuleTester` by promtool, which comes with Prometheus: the form of the rules, and their unit tests."""

import shutil
import subprocess
import tempfile
from pathlib import Path

from triage.ports import RulesTested

_SECONDS = 300.0
_LONGEST_WORDS = 4_000


class Promtool:
    """The ``promtool`` on PATH. Without one nothing is tested, and says so."""

    def test(self, name: str, rules: str, cases: str) -> RulesTested:
        tool = shutil.which("promtool")
        if tool is None:
            return RulesTested(None, "promtool is not on PATH: it comes with Prometheus")
        with tempfile.TemporaryDirectory(prefix="triage-rules-") as folder:
            (Path(folder) / name).write_text(rules, encoding="utf-8")
            (Path(folder) / "cases.yml").write_text(cases, encoding="utf-8")
            checked = _run([tool, "check", "rules", "--lint=all", "--lint-fatal", name], folder)
            if not checked.passed:
                return checked
            return _run([tool, "test", "rules", "cases.yml"], folder)


def _run(command: list[str], folder: str) -> RulesTested:
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return RulesTested(False, f"{' '.join(command[:3])}: {error}")
    return RulesTested(done.returncode == 0, f"{done.stdout}{done.stderr}".strip()[:_LONGEST_WORDS])
