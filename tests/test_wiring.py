"""From a catalogue to adapters: naming something is not needing it."""

from datetime import timedelta
from pathlib import Path

import pytest

from tests.light_world import ALERT_AT, CATALOG
from triage.catalog import Catalog
from triage.errors import ConfigError
from triage.incident import Window
from triage.wiring import connect


def test_a_secret_that_is_not_here_is_missed_where_it_is_used_and_not_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who takes a release back asks the router and the registry, and needs no key of the metrics."""
    monkeypatch.delenv("NO_SUCH_KEY", raising=False)
    monkeypatch.setenv("TRIAGE_HOME", str(tmp_path / "home"))
    keyed = CATALOG.replace('9"}', '9", auth: {headers: {X-Api-Key: {env: NO_SUCH_KEY}}}}')
    assert keyed != CATALOG
    ports = connect(Catalog.parse(keyed, "triage.yaml", tmp_path))
    with pytest.raises(ConfigError, match="NO_SUCH_KEY"):
        ports.metrics.range("up", Window(ALERT_AT - timedelta(hours=1), ALERT_AT), 60)
