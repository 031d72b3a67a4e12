"""triage audit | lineage: can a version be built again, where the versions come from, and who was champion when."""

import argparse
from typing import TYPE_CHECKING, Any

from triage.cli.common import catalog_flag, json_flag, load_catalog
from triage.cli.incidents import open_desk
from triage.cli.output import as_json, say, table
from triage.plain import visible

if TYPE_CHECKING:
    from triage.incident import Source
    from triage.lineage.champions import Reign
    from triage.lineage.tree import Member

_MARKS = {"kept": "✔ kept", "missing": "✘ missing", "unread": "? unread"}


def add_to(commands: "argparse._SubParsersAction[Any]") -> None:
    command = commands.add_parser("audit", help="can the champion be built again today? what is missing, what to do")
    command.add_argument("model", metavar="MODEL", help="the model's name in the catalogue")
    command.add_argument("--version", metavar="N", help="another version than the champion")
    command.add_argument("--reread", action="store_true", help="read the training rows again and compare their digest")
    catalog_flag(command)
    json_flag(command)
    command.set_defaults(run=_audit)

    command = commands.add_parser("lineage", help="the family of a model's versions, and who was champion when")
    command.add_argument("model", metavar="MODEL", help="the model's name in the catalogue")
    catalog_flag(command)
    json_flag(command)
    command.set_defaults(run=_lineage)


def _audit(arguments: argparse.Namespace) -> int:
    from triage.reading.provenance import audit
    from triage.wiring import connect

    catalog = load_catalog(arguments.catalog)
    model, ports = catalog.model(arguments.model), connect(catalog)
    registry, name = ports.registry, model.registered_model
    chosen = arguments.version
    version = registry.version(name, chosen) if chosen else registry.champion(name, model.alias)
    found = audit(catalog, model, ports, version, reread=arguments.reread)
    if arguments.json:
        as_json(
            {"model": found.model, "version": found.version, "rebuildable": found.rebuildable, "items": found.items}
        )
    else:
        table(("", "WHAT", "FOUND"), ((_MARKS[item.mark], item.what, item.found) for item in found.items))
        for item in found.items:
            if item.hint:
                say(f"{item.what}: {item.hint}")
        verdict = "can be built again" if found.rebuildable else f"can't be built again today: {len(found.gaps)} gaps"
        say(f"{found.model} version {found.version} {verdict}")
    return 0 if found.rebuildable else 1


def _lineage(arguments: argparse.Namespace) -> int:
    from triage.lineage.tree import branches
    from triage.reading.provenance import family
    from triage.wiring import connect

    catalog = load_catalog(arguments.catalog)
    model, ports = catalog.model(arguments.model), connect(catalog)
    members = family(ports.registry, model.registered_model)
    reigns = open_desk().champions(model, ports.registry)
    if arguments.json:
        as_json({"model": model.registered_model, "versions": members, "champions": reigns})
        return 0
    for lead, one in branches(members):
        print(visible(f"{lead}{_told(one)}"))
        below = " " * len(lead)
        for fact in _facts(one):
            print(visible(f"{below}     {fact}"))
    print()
    table(("CHAMPION", "SINCE", "BY", "WHY"), map(_line, reigns))
    for reign in reigns:
        if reign.outside:
            say(f"version {reign.version}: no approval stands behind it; find out who moved alias '{model.alias}'")
    return 0


def _told(one: "Member") -> str:
    when = f"{one.created_at:%Y-%m-%d %H:%M}" if one.created_at else "–"
    return " · ".join([f"version {one.version}", *one.aliases, when])


def _facts(one: "Member") -> list[str]:
    facts = [f"data   {_rows(source)}" for source in one.data] or ["data   not recorded"]
    facts.append(f"code   {one.code or 'not recorded'}")
    facts.append(f"run    {one.run_id or 'none'}")
    if one.incident:
        facts.append(f"made   for {one.incident}, plan {one.plan[:19] or 'not recorded'}")
    return facts


def _rows(source: "Source") -> str:
    rows = f", {source.rows:,} rows" if source.rows is not None else ""
    span = f", {source.window}" if source.window else ""
    return f"{source.name}@{source.version or '–'}{span}{rows}, {source.digest or 'no digest'}"


def _line(reign: "Reign") -> tuple[str, ...]:
    since = f"{reign.at:%Y-%m-%d %H:%M}"
    if reign.not_before is not None:
        since = f"{reign.not_before:%Y-%m-%d %H:%M} … {since}"
    why = f"{reign.why} ({reign.incident})" if reign.incident else reign.why
    return f"version {reign.version}", since, reign.by or ("outside" if reign.outside else "–"), why
