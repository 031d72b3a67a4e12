"""Starting a run: a form over the models of the catalogue."""

from argparse import ArgumentTypeError
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, cast

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Button, Input, Label, Select, Static

from triage.cli.times import length_of_time, time_of_day
from triage.errors import TriageError, UsageError
from tui.draw.lines import say
from tui.reading import for_screen

if TYPE_CHECKING:
    from triage.desk import Desk
    from tui.draw.playbooks import Param
    from tui.home import Home

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Choice:
    """What the form offers for one catalogue: its models, each with the length of its incident window."""

    models: dict[str, timedelta]
    playbooks: tuple[str, ...]


class Start(ModalScreen[str | None]):
    """Returns the incident that was opened, or None."""

    BINDINGS: ClassVar = [Binding("escape", "cancel", "Cancel")]

    def __init__(self, catalog: Path, now: datetime, playbook: str = "") -> None:
        super().__init__()
        self._catalog, self._now, self._playbook = catalog, now, playbook
        self._choice = Choice({}, ())
        self._offered: dict[str, str] = {}

    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="dialog form"):
            yield Static("Find out why a model got worse", classes="dialog-title")
            yield Label("Catalogue")
            yield Input(str(self._catalog), id="catalog", compact=True)
            yield Label("Model")
            yield Select[str]([], prompt="reading the catalogue …", id="model", allow_blank=True, compact=True)
            with Horizontal(classes="pair"):
                with Vertical():
                    yield Label("Alert fired at (RFC 3339)")
                    yield Input(self._now.strftime("%Y-%m-%dT%H:%M:%SZ"), id="at", compact=True)
                with Vertical():
                    yield Label("Window before it")
                    yield Input("", placeholder="the catalogue's", id="window", compact=True)
            yield Label("Playbook")
            yield Select[str]([], prompt="the one for this alert", id="playbook", allow_blank=True, compact=True)
            yield Vertical(id="params")
            yield Label("What is wrong (optional)")
            yield Input("", placeholder="conversion fell since this morning", id="said", compact=True)
            yield Static("", id="fault", markup=False)
            with Horizontal(classes="buttons"):
                yield Button("Cancel", id="cancel")
                yield Button("Start", id="start", variant="primary", disabled=True)

    @property
    def home_app(self) -> "Home":
        return cast("Home", self.app)

    def on_mount(self) -> None:
        self._read()

    @on(Input.Submitted, "#catalog")
    @on(Input.Blurred, "#catalog")
    def _catalog_typed(self) -> None:
        path = Path(self.query_one("#catalog", Input).value).expanduser()
        if path != self._catalog:
            self._catalog = path
            self._read()

    @work(exclusive=True, group="catalogue")
    async def _read(self) -> None:
        path = self._catalog
        start, models = self.query_one("#start", Button), self.query_one("#model", Select)
        start.disabled = True
        try:
            self._choice = await for_screen(self, self.home_app.reader.ask_apart(lambda desk: _choice(path)))
        except TriageError as error:
            models.set_options([])
            self._complain(error)
            return
        self._complain(None)
        models.set_options([(say(name).text, name) for name in self._choice.models])
        models.prompt = "choose a model"
        if len(self._choice.models) == 1:
            models.value = next(iter(self._choice.models))
        books = self.query_one("#playbook", Select)
        books.set_options([(name, name) for name in self._choice.playbooks])
        if self._playbook in self._choice.playbooks:
            books.value = self._playbook
        start.disabled = False
        models.focus()

    @on(Select.Changed, "#model")
    def _model_chosen(self, event: Select.Changed) -> None:
        from triage.catalog.fields import format_duration

        length = self._choice.models.get(str(event.value))
        self.query_one("#window", Input).placeholder = format_duration(length) if length else "the catalogue's"

    @on(Select.Changed, "#playbook")
    def _playbook_chosen(self, event: Select.Changed) -> None:
        self._ask_params(event.value if isinstance(event.value, str) else "")

    @work(exclusive=True, group="params")
    async def _ask_params(self, playbook: str) -> None:
        """A field for each parameter of the playbook's steps, made from what the steps declare."""
        fields = self.query_one("#params", Vertical)
        await fields.remove_children()
        if not playbook:
            return
        await fields.mount(Label("reading its parameters …"))
        path = self._catalog
        try:
            found = await for_screen(self, self.home_app.reader.ask_apart(lambda desk: _params(path, playbook)))
        except TriageError as error:
            self._complain(error)
            found = ()
        await fields.remove_children()
        self._offered = {f"{step}.{param.name}": param.value for step, param in found}
        rows: list[Widget] = []
        for step, param in found:
            told = f"{param.description}{f' ({param.bounds})' if param.bounds else ''}"
            rows.append(Label(say(f"{step}.{param.name}: {told}").text, markup=False))
            rows.append(Input(param.value, name=f"{step}.{param.name}", compact=True))
        await fields.mount_all(rows)

    def _settings(self) -> dict[str, dict[str, Any]]:
        """What was changed in the fields of parameters, by step, as YAML reads it."""
        import yaml

        settings: dict[str, dict[str, Any]] = {}
        for field in self.query("#params Input").results(Input):
            step, _, name = (field.name or "").partition(".")
            if field.value == self._offered.get(field.name or ""):
                continue
            try:
                settings.setdefault(step, {})[name] = yaml.safe_load(field.value) if field.value.strip() else ""
            except yaml.YAMLError:
                settings.setdefault(step, {})[name] = field.value
        return settings

    def _complain(self, error: TriageError | None) -> None:
        self.query_one("#fault", Static).update(f"✗ {say(str(error)).text}" if error else "")

    @on(Button.Pressed, "#start")
    def _start(self) -> None:
        self._receive()

    @work(exclusive=True, group="receive")
    async def _receive(self) -> None:
        button = self.query_one("#start", Button)
        button.disabled = True
        model, playbook = (self.query_one(f"#{name}", Select).value for name in ("model", "playbook"))
        at, window, said = (self.query_one(f"#{name}", Input).value for name in ("at", "window", "said"))
        path = self._catalog
        try:
            if not isinstance(model, str):
                raise UsageError("no model is chosen", hint="choose one of the catalogue's models")
            fired = _written(time_of_day, at)
            length = _written(length_of_time, window, "the window") if window.strip() else None
            settings = self._settings()
            book = playbook if isinstance(playbook, str) else None
            opened = await for_screen(
                self,
                self.home_app.reader.ask_apart(
                    lambda desk: _open(desk, path, model, fired, length, book, said, settings)
                ),
            )
        except TriageError as error:
            self._complain(error)
            button.disabled = False
            return
        self.dismiss(opened)

    @on(Button.Pressed, "#cancel")
    def action_cancel(self) -> None:
        self.dismiss(None)


def _choice(path: Path) -> Choice:
    from triage.cli.common import load_catalog
    from triage.playbook import shipped

    catalog = load_catalog(path)
    lengths = {name: model.windows.incident for name, model in catalog.models.items()}
    folders = (shipped(), catalog.folder / "playbooks")
    names = {file.stem for folder in folders if folder.is_dir() for file in folder.glob("*.yaml")}
    return Choice(lengths, tuple(sorted(names)))


def _params(path: Path, playbook: str) -> "tuple[tuple[str, Param], ...]":
    from triage.playbook import find
    from tui.draw.playbooks import read_one

    book = read_one(find(playbook, (path.parent / "playbooks",)))
    return tuple((step.id, param) for step in book.steps for param in step.params)


def _open(
    desk: "Desk",
    path: Path,
    model: str,
    fired: datetime,
    length: timedelta | None,
    playbook: str | None,
    said: str,
    settings: dict[str, dict[str, Any]],
) -> str:
    from triage.cli.common import load_catalog
    from triage.incident import Alert, Window

    catalog = load_catalog(path)
    window = Window(fired - length, fired) if length else None
    alert = Alert(name="ModelQualityDrop", model=model, starts_at=fired, summary=said, origin="the app")
    return desk.receive(alert, catalog, playbook=playbook, window=window, settings=settings).incident


def _written(read: Callable[[str], T], text: str, subject: str = "") -> T:
    """What ``read`` makes of the text of a field. Raises UsageError, which names the ``subject``."""
    try:
        return read(text)
    except ArgumentTypeError as error:
        raise UsageError(f"{subject} {error}".strip()) from None
