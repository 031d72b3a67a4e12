"""The faults of a catalogue that no part of it shows by itself."""

import re
from collections.abc import Iterator, Mapping

from triage.catalog.model import Dataset, Model
from triage.catalog.router import EnvoyRouting, KServeRouting
from triage.catalog.serve import Serve
from triage.document import Document
from triage.errors import Fault, near
from triage.faults import KeyPath


def cross_check(models: Mapping[str, Model], datasets: Mapping[str, Dataset], document: Document) -> Iterator[Fault]:
    """The faults that no part shows by itself."""
    for name, model in models.items():
        where = ("models", name)
        yield from _check_datasets(datasets, model, where, document)
        yield from _check_levels(model, where, document)
        yield from _check_release(datasets, model, where, document)
        yield from _check_router(models, name, document)
        if re.fullmatch(r"latest|v\d+", model.alias, re.IGNORECASE):
            yield document.fault(
                (*where, "alias"), f"'{model.alias}' is reserved by MLflow", "use a name like champion"
            )
        for feature in model.features:
            if feature in model.leave_out:
                message = f"'{feature}' is left out, and described as a feature"
                yield document.fault((*where, "features", feature), message, "remove it from one of the two")


def _check_datasets(
    datasets: Mapping[str, Dataset], model: Model, where: KeyPath, document: Document
) -> Iterator[Fault]:
    for part in ("serving_log", "labels", "baseline", "reference"):
        used = getattr(model, part)
        if used is None:
            continue
        here = (*where, part, "dataset")
        if used.dataset not in datasets:
            hint = near(used.dataset, datasets, listing=f"datasets: {', '.join(datasets)}")
            yield document.fault(here, f"no dataset '{used.dataset}'", hint)
            continue
        joined = part in ("labels", "reference") and used.dataset != model.serving_log.dataset
        if joined and datasets[used.dataset].key is None:
            message = f"rows of '{used.dataset}' can't be joined to the serving log: the dataset has no key"
            yield document.fault(here, message, f"add 'key: COLUMN' to datasets.{used.dataset}")
        log = datasets.get(model.serving_log.dataset)
        if joined and log is not None and log.key is None:
            message = f"{part} can't be joined: the serving log '{model.serving_log.dataset}' has no key"
            yield document.fault(here, message, f"add 'key: COLUMN' to datasets.{model.serving_log.dataset}")


def _check_release(
    datasets: Mapping[str, Dataset], model: Model, where: KeyPath, document: Document
) -> Iterator[Fault]:
    policy = model.release
    if policy is None:
        return
    here = (*where, "release")
    names = [guardrail.name for guardrail in policy.guardrails]
    for index, name in enumerate(names):
        if name in names[:index]:
            message = f"a second guardrail called '{name}'"
            yield document.fault((*here, "guardrails", index, "name"), message, "give each its own name")
    if isinstance(model.router, KServeRouting) and policy.shadow.share > 0:
        message = "KServe can't copy requests to a challenger"
        yield document.fault((*here, "shadow", "share"), message, "write shadow: {share: 0}")
    by_labels = policy.labels is not None and policy.labels.needed
    if not by_labels and not any(guardrail.needed for guardrail in policy.guardrails):
        message = "no guardrail that a stage has to pass: such a canary could never go on"
        yield document.fault(here, message, "add a guardrail, such as the share of failed requests")
    log = policy.shadow.dataset
    if log is not None and log not in datasets:
        hint = near(log, datasets, listing=f"datasets: {', '.join(datasets)}")
        yield document.fault((*here, "shadow", "dataset"), f"no dataset '{log}'", hint)
    if by_labels and (model.labels is None or model.serving_log.version is None):
        message = "labels are needed, and can't be told apart by version"
        yield document.fault((*here, "labels"), message, "name labels, and serving_log.version")


def _check_router(models: Mapping[str, Model], name: str, document: Document) -> Iterator[Fault]:
    """Each model has a rollout spec of its own: two in one place would overwrite each other."""
    router = models[name].router
    where = ("models", name, "router")
    for other in models:
        if other == name:
            return
        if router is not None and models[other].router is not None and _place(models[other]) == _place(models[name]):
            message = f"the rollout spec of '{name}' would be that of '{other}'"
            key = "folder" if isinstance(router, EnvoyRouting) else "file"
            yield document.fault((*where, key), message, "give each model its own")


def _place(model: Model) -> tuple[str, ...]:
    router = model.router
    if isinstance(router, EnvoyRouting):
        return (router.folder,)
    return (router.repository, router.file) if router is not None else ()


def _check_levels(model: Model, where: KeyPath, document: Document) -> Iterator[Fault]:
    seen = {model.kpi.name: "the KPI"}
    for index, level in enumerate(model.service_levels):
        if level.name in seen:
            message = f"'{level.name}' is the name of {seen[level.name]} already"
            yield document.fault((*where, "service_levels", index, "name"), message, "give each its own name")
        seen.setdefault(level.name, f"service level {index + 1}")


def check_serve(serve: Serve, models: Mapping[str, Model], document: Document) -> Iterator[Fault]:
    """The faults of the webhook receiver: models that are not there, names given twice, a door without a lock."""
    for part in ("routes", "triggers"):
        for index, one in enumerate(getattr(serve, part)):
            if one.model not in models:
                hint = near(one.model, models, listing=f"models: {', '.join(models)}")
                yield document.fault(("serve", part, index, "model"), f"no model '{one.model}'", hint)
    for part in ("notify", "triggers"):
        seen: set[str] = set()
        for index, one in enumerate(getattr(serve, part)):
            if one.name in seen:
                yield document.fault(
                    ("serve", part, index, "name"), f"a second one called '{one.name}'", "give each its own name"
                )
            seen.add(one.name)
    if not serve.loopback and not serve.guarded:
        yield document.fault(
            ("serve", "listen"),
            f"{serve.listen} can be reached from other machines, and nobody has to show who they are",
            "add serve.auth.bearer or basic, or serve.tls.client_ca; or listen at 127.0.0.1",
        )
