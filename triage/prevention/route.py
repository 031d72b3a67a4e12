"""The route by which Alertmanager brings these alerts here: a fragment for a file that is a person's to change."""

import yaml

from triage.prevention.alerts import OWNER
from triage.prevention.promql import quoted

_HEAD = """\
# For alertmanager.yml, by hand: triage changes no file of yours. The route goes under 'route.routes', first of them;
# the receiver beside your other receivers, with the address of 'triage serve' and the file of its token.
"""


def render(model: str, receiver: str, webhook_url: str) -> str:
    """A route for the alerts of ``model`` and its receiver; other receivers still get what they got before."""
    matchers = [f"managed_by={quoted(OWNER)}", f"model={quoted(model)}"]
    route = {
        "receiver": receiver,
        "matchers": matchers,
        "group_by": ["alertname", "model"],
        "group_wait": "10s",
        "group_interval": "1m",
        "repeat_interval": "4h",
        "continue": True,
    }
    hook = {"url": webhook_url, "send_resolved": True}
    document = {"route": {"routes": [route]}, "receivers": [{"name": receiver, "webhook_configs": [hook]}]}
    return _HEAD + yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=110)
