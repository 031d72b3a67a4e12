"""What `triage serve` listens to, what it does with an alert, whom it tells, and what makes it train by itself."""

import re
from datetime import timedelta
from ipaddress import ip_address
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from triage.catalog.connections import Auth, Basic, Url
from triage.catalog.fields import Duration, Name, Part, PositiveDuration, PromQL, RelativePath, Secret
from triage.document import Wrong


def _host_and_port(text: str) -> str:
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isdecimal() or not 0 <= int(port) <= 65_535:
        raise Wrong(f"is no address to listen at: '{text[:60]}'", "write it as 127.0.0.1:9097, or [::1]:9097")
    return text


class Tls(Part):
    """Serve HTTPS."""

    cert: RelativePath
    """PEM file of the server's certificate, with its chain."""
    key: RelativePath
    """PEM file of its key."""
    client_ca: RelativePath | None = None
    """PEM bundle; with it every client needs a certificate that one of these authorities signed (mTLS)."""


class ServeAuth(Part):
    """What a sender has to show."""

    bearer: Secret | None = None
    basic: Basic | None = None

    @model_validator(mode="after")
    def _one_of(self) -> "ServeAuth":
        if self.bearer is not None and self.basic is not None:
            raise Wrong("has both bearer and basic", "keep one of the two")
        return self


class IntakeLimits(Part):
    """What one sender, and all of them together, may ask of us. What is beyond them waits; it is not thrown away."""

    body_kib: int = Field(1024, ge=1, le=65_536)
    """KiB of one delivery; a larger one is refused with 413 and kept as a line of `triage alerts`."""
    per_second: int = Field(500, ge=1, le=100_000)
    """Deliveries per second and address; beyond it 503, so that the sender tries again."""
    alerts: int = Field(1_000, ge=1, le=100_000)
    """Alerts of one delivery; the rest is completed from Alertmanager, as for a truncated one."""
    labels: int = Field(64, ge=4, le=1_000)
    """Labels of one alert, and annotations; further ones are dropped."""
    label_bytes: int = Field(1_024, ge=64, le=65_536)
    """Bytes of one label's value; a longer one is cut."""
    waiting: int = Field(20_000, ge=1, le=10_000_000)
    """Deliveries that wait to be worked on; beyond it 503."""
    inbox_mib: int = Field(512, ge=1, le=1_048_576)
    """MiB that the inbox may take on disk; beyond it 503."""
    connections: int = Field(256, ge=4, le=100_000)
    """Open connections, of which one address may have half."""
    read_timeout: PositiveDuration = timedelta(seconds=10)
    """For the head of a request, and again for its body: a slower client is cut off."""


class AlertmanagerAddress(Part):
    """An Alertmanager whose API completes truncated deliveries."""

    url: Url
    auth: Auth = Auth()


class AlertRoute(Part):
    """Alerts that carry all these labels belong to this model."""

    match: dict[Name, str] = Field(min_length=1)
    """Label to value; a value between slashes, such as /shop-.*/, is a regular expression for the whole of it."""
    model: Name
    playbook: str | None = None
    """By default what the model's `playbooks` say, then the playbook that names the alert."""

    @model_validator(mode="after")
    def _expressions(self) -> "AlertRoute":
        for name, value in self.match.items():
            if len(value) > 1 and value[0] == value[-1] == "/":
                try:
                    re.compile(value[1:-1])
                except re.error as error:
                    raise Wrong(f"match.{name} is no regular expression: {error}") from None
        return self


Moment = Literal["needs_approval", "needs_person", "done"]
MOMENTS: tuple[Moment, ...] = ("needs_approval", "needs_person", "done")


class Channel(Part):
    """Who is told, how and when."""

    name: Name
    kind: Literal["slack", "webhook", "command"]
    url: Secret | Url | None = None
    """Of a Slack-compatible or a generic webhook; a secret where the address itself is one, as Slack's is."""
    secret: Secret | None = None
    """Key of the HMAC-SHA256 signature of a generic webhook."""
    command: tuple[Name, ...] = ()
    """Program and arguments of kind command; reads the notice as JSON on stdin."""
    at: tuple[Moment, ...] = MOMENTS

    @model_validator(mode="after")
    def _complete(self) -> "Channel":
        if self.kind == "command":
            if not self.command or self.url is not None:
                raise Wrong("kind command needs command, and no url", "command: [notify-send, triage]")
        elif self.url is None or self.command:
            raise Wrong(f"kind {self.kind} needs url, and no command", "url: {env: SLACK_URL}")
        if self.secret is not None and self.kind != "webhook":
            raise Wrong(f"kind {self.kind} is not signed", "remove secret, or use kind webhook")
        return self


class Trigger(Part):
    """Continuous training: what starts a run without anybody's alert. It passes the same plan and the same gates."""

    name: Name = Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=60)
    model: Name
    on: Literal["schedule", "drift", "performance"]
    every: PositiveDuration
    """Of a schedule: the time between two runs. Else: how often the query is asked."""
    since: str = Field("2024-01-01T00:00:00Z", pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
    """Of a schedule: a moment on which it falls, so that `every: 7d` runs on the weekday you want."""
    query: PromQL | None = None
    """Of drift and performance: PromQL that has a series while it is so, such as max(triage_feature_psi) > 0.2."""
    lasts: Duration = timedelta()
    """How long the query must have been so without a break."""
    playbook: str | None = None
    """By default scheduled_retraining for a schedule, and model_quality_drop for the others."""

    @property
    def starts(self) -> str:
        """The playbook that it starts."""
        return self.playbook or ("scheduled_retraining" if self.on == "schedule" else "model_quality_drop")

    @model_validator(mode="after")
    def _complete(self) -> "Trigger":
        if (self.on == "schedule") == (self.query is not None):
            wants = "no query" if self.on == "schedule" else "a query"
            raise Wrong(f"a trigger on {self.on} needs {wants}", "see docs/serve.md")
        if self.on == "schedule" and self.every < timedelta(minutes=1):
            raise Wrong("must be at least a minute", "every: 7d")
        return self


class Serve(Part):
    """The webhook receiver, `triage serve`."""

    listen: Annotated[str, AfterValidator(_host_and_port)] = "127.0.0.1:9097"
    """Address and port. Anything but the loopback interface needs bearer, basic or mTLS."""
    tls: Tls | None = None
    auth: ServeAuth = ServeAuth()
    limits: IntakeLimits = IntakeLimits()
    model_label: Name = "model"
    """Label of an alert that names the model, in the catalogue or in the registry."""
    routes: tuple[AlertRoute, ...] = ()
    """Asked before the label, in order; the first that matches wins."""
    alertmanagers: tuple[AlertmanagerAddress, ...] = ()
    """Who completes truncated deliveries; without one they are worked on as they came."""
    clock_skew: PositiveDuration = timedelta(minutes=5)
    """How far ahead of our clock an alert may start; one that is further ahead is parked for a person."""
    cool_down: Duration = timedelta(hours=1)
    """After an incident ended, a new alert of its model waits this long, and starts a run then."""
    joins_for: PositiveDuration = timedelta(hours=24)
    """An incident that waits for an approval or a person takes in further alerts of its model for this long."""
    max_failures: int = Field(3, ge=1, le=100)
    """Failed runs of one model in a row, after which no run starts by itself for `failure_pause`."""
    failure_pause: PositiveDuration = timedelta(hours=6)
    workers: int = Field(1, ge=1, le=16)
    """Runs at the same time; a model never has more than one. Live challengers are watched in addition."""
    grace: PositiveDuration = timedelta(seconds=20)
    """At the end: how long runs may take to finish the step they are at."""
    open_with: str = Field("triage show {incident}", pattern=r"\{incident\}", max_length=300)
    """The command that a notice tells people to type."""
    notify: tuple[Channel, ...] = ()
    triggers: tuple[Trigger, ...] = ()

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach it."""
        host = self.listen.rpartition(":")[0].strip("[]")
        try:
            return ip_address(host).is_loopback
        except ValueError:
            return host == "localhost"

    @property
    def guarded(self) -> bool:
        """Whether a sender has to show who it is."""
        return bool(self.auth.bearer or self.auth.basic or (self.tls and self.tls.client_ca))
