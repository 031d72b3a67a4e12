"""A person's words in the report: summary, impact, lessons, each beside what was found."""

from collections.abc import Mapping
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Label, Select, Static, TextArea

from triage.incident import Section

_ASKED = {
    Section.SUMMARY: "What happened, in your words:",
    Section.IMPACT: "Who was hit, how badly, for how long:",
    Section.LESSONS: "What went well, what went wrong, where were we lucky, what to do:",
}


class Write(ModalScreen[dict[Section, str] | None]):
    """Returns the sections that were changed, or None."""

    BINDINGS: ClassVar = [
        Binding("escape", "cancel", "Cancel"),
        Binding("ctrl+s", "save", "Save", priority=True),
    ]

    def __init__(self, written: Mapping[Section, str]) -> None:
        super().__init__()
        self._before = {section: written.get(section, "") for section in Section}
        self._now = dict(self._before)
        self._section = Section.SUMMARY

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog decision"):
            yield Static("Your words in the report", classes="dialog-title")
            yield Select[str](
                [(section.value.capitalize(), section.value) for section in Section],
                value=self._section.value,
                allow_blank=False,
                id="section",
                compact=True,
            )
            yield Label("", id="asked", markup=False)
            yield TextArea(self._now[self._section], id="words", compact=True)
            with Horizontal(classes="buttons"):
                yield Button("Cancel", id="cancel", compact=True)
                yield Button("Save (Ctrl+S)", id="save", variant="primary", compact=True)

    def on_mount(self) -> None:
        self._ask()
        self.query_one("#words", TextArea).focus()

    def _ask(self) -> None:
        self.query_one("#asked", Label).update(_ASKED[self._section])

    @on(Select.Changed, "#section")
    def _chosen(self, event: Select.Changed) -> None:
        area = self.query_one("#words", TextArea)
        self._now[self._section] = area.text
        self._section = Section(str(event.value))
        area.text = self._now[self._section]
        self._ask()

    @on(Button.Pressed, "#save")
    def action_save(self) -> None:
        self._now[self._section] = self.query_one("#words", TextArea).text
        changed = {key: text for key, text in self._now.items() if text.strip() != self._before[key].strip()}
        self.dismiss(changed)

    @on(Button.Pressed, "#cancel")
    def action_cancel(self) -> None:
        self.dismiss(None)
