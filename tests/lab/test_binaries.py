import platform
import shutil

import pytest

from triage.lab import binaries


@pytest.mark.parametrize(
    ("system", "packager", "command"),
    [
        ("Linux", "apt-get", "sudo apt-get install -y prometheus-alertmanager"),
        ("Linux", "apk", "sudo apk add alertmanager"),
        ("Linux", None, "unpack alertmanager from https://prometheus.io/download/ and put it on PATH"),
        ("Darwin", None, "brew install alertmanager"),
    ],
)
def test_the_install_command_is_that_of_the_platform(monkeypatch, system, packager, command):
    monkeypatch.setattr(platform, "system", lambda: system)
    monkeypatch.setattr(shutil, "which", lambda name: f"/bin/{name}" if name == packager else None)
    assert binaries.install_command("alertmanager") == command


def test_what_is_not_installed_is_said_with_what_the_lab_can_not_do_and_how_to_get_it(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    missing = {one.name: one for one in binaries.missing()}
    assert set(missing) >= {"prometheus", "alertmanager"}
    assert "promtool" not in missing
    assert "no alert fires" in missing["prometheus"].without
    assert missing["prometheus"].install


def test_debians_name_of_alertmanager_is_known(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: "/usr/bin/" + name if name == "prometheus-alertmanager" else None)
    assert binaries.find("alertmanager") == "/usr/bin/prometheus-alertmanager"
