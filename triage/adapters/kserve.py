"""`Router` on KServe by GitOps: the InferenceService's manifest in a git repository is the committed rollout spec.

KServe gives the newest revision ``canaryTrafficPercent`` of the requests and the rest to the one before; it mirrors
nothing. What is served is KServe's word, read from the live object's status where the catalogue has its address.
"""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from triage.adapters.git_tree import GitTree
from triage.adapters.http_json import HttpJson
from triage.adapters.kserve_manifest import Live, Manifest, read, rollout_of
from triage.adapters.refusals import halted
from triage.catalog import KServeRouting
from triage.errors import NotFound, Refused, SourceUnavailable
from triage.ports import Rollout, Serving

_LOOK_SECONDS = 1.0


class KServeRouter:
    """The router of ``model``; ``source`` tells a version's address in the registry."""

    def __init__(self, model: str, routing: KServeRouting, source: Callable[[str], str]) -> None:
        self._model, self._routing, self._source = model, routing, source
        seconds = routing.timeout.total_seconds()
        self._tree = GitTree(Path(routing.repository), routing.file, routing.branch, routing.remote, seconds)
        self._http = HttpJson("KServe's status", routing.auth, hint="check router.status in the catalogue")

    def current(self, model: str) -> Rollout:
        return rollout_of(self._manifest())

    def apply(self, model: str, rollout: Rollout, key: str) -> None:
        """Commit, push where a remote is named, and wait until it is live where a status can be asked for."""
        if rollout.shadow:
            raise Refused(
                "KServe mirrors no requests: a shadow is not possible",
                hint="compare on recorded rows instead, or use a router of kind envoy",
            )
        self._tree.begin()
        try:
            before = self._manifest()
        except NotFound:
            before = Manifest.first(self._routing.service, self._routing.namespace)
        if before.key == key and rollout_of(before) == rollout:
            if before.halted:
                raise halted(model)
            wanted = before
        else:
            newest = rollout.challenger or rollout.champion
            wanted = before.with_rollout(rollout, key, self._storage_uri(newest))
        share = f", {rollout.weight:.0%} to version {rollout.challenger}" if rollout.challenger else ""
        self._tree.commit(wanted.text(), f"{model}: version {rollout.champion}{share}\n\nTriage-Key: {key}")
        self._until_live(key)

    def applied(self, model: str) -> str:
        try:
            committed = self._manifest().key
        except NotFound:
            return ""
        if self._routing.status is None:
            return committed
        live = self._live()
        return live.key if live.settled else ""

    def halt(self, model: str) -> bool:
        """Commit a share of nothing for the challenger; as fast as the GitOps controller is."""
        self._tree.begin()
        before = self._manifest()
        if rollout_of(before).challenger:
            self._tree.commit(before.with_halt().text(), f"{model}: no request to the challenger\n\nTriage-Halt: yes")
        return True

    def serving(self, model: str) -> tuple[Serving, ...]:
        if self._routing.status is None:
            return ()
        live = self._live()
        if not live.settled:
            raise SourceUnavailable(
                f"KServe has not rolled '{self._routing.service}' out as it is committed: {live.words}",
                hint="look at the InferenceService's conditions, and at the GitOps controller",
            )
        return live.serving()

    def check(self, model: str) -> str:
        where = self._tree.check()
        rollout = rollout_of(self._manifest())
        asked = ", and is served" if self.serving(self._model) else "; what is served can't be asked (no router.status)"
        return f"KServe by {where}: version {rollout.champion} of '{self._model}' is committed{asked}"

    def _manifest(self) -> Manifest:
        manifest = read(self._tree.committed(), f"{self._routing.file} in {self._routing.repository}")
        manifest.belongs_to(self._routing.service, self._routing.namespace)
        return manifest

    def _storage_uri(self, version: str) -> str:
        places = {"model": self._model, "version": version}
        if "{source}" in self._routing.storage_uri:
            places["source"] = self._source(version)
        return self._routing.storage_uri.format(**places)

    def _live(self) -> Live:
        assert self._routing.status is not None
        answer = self._http.ask("GET", self._routing.status, timeout_seconds=self._routing.timeout.total_seconds())
        if answer.status != 200 or answer.fields.get("kind") != "InferenceService":
            raise SourceUnavailable(
                f"what answers at {self._routing.status} is no InferenceService: {answer.said()}",
                hint="check router.status and router.auth in the catalogue",
            )
        document: Mapping[str, Any] = answer.fields
        return Live(document)

    def _until_live(self, key: str) -> None:
        if self._routing.status is None:
            return
        over = time.monotonic() + self._routing.settle.total_seconds()
        while True:
            live = self._live()
            if live.settled and live.key == key:
                return
            if time.monotonic() > over:
                raise SourceUnavailable(
                    f"'{self._routing.service}' is committed, and not live after"
                    f" {self._routing.settle.total_seconds():g} s: {live.words}",
                    hint="look at the GitOps controller and the InferenceService's conditions, then resume",
                )
            time.sleep(min(_LOOK_SECONDS, max(0.0, over - time.monotonic())))
