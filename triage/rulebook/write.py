"""Writing the rules of a proposal, and taking them back: the same again changes nothing, what a person wrote stays."""

import difflib
from dataclasses import dataclass

from triage.codec import digest
from triage.errors import Refused
from triage.ports import RuleStore, RulesWritten
from triage.prevention import rule_file
from triage.prevention.nouns import Proposal
from triage.rulebook.prove import Proof, files, proven
from triage.step import Context


@dataclass(frozen=True, slots=True)
class Change:
    """What would be written: ``before`` and ``after`` by file name, None where there is no file."""

    before: dict[str, str | None]
    after: dict[str, str | None]

    @property
    def is_nothing(self) -> bool:
        return self.before == self.after

    @property
    def digest(self) -> str:
        return digest([self.before, self.after])

    def diff(self, *names: str) -> str:
        """Unified, of ``names`` or of every file, oldest state on the left."""
        parts = []
        for name in names or self.after:
            old, new = self.before.get(name), self.after[name]
            lines = difflib.unified_diff(
                (old or "").splitlines(keepends=True),
                (new or "").splitlines(keepends=True),
                f"a/{name}" if old is not None else "/dev/null",
                f"b/{name}" if new is not None else "/dev/null",
            )
            parts.append("".join(lines))
        return "".join(parts)


def store(ctx: Context) -> RuleStore:
    """Raises Refused where the catalogue does not say where rules go."""
    if ctx.ports.rules is None:
        raise Refused(
            "the catalogue does not say where rules go",
            hint="add 'prevention: {folder: …}' to triage.yaml: the rules folder",
        )
    return ctx.ports.rules


def change(ctx: Context, proposal: Proposal) -> Change:
    """What `apply` would do. Raises Refused where the file is not as triage left it."""
    kept = store(ctx)
    name = rule_file.file_name(ctx.model.name)
    before = kept.read(name)
    if before and not rule_file.is_untouched(before):
        raise Refused(
            f"{name} was edited by somebody since triage wrote it, and is left alone",
            hint="move what you wrote to a file of your own, remove this one, and apply again",
        )
    after: dict[str, str | None] = dict(files(ctx, proposal, before).files)
    return Change({one: kept.read(one) or None for one in after}, after)


def apply(ctx: Context, proposal: Proposal, *, allow_missing: bool = False) -> tuple[Change, RulesWritten, Proof]:
    """Prove the rules, write them, have them loaded. Raises Refused with what speaks against it."""
    if not proposal.kept:
        worst = "; ".join(f"{rule.name}: {rule.reason}" for rule in proposal.rules[:3])
        raise Refused(
            f"no rule of {proposal.incident} may be written: {worst}", hint="'triage rules preview' shows all"
        )
    intended = change(ctx, proposal)
    proof = proven(ctx, proposal)
    if proof.tested.passed is False:
        raise Refused(f"the rules fail their tests: {proof.tested.words[-800:]}", hint="please report it")
    if proof.missing and not allow_missing:
        said = "; ".join(f"{name}: {reason}" for name, reason in list(proof.missing.items())[:3])
        raise Refused(
            f"{len(proof.missing)} rules look at metrics that are not there: {said}",
            hint="start what exposes them, leave the rules out (--without), or say that it is meant (--allow-missing)",
        )
    written = store(ctx).write(
        intended.after, f"triage: rules after {proposal.incident} ({proposal.cause or 'no cause'})"
    )
    return intended, written, proof


def takes_back(
    ctx: Context, incident: str, before: dict[str, str | None] | None, after: dict[str, str | None] | None
) -> Change:
    """What `revert` would do: what was there ``before``, where nothing was written since, else without its rules."""
    kept = store(ctx)
    name = rule_file.file_name(ctx.model.name)
    now = kept.read(name)
    if now and not rule_file.is_untouched(now):
        raise Refused(
            f"{name} was edited by somebody since triage wrote it, and is left alone",
            hint=f"take the alerts with 'triage_incident: {incident}' out of it by hand",
        )
    if before is not None and after is not None and all(kept.read(one) == (text or "") for one, text in after.items()):
        return Change(dict(after), dict(before))
    rest = rule_file.without(now, incident, ctx.model)
    names = [name] if rest else [name, *(after or {})]
    return Change(
        {one: kept.read(one) or None for one in names}, {one: rest if one == name and rest else None for one in names}
    )
