"""triage rules preview | test | apply | revert: the alerts that would have caught an incident sooner."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from triage.cli.approvals import user
from triage.cli.common import json_flag
from triage.cli.incidents import chosen, open_desk
from triage.cli.output import as_json, progress, say, table
from triage.errors import Refused, UsageError
from triage.plain import visible

if TYPE_CHECKING:
    from triage.desk import Desk
    from triage.prevention.nouns import Proposal, Rule
    from triage.rulebook.prove import Proof
    from triage.rulebook.write import Change
    from triage.rules import Choices, Rules
    from triage.step import Context

_DIGITS = 12


def add_to(commands: "argparse._SubParsersAction[Any]") -> None:
    group = commands.add_parser(
        "rules",
        help="alerts that would have caught an incident sooner: proven on history, then written",
        description="Rules for Prometheus from an incident. Nothing is written before 'apply' was told the digest.",
    )
    actions = group.add_subparsers(metavar="ACTION", prog="triage rules", required=True)
    command = _action(actions, "preview", "the rules, what each was proven on, and the change of the file")
    _choices(command)
    command.set_defaults(run=_preview)
    command = _action(actions, "test", "run their unit tests with promtool, and ask whether their metrics exist")
    _choices(command)
    command.set_defaults(run=_test)
    command = _action(actions, "apply", "write them and have them loaded; shows the change and asks first")
    _choices(command)
    command.add_argument("--allow-missing", action="store_true", help="also rules whose metrics are not there yet")
    _consent(command)
    command.set_defaults(run=_apply)
    command = _action(actions, "revert", "take them back; shows the change and asks first")
    _consent(command)
    command.set_defaults(run=_revert)


def _action(actions: "argparse._SubParsersAction[Any]", name: str, words: str) -> argparse.ArgumentParser:
    command = actions.add_parser(name, help=words)
    command.add_argument("incident", nargs="?", metavar="ID", help="the incident (default: the newest)")
    command.add_argument(
        "--catalog", type=Path, metavar="FILE", help="the catalogue (default: the incident's, as it is now)"
    )
    json_flag(command)
    return command


def _choices(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--threshold", action="append", type=_threshold, default=[], metavar="RULE=VALUE", help="use this threshold"
    )
    command.add_argument("--without", action="append", default=[], metavar="RULE", help="leave this rule out")


def _consent(command: argparse.ArgumentParser) -> None:
    command.add_argument("--digest", metavar="DIGEST", help="what is meant, by the first 12 digits that were shown")
    command.add_argument(
        "--yes",
        action="store_true",
        help="do what was shown without being asked; without a terminal name it with --digest",
    )
    command.add_argument("--by", metavar="NAME", help="who says so (default: this account's user)")


def open_rules(desk: "Desk", arguments: argparse.Namespace) -> "Rules":
    from triage.catalog import Catalog
    from triage.wiring import rules_of

    return rules_of(desk, Catalog.load(arguments.catalog) if arguments.catalog else None)


def _proposed(arguments: argparse.Namespace) -> "tuple[Rules, Proposal, Context]":
    desk = open_desk()
    rules = open_rules(desk, arguments)
    proposal, ctx = rules.propose(chosen(desk, arguments), _chosen(arguments), progress)
    return rules, proposal, ctx


def _chosen(arguments: argparse.Namespace) -> "Choices":
    from triage.rules import Choices

    return Choices(dict(arguments.threshold), tuple(arguments.without))


def _preview(arguments: argparse.Namespace) -> int:
    rules, proposal, ctx = _proposed(arguments)
    try:
        change: Change | None = rules.change(ctx, proposal)
        nowhere = ""
    except Refused as error:
        change, nowhere = None, str(error)
    if arguments.json:
        as_json({"proposal": proposal, "diff": change.diff() if change else None, "refused": nowhere or None})
        return 0
    show(proposal)
    if change is not None:
        print()
        print(_shown(change.diff(*_rule_files(change))), end="")
        others = [name for name in change.after if name not in _rule_files(change) and _differs(change, name)]
        if others:
            print(f"\nand {', '.join(map(visible, others))}")
    if nowhere:
        say(nowhere)
    return 0


def _test(arguments: argparse.Namespace) -> int:
    rules, proposal, ctx = _proposed(arguments)
    proof = rules.test(ctx, proposal)
    if arguments.json:
        as_json({"incident": proposal.incident, "digest": proposal.digest, "holds": proof.holds, **_proof(proof)})
    else:
        _show_proof(proof)
    return 0 if proof.holds and proposal.kept else 1


def _apply(arguments: argparse.Namespace) -> int:
    rules, proposal, ctx = _proposed(arguments)
    change = rules.change(ctx, proposal)
    if not arguments.json:
        show(proposal, to_stderr=True)
        print(_shown(change.diff(*_rule_files(change))), end="", file=sys.stderr)
    _agreed(arguments, "apply", proposal.incident, proposal.digest)
    applied = rules.apply(ctx, proposal, arguments.by or user(), allow_missing=arguments.allow_missing)
    if arguments.json:
        result = {"incident": proposal.incident, "digest": proposal.digest, "written": applied.written}
        as_json({**result, "changed": not change.is_nothing, **_proof(applied.proof)})
    else:
        _show_proof(applied.proof)
        print(f"{len(proposal.kept)} rules in {visible(applied.written.where)}: {visible(applied.written.words)}")
    say(f"{proposal.incident}: 'triage rules revert {proposal.incident}' takes them back")
    return 0


def _revert(arguments: argparse.Namespace) -> int:
    desk = open_desk()
    rules = open_rules(desk, arguments)
    incident = chosen(desk, arguments)
    change, ctx = rules.taking_back(incident, progress)
    if not arguments.json:
        print(_shown(change.diff(*_rule_files(change))), end="", file=sys.stderr)
    _agreed(arguments, "revert", incident, change.digest)
    written = rules.revert(ctx, change, arguments.by or user())
    if arguments.json:
        as_json({"incident": incident, "written": written, "changed": not change.is_nothing})
    else:
        print(
            f"the rules of {visible(incident)} are taken back from {visible(written.where)}: {visible(written.words)}"
        )
    return 0


def show(proposal: "Proposal", *, to_stderr: bool = False) -> None:
    """The rules as a table: threshold, when each would have fired, how often falsely, and what was decided."""
    rows = [_row(rule) for rule in proposal.rules]
    heads = ("RULE", "THRESHOLD", "WOULD HAVE FIRED", "FALSE ALARMS", "DECISION")
    if to_stderr:
        counted = f"{len(proposal.kept)} of {len(proposal.rules)} rules"
        say(f"{proposal.incident}: {counted}, digest {_short(proposal.digest)}")
        return
    print(f"{visible(proposal.incident)}: rules after {visible(proposal.cause or 'an incident without a cause')}")
    table(heads, rows)
    for rule in proposal.rules:
        if rule.reason:
            print(f"{rule.decision}: {visible(rule.name)}: {visible(rule.reason)}")
    replayed = next((rule for rule in proposal.rules if rule.backtest is not None and rule.backtest.replayed), None)
    if replayed is not None and replayed.backtest is not None:
        source = replayed.backtest.source
        note = f"; {replayed.backtest.note}" if replayed.backtest.note else ""
        print(
            "'triage watch' exposed too short a history of the window's figures: theirs was replayed from dataset"
            f" {visible(source.name)} {visible(source.version)}, {source.digest}{visible(note)}"
        )
    print(f"digest {_short(proposal.digest)}")


def _row(rule: "Rule") -> tuple[str, ...]:
    from triage.numbers import figure, number, span

    sign = ">" if rule.signal.worse == "higher" else "<"
    threshold = f"{sign} {figure(rule.threshold, rule.signal.unit)}" if rule.threshold is not None else "–"
    result = rule.backtest
    if result is None:
        return rule.name, threshold, "unmeasured", "unmeasured", rule.decision
    fired = "not in this incident"
    if result.fires_at is not None and result.sooner_seconds is not None:
        when = "sooner" if result.sooner_seconds >= 0 else "later"
        fired = f"{result.fires_at:%m-%d %H:%M}, {span(abs(result.sooner_seconds))} {when}"
    return rule.name, threshold, fired, f"{result.false_alarms} in {number(result.healthy_days)} d", rule.decision


def _show_proof(proof: "Proof") -> None:
    passed = {True: "passed", False: "FAILED", None: "not run"}[proof.tested.passed]
    print(f"unit tests: {passed}, {proof.cases} cases ({visible(' '.join(proof.tested.words.split())[-300:])})")
    if proof.unasked:
        print(f"metrics: {visible(proof.unasked)}")
    elif not proof.missing:
        print("metrics: all are there now")
    for name, reason in proof.missing.items():
        print(f"missing: {visible(name)}: {visible(reason)}")


def _proof(proof: "Proof") -> dict[str, Any]:
    return {"tested": proof.tested, "cases": proof.cases, "missing": proof.missing, "unasked": proof.unasked}


def _rule_files(change: "Change") -> list[str]:
    return [name for name in change.after if "/" not in name]


def _differs(change: "Change", name: str) -> bool:
    return change.before.get(name) != change.after[name]


def _shown(diff: str) -> str:
    return "".join(f"{visible(line)}\n" for line in diff.splitlines()) or "nothing changes\n"


def _short(digest: str) -> str:
    return digest.removeprefix("sha256:")[:_DIGITS]


def _agreed(arguments: argparse.Namespace, action: str, incident: str, digest: str) -> None:
    """Raises UsageError or Refused unless a person means exactly what was shown."""
    short = _short(digest)
    if arguments.digest is None:
        if not sys.stdin.isatty():
            why = "--yes does what a person was shown, and" if arguments.yes else "there is no terminal to ask at, so"
            raise UsageError(
                f"{why} what is meant has to be named", hint=f"triage rules {action} {incident} --digest {short}"
            )
        if arguments.yes:
            return
        print(f"Type the first digits, {short}, to {action} this: ", end="", file=sys.stderr, flush=True)
        arguments.digest = sys.stdin.readline().strip()
    typed = (arguments.digest or "").removeprefix("sha256:")
    if len(typed) < _DIGITS or not digest.removeprefix("sha256:").startswith(typed):
        raise Refused(f"what would be done is {short} now, not {typed or 'nothing'}", hint="look at it again")


def _threshold(text: str) -> tuple[str, float]:
    import math

    name, equals, value = text.rpartition("=")
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not equals or not name or not math.isfinite(number):
        raise argparse.ArgumentTypeError(f"'{text}' is no threshold; write it like psi/user_location=0.3")
    return name, number
