"""Playbooks: what each does, step by step, and what is wrong with one that has faults."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from triage.errors import ConfigError, Fault, TriageError
from tui.draw.lines import Item, Line, Span, blank, cut, fill, folded, heading, say, spread
from tui.draw.times import lasting

if TYPE_CHECKING:
    from triage.playbook import Playbook


@dataclass(frozen=True, slots=True)
class Param:
    """One parameter of a step: what it is set to, and what it may be, as its JSON schema says."""

    name: str
    value: str
    description: str
    bounds: str


@dataclass(frozen=True, slots=True)
class Step:
    """One step, with what it does and takes."""

    id: str
    uses: str
    title: str
    summary: str
    changes: bool
    needs: tuple[str, ...]
    when: tuple[str, ...]
    on_error: str
    timeout_seconds: float
    params: tuple[Param, ...]


@dataclass(frozen=True, slots=True)
class Book:
    """A playbook file: its steps, or its faults."""

    path: Path
    name: str
    title: str = ""
    description: str = ""
    alerts: tuple[str, ...] = ()
    steps: tuple[Step, ...] = ()
    faults: tuple[Fault, ...] = ()


def read(folders: Sequence[Path]) -> tuple[Book, ...]:
    """Every playbook of ``folders``, checked. Slow: the steps' parameters are imported."""
    paths = sorted(path for folder in folders if folder.is_dir() for path in folder.glob("*.yaml"))
    return tuple(map(read_one, paths))


def read_one(path: Path) -> Book:
    """The playbook of one file, or its faults."""
    from triage.playbook import Playbook

    try:
        return _book(path, Playbook.load(path))
    except ConfigError as error:
        return Book(path, path.stem, faults=error.faults)
    except TriageError as error:
        return Book(path, path.stem, faults=(Fault(path.name, 1, "", error.message, error.hint),))


def _book(path: Path, book: "Playbook") -> Book:
    from triage.incident import Effect
    from triage.step import load

    steps = []
    for spec in book.steps:
        step = load(spec.uses)
        shapes = step.params.model_json_schema().get("properties", {})
        values = book.params(spec).model_dump(mode="json")
        params = tuple(_param(name, values[name], shape) for name, shape in shapes.items())
        when = tuple(check.check.replace("_", " ") for check in spec.when)
        steps.append(
            Step(
                spec.id,
                spec.uses,
                spec.title,
                step.summary,
                step.effect is Effect.CHANGE,
                tuple(spec.needs),
                when,
                spec.on_error,
                spec.timeout.total_seconds(),
                params,
            )
        )
    return Book(path, book.name, book.spec.title, book.spec.description, tuple(book.spec.alerts), tuple(steps))


def _param(name: str, value: object, shape: Mapping[str, Any]) -> Param:
    known = (
        ("minimum", "at least"),
        ("exclusiveMinimum", "above"),
        ("maximum", "at most"),
        ("exclusiveMaximum", "below"),
    )
    bounds = ", ".join(f"{words} {shape[key]:g}" for key, words in known if key in shape)
    shown = json.dumps(value, ensure_ascii=False) if not isinstance(value, str) else value
    return Param(name, shown, str(shape.get("description") or ""), bounds)


def index(books: Sequence[Book]) -> list[Item]:
    """A line per playbook, with what the linter says."""

    def entry(book: Book) -> Item:
        count = len(book.faults)
        verdict = Span(f"✗ {count} fault{'s' if count != 1 else ''}", "bad") if count else Span("✓ checked", "good")
        return Item(
            lambda width: [
                spread((say(book.name, "strong"),), (verdict,), width),
                *folded(say(book.title or str(book.path), "quiet"), width, (Span("  "),)),
            ],
            str(book.path),
            f"triage playbook show {book.name}",
        )

    return [entry(book) for book in books]


def detail(book: Book) -> list[Item]:
    """The playbook's steps in the order they run, or every fault with its line."""
    if book.faults:
        return [heading(f"Faults in {book.path.name}"), *map(_fault, book.faults)]
    started = f"started by {', '.join(book.alerts)}" if book.alerts else "started by hand"
    return [
        _told(book.title, "strong"),
        *([_told(book.description)] if book.description else []),
        _told(started, "quiet"),
        blank(),
        *(_step(place, step) for place, step in enumerate(book.steps, 1)),
    ]


def _step(place: int, step: Step) -> Item:
    word = ("changes", "warn") if step.changes else ("reads", "good")
    facts: Mapping[str, str] = {
        "after": ", ".join(step.needs),
        "when": ", ".join(step.when),
        "on error": step.on_error if step.on_error != "continue" else "",
    }

    def draw(width: int) -> list[Line]:
        title = (Span(f"{place:>2} ", "accent"), say(step.id, "strong"), Span(f"  {word[0]}", word[1]))
        lines = [spread(title, (Span(f"at most {lasting(step.timeout_seconds)}", "quiet"),), width)]
        lines += folded(say(step.title or step.summary), width, (Span("   "),))
        lines += [
            line
            for name, words in facts.items()
            if words
            for line in folded(say(words, "quiet"), width, (Span(f"   {name} ", "quiet"),))
        ]
        for param in step.params:
            told = f"{param.description}{f' ({param.bounds})' if param.bounds else ''}"
            lines.append(
                cut((*fill((Span("   "), say(f"{param.name} = {param.value}")), 30), say(told, "quiet")), width)
            )
        return lines

    return Item(draw, step.id, f"{step.id}: {step.summary}")


def _fault(fault: Fault) -> Item:
    def draw(width: int) -> list[Line]:
        lines = folded(say(fault.message), width, (Span(f"✗ line {fault.line:<4} ", "bad"),))
        return lines + (folded(say(fault.hint), width, (Span("  → ", "accent"),)) if fault.hint else [])

    return Item(draw, f"{fault.line}:{fault.message}", str(fault))


def _told(words: str, tone: str = "") -> Item:
    return Item(lambda width: folded(say(words, tone), width))
