"""`Router` that asks, for each model, the router which the catalogue names for it."""

from collections.abc import Mapping

from triage.errors import NoRouter
from triage.ports import Rollout, Router, Serving


class RouterByModel:
    def __init__(self, routers: Mapping[str, Router]) -> None:
        self._routers = routers

    def current(self, model: str) -> Rollout:
        return self._of(model).current(model)

    def apply(self, model: str, rollout: Rollout, key: str) -> None:
        self._of(model).apply(model, rollout, key)

    def applied(self, model: str) -> str:
        return self._of(model).applied(model)

    def halt(self, model: str) -> bool:
        return self._of(model).halt(model)

    def serving(self, model: str) -> tuple[Serving, ...]:
        return self._of(model).serving(model)

    def check(self, model: str) -> str:
        return self._of(model).check(model)

    def _of(self, model: str) -> Router:
        if model not in self._routers:
            raise NoRouter(
                f"the catalogue names no router for '{model}'", hint="add router to the model in triage.yaml"
            )
        return self._routers[model]
