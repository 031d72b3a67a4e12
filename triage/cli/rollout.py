"""triage rollout: who serves a model by its committed spec, and what its servers say; and the first spec."""

import argparse
from typing import Any

from triage.cli.common import catalog_flag, json_flag, load_catalog
from triage.cli.output import as_json, say, table


def add_to(commands: "argparse._SubParsersAction[Any]") -> None:
    group = commands.add_parser("rollout", help="who serves a model: the committed spec, and what the servers say")
    actions = group.add_subparsers(metavar="ACTION", prog="triage rollout", required=True)

    command = actions.add_parser("show", help="the committed spec, the change that made it, and what is really served")
    command.add_argument("model", metavar="MODEL", help="the model's name in the catalogue")
    catalog_flag(command)
    json_flag(command)
    command.set_defaults(run=_show)

    command = actions.add_parser(
        "start", help="commit the first spec: the registry's champion serves; only where none is"
    )
    command.add_argument("model", metavar="MODEL", help="the model's name in the catalogue")
    command.add_argument("--on", metavar="SERVERS", default="", help="Envoy: the group of servers that has it loaded")
    catalog_flag(command)
    command.set_defaults(run=_start)


def _show(arguments: argparse.Namespace) -> int:
    from triage.wiring import connect

    catalog = load_catalog(arguments.catalog)
    name, router = catalog.model(arguments.model).registered_model, connect(catalog).router
    assert router is not None
    rollout, key, serving = router.current(name), router.applied(name), router.serving(name)
    if arguments.json:
        as_json({"model": name, "committed": rollout, "in_force": key, "serving": serving})
        return 0
    parts = [("champion", rollout.champion, f"{1 - rollout.weight:.0%}", "–")]
    if rollout.challenger:
        parts.append(("challenger", rollout.challenger, f"{rollout.weight:.0%}", f"{rollout.shadow:.0%}"))
    table(("COMMITTED", "VERSION", "REQUESTS", "MIRRORED"), parts)
    table(("SERVING", "VERSION"), [(one.role, one.version) for one in serving])
    say(f"in force by {key}" if key else "the committed spec is not in force")
    if not serving:
        say("what is served can't be asked: the router has no status")
    return 0 if key else 1


def _start(arguments: argparse.Namespace) -> int:
    from triage.wiring import connect, start_rollout

    catalog = load_catalog(arguments.catalog)
    model = catalog.model(arguments.model)
    champion = connect(catalog).registry.champion(model.registered_model, model.alias)
    start_rollout(catalog, model, champion.version, arguments.on)
    say(f"committed: version {champion.version} of '{model.registered_model}' serves")
    return 0
