"""An Alertmanager of the lab's own. It tells a webhook where one is given, and otherwise only keeps the alerts."""

from pathlib import Path
from typing import Any

import yaml

from triage.lab.process import Spec


def render(folder: Path, webhook_url: str | None, bearer_file: Path | None = None) -> None:
    """Write ``alertmanager.yml``: one receiver, told at once and again every minute while an alert lasts."""
    folder.mkdir(parents=True, exist_ok=True)
    receiver: dict[str, Any] = {"name": "triage"}
    if webhook_url:
        hook: dict[str, Any] = {"url": webhook_url, "send_resolved": True}
        if bearer_file:
            credentials = {"type": "Bearer", "credentials_file": str(bearer_file)}
            hook["http_config"] = {"authorization": credentials}
        receiver["webhook_configs"] = [hook]
    document = {
        "route": {
            "receiver": "triage",
            "group_by": ["alertname", "model"],
            "group_wait": "1s",
            "group_interval": "5s",
            "repeat_interval": "1m",
        },
        "receivers": [receiver],
    }
    (folder / "alertmanager.yml").write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")


def spec(folder: Path, port: int, binary: str) -> Spec:
    url = f"http://127.0.0.1:{port}"
    return Spec(
        name="alertmanager",
        argv=(
            binary,
            f"--config.file={folder / 'alertmanager.yml'}",
            f"--storage.path={folder / 'storage'}",
            f"--web.listen-address=127.0.0.1:{port}",
            f"--web.external-url={url}",
            "--cluster.listen-address=",
            "--log.level=warn",
        ),
        ready_url=f"{url}/-/ready",
        url=url,
    )
