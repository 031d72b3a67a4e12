"""`Router` on Envoy: one committed spec, rendered into the files that Envoy watches, in front of model servers.

A change loads its versions into servers that no request reaches, asks them, commits the spec, and waits until Envoy
says that it has taken the routes up. Where it refuses them, the spec before is committed again.
"""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from triage.adapters import rollout_file
from triage.adapters.envoy_admin import EnvoyAdmin
from triage.adapters.envoy_config import clusters, clusters_file, routes, routes_file
from triage.adapters.model_servers import ModelServers
from triage.adapters.refusals import halted
from triage.adapters.rollout_file import Committed
from triage.catalog import EnvoyRouting
from triage.errors import NotFound, Refused, SourceUnavailable
from triage.ports import Rollout, Serving

_LOOK_SECONDS = 0.02


class EnvoyRouter:
    """The router of ``model``, as the catalogue describes it."""

    def __init__(self, model: str, routing: EnvoyRouting) -> None:
        self._model, self._routing = model, routing
        self._folder = Path(routing.folder)
        self._admin = EnvoyAdmin(model, routing)
        self._servers = ModelServers(model, routing)

    def current(self, model: str) -> Rollout:
        return self._committed().rollout

    def apply(self, model: str, rollout: Rollout, key: str) -> None:
        with rollout_file.alone(self._folder):
            before = self._read()
            in_force = self._admin.routes_name()
            if before is not None and (before.rollout, before.key, before.name) == (rollout, key, in_force):
                if self._is_halted(before):
                    raise halted(model)
                return
            known = self._servers.known(tuple(self._routing.servers))
            champion_on, challenger_on = place(rollout, before, known)
            stays = before is not None and (before.champion_on, before.rollout.champion) == (
                champion_on,
                rollout.champion,
            )
            # A champion that stays need not answer: taking a challenger away must work while its servers are too busy.
            if known[champion_on] or not stays:
                self._servers.load(champion_on, rollout.champion)
            if challenger_on:
                self._servers.load(challenger_on, rollout.challenger)
            self._commit(Committed(model, rollout, key, champion_on, challenger_on), before, in_force)

    def applied(self, model: str) -> str:
        """Asked of Envoy itself: the routes that it has taken up carry the key."""
        return self._admin.routes_name().partition(" ")[2]

    def halt(self, model: str) -> bool:
        """Through Envoy's admin interface, with no file written: a full disk is no hindrance. Lost if it restarts."""
        self._admin.set_runtime(self._committed().kill_switch, 0)
        return True

    def serving(self, model: str) -> tuple[Serving, ...]:
        spec = self._committed()
        parts = {spec.champion_on: "champion"}
        if spec.challenger_on:
            parts[spec.challenger_on] = "standby" if self._is_halted(spec) else "challenger"
        said = {group: self._servers.versions(group) for group in parts}
        said |= self._servers.known([group for group in self._routing.servers if group not in parts])
        return tuple(
            Serving(parts.get(group, "standby"), version)
            for group, versions in said.items()
            for version in dict.fromkeys(versions)
        )

    def check(self, model: str) -> str:
        spec, server = self._committed(), self._admin.server()
        if self._admin.routes_name() != spec.name:
            raise SourceUnavailable(
                f"{server} has other routes than those committed in {self._folder}",
                hint="check that it watches this folder; its log says why it refuses them",
            )
        for group, version in (
            (spec.champion_on, spec.rollout.champion),
            (spec.challenger_on, spec.rollout.challenger),
        ):
            if group and set(found := self._servers.versions(group)) != {version}:
                serve = ", ".join(dict.fromkeys(found))
                raise SourceUnavailable(
                    f"the servers '{group}' serve version {serve}, not {version} as committed",
                    hint="someone told them to, or they restarted with another version; roll out again",
                )
        share = f", {spec.rollout.weight:.0%} to version {spec.rollout.challenger}" if spec.rollout.challenger else ""
        return f"{server}: version {spec.rollout.champion} of '{self._model}' serves{share}"

    def start_with(self, champion: str, group: str, key: str) -> None:
        """Write the first spec and everything that Envoy needs to start, asking nobody. Raises Refused where one is."""
        if self._read() is not None:
            raise Refused(f"there is a rollout spec in {self._folder} already", hint="change it by a rollout")
        first = Committed(self._model, Rollout(champion), key, group)
        self._write(first)

    def _committed(self) -> Committed:
        spec = self._read()
        if spec is None:
            raise NotFound(
                f"no rollout of '{self._model}' is committed in {self._folder}",
                hint=f"'triage rollout start {self._model}' writes the first",
            )
        return spec

    def _read(self) -> Committed | None:
        spec = rollout_file.read(self._folder / rollout_file.NAME)
        if spec is None:
            return None
        unknown = {spec.champion_on, spec.challenger_on} - {"", *self._routing.servers}
        if spec.model != self._model or unknown:
            what = f"servers '{min(unknown)}', which the catalogue does not know" if unknown else f"'{spec.model}'"
            raise SourceUnavailable(
                f"the rollout spec in {self._folder} is about {what[:100]}",
                hint="correct router.folder or router.servers in the catalogue",
            )
        return spec

    def _is_halted(self, spec: Committed) -> bool:
        return bool(spec.rollout.challenger) and self._admin.runtime(spec.kill_switch) == "0"

    def _commit(self, wanted: Committed, before: Committed | None, in_force: str) -> None:
        """Raises Refused, SourceUnavailable; then the last spec that was in force is committed again."""
        refused = self._admin.refused()
        previous = self._folder / rollout_file.PREVIOUS
        kept = before if before is not None and before.name == in_force else rollout_file.read(previous)
        self._write(wanted, kept)
        try:
            self._until_in_force(wanted, refused)
        except (Refused, SourceUnavailable):
            if kept is not None:
                self._write(kept)
            raise

    def _write(self, spec: Committed, previous: Committed | None = None) -> None:
        files = {clusters_file(self._folder): clusters(self._routing)}
        if previous is not None:
            files[self._folder / rollout_file.PREVIOUS] = rollout_file.text(previous)
        files[self._folder / rollout_file.NAME] = rollout_file.text(spec)
        files[routes_file(self._folder)] = routes(spec, self._routing)
        rollout_file.replace_all(self._folder, {path: body for path, body in files.items() if not _holds(path, body)})

    def _until_in_force(self, wanted: Committed, refused: int) -> None:
        over = time.monotonic() + self._routing.timeout.total_seconds()
        while self._admin.routes_name() != wanted.name:
            if self._admin.refused() > refused:
                raise Refused(
                    f"Envoy refuses the routes of '{self._model}' to {' and '.join(_groups(wanted))}",
                    hint="its log says why; what it served before goes on, and is committed again",
                )
            if time.monotonic() > over:
                raise SourceUnavailable(
                    f"Envoy has not taken up the routes of '{self._model}' within"
                    f" {self._routing.timeout.total_seconds():g} s",
                    hint=f"check that it watches {self._folder}; what was committed before is committed again",
                )
            time.sleep(_LOOK_SECONDS)


def place(rollout: Rollout, before: Committed | None, known: Mapping[str, Sequence[str]]) -> tuple[str, str]:
    """The groups of servers for champion and challenger (nothing without one), touching none that requests reach.

    ``known`` is what each group's servers say they serve, nothing for one that is away. A version stays where it is;
    else it goes to a group that has it loaded, else to one that no request of a user reaches. Raises Refused where
    there is none.
    """
    live = set()
    if before is not None:
        live = {before.champion_on} | ({before.challenger_on} if before.rollout.weight else set())
    champion_on = _group(rollout.champion, rollout.challenger, before, known, live)
    if not rollout.challenger:
        return champion_on, ""
    others = {group: said for group, said in known.items() if group != champion_on}
    return champion_on, _group(rollout.challenger, "", before, others, live)


def _group(
    version: str, other: str, before: Committed | None, known: Mapping[str, Sequence[str]], live: set[str]
) -> str:
    """The group for ``version``, not that where ``other`` is loaded if another one is free."""
    stays = ""
    if before is not None and version in (before.rollout.champion, before.rollout.challenger):
        stays = before.champion_on if version == before.rollout.champion else before.challenger_on
    if stays in known and (set(known[stays]) == {version} or (not known[stays] and stays in live)):
        return stays
    loaded = [group for group, said in known.items() if set(said) == {version}]
    free = [group for group in known if group not in live]
    free.sort(key=lambda group: (not known[group], set(known[group]) == {other}))
    if not loaded and not free:
        raise Refused(
            f"no servers are free to load version {version}: requests reach {' and '.join(sorted(live))}",
            hint="send every request to the champion first, or add a group of servers to the catalogue",
        )
    return (loaded or free)[0]


def _groups(spec: Committed) -> tuple[str, ...]:
    return (f"'{spec.champion_on}'", *((f"'{spec.challenger_on}'",) if spec.challenger_on else ()))


def _holds(path: Path, body: str) -> bool:
    try:
        return path.read_text(encoding="utf-8") == body
    except (OSError, ValueError):
        return False
