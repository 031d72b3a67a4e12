"""The faults of a catalogue that no part of it shows by itself."""

import re
from collections.abc import Iterator, Mapping

from triage.catalog.model import Dataset, Model
from triage.document import Document
from triage.errors import Fault, near
from triage.faults import KeyPath


def cross_check(models: Mapping[str, Model], datasets: Mapping[str, Dataset], document: Document) -> Iterator[Fault]:
    """The faults that no part shows by itself."""
    for name, model in models.items():
        where = ("models", name)
        yield from _check_datasets(datasets, model, where, document)
        yield from _check_levels(model, where, document)
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


def _check_levels(model: Model, where: KeyPath, document: Document) -> Iterator[Fault]:
    seen = {model.kpi.name: "the KPI"}
    for index, level in enumerate(model.service_levels):
        if level.name in seen:
            message = f"'{level.name}' is the name of {seen[level.name]} already"
            yield document.fault((*where, "service_levels", index, "name"), message, "give each its own name")
        seen.setdefault(level.name, f"service level {index + 1}")
