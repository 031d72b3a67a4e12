"""An InferenceService (serving.kserve.io/v1beta1) as a file: the fields that a rollout sets, the rest left as it is."""

import json
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from triage.errors import Refused, SourceUnavailable
from triage.ports import Rollout, Serving

_KEY, _ROLLOUT, _HALTED = "triage/key", "triage/rollout", "triage/halted"
_NAME = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
_SERVICE = r"^[a-z]([-a-z0-9]*[a-z0-9])?$"
"""KServe wants a letter first, other than Kubernetes."""
_FRAMEWORKS = frozenset(
    ["huggingface", "lightgbm", "onnx", "paddle", "pmml", "pytorch", "sklearn", "tensorflow", "triton", "xgboost"]
)


class _Part(BaseModel):
    model_config = ConfigDict(extra="allow", strict=True)


class _ModelFormat(_Part):
    name: str = Field(min_length=1)
    version: str | None = None


class _ModelSpec(_Part):
    modelFormat: _ModelFormat
    storageUri: str = Field(min_length=1)
    protocolVersion: Literal["v1", "v2", "grpc-v1", "grpc-v2"] | None = None
    runtime: str | None = None


class _Predictor(_Part):
    model: _ModelSpec
    canaryTrafficPercent: int | None = Field(None, ge=0, le=100)
    minReplicas: int | None = Field(None, ge=0)
    maxReplicas: int | None = Field(None, ge=0)

    @model_validator(mode="after")
    def _as_its_webhook_asks(self) -> "_Predictor":
        """What the schema of the fields lets through, and KServe's admission refuses."""
        others = sorted(_FRAMEWORKS & set(self.model_extra or ()))
        if others:
            raise ValueError(f"exactly one of model and {', '.join(others)} may be specified")
        if self.maxReplicas and (1 if self.minReplicas is None else self.minReplicas) > self.maxReplicas:
            raise ValueError("minReplicas is above maxReplicas")
        return self


class _Spec(_Part):
    predictor: _Predictor


class _Metadata(_Part):
    name: str = Field(pattern=_SERVICE, max_length=63)
    namespace: str = Field(pattern=_NAME, max_length=63)
    annotations: dict[str, str] = Field(default_factory=dict)
    labels: dict[str, str] = Field(default_factory=dict)


class InferenceService(BaseModel):
    """The part of the v1beta1 schema that a rollout depends on, and what KServe's admission asks of it besides.

    Fields and types are those of the `InferenceService` in KServe 0.21.
    """

    model_config = ConfigDict(extra="forbid", strict=True)

    apiVersion: Literal["serving.kserve.io/v1beta1"]
    kind: Literal["InferenceService"]
    metadata: _Metadata
    spec: _Spec


@dataclass(frozen=True, slots=True)
class Manifest:
    """``document`` is the manifest as plain values."""

    document: Mapping[str, Any]

    @classmethod
    def first(cls, service: str, namespace: str) -> "Manifest":
        """One that serves nothing yet."""
        return cls(
            {
                "apiVersion": "serving.kserve.io/v1beta1",
                "kind": "InferenceService",
                "metadata": {"name": service, "namespace": namespace},
                "spec": {"predictor": {"model": {"modelFormat": {"name": "mlflow"}, "protocolVersion": "v2"}}},
            }
        )

    @property
    def annotations(self) -> Mapping[str, str]:
        return self.document["metadata"].get("annotations") or {}

    @property
    def key(self) -> str:
        return self.annotations.get(_KEY, "")

    @property
    def halted(self) -> bool:
        return _HALTED in self.annotations

    def belongs_to(self, service: str, namespace: str) -> None:
        """Raises Refused where it is about another service."""
        metadata = self.document["metadata"]
        if (metadata["name"], metadata["namespace"]) != (service, namespace):
            raise Refused(
                f"the manifest is about {metadata['namespace']}/{metadata['name']}, not {namespace}/{service}",
                hint="correct router.service, router.namespace or router.file in the catalogue",
            )

    def with_rollout(self, rollout: Rollout, key: str, storage_uri: str) -> "Manifest":
        """The newest version of ``rollout`` is at ``storage_uri``. Raises Refused where it does not fit the schema."""
        document = self._annotated({_KEY: key, _ROLLOUT: _shares(rollout)})
        predictor = document["spec"]["predictor"]
        predictor["model"]["storageUri"] = storage_uri
        predictor.pop("canaryTrafficPercent", None)
        if rollout.challenger:
            predictor["canaryTrafficPercent"] = round(rollout.weight * 100)
        _checked(document, "the new manifest")
        return Manifest(document)

    def with_halt(self) -> "Manifest":
        document = self._annotated({**self.annotations, _HALTED: "true"})
        document["spec"]["predictor"]["canaryTrafficPercent"] = 0
        return Manifest(document)

    def text(self) -> str:
        return yaml.safe_dump(dict(self.document), sort_keys=False, allow_unicode=True)

    def _annotated(self, ours: Mapping[str, str]) -> dict[str, Any]:
        document = deepcopy(dict(self.document))
        others = {name: value for name, value in self.annotations.items() if not name.startswith("triage/")}
        document["metadata"]["annotations"] = {**others, **ours}
        return document


@dataclass(frozen=True, slots=True)
class Live:
    """The live object, as the Kubernetes API gives it."""

    document: Mapping[str, Any]

    @property
    def key(self) -> str:
        return str(self._at("metadata", "annotations").get(_KEY, ""))

    @property
    def settled(self) -> bool:
        """Whether KServe has seen the newest manifest, and everything is ready."""
        generation = self._at("metadata").get("generation")
        seen = self._at("status").get("observedGeneration")
        return generation is not None and generation == seen and self._ready().get("status") == "True"

    @property
    def words(self) -> str:
        ready = self._ready()
        reason = ready.get("message") or ready.get("reason") or "it has not seen the newest manifest"
        return f"Ready is {ready.get('status', 'unknown')}: {str(reason)[:300]}"

    def serving(self) -> tuple[Serving, ...]:
        """Versions by their share of the requests, from the status."""
        rollout = rollout_of(Manifest(self.document))
        traffic = self._at("status", "components", "predictor").get("traffic") or ()
        newest = sum(
            int(entry.get("percent") or 0)
            for entry in traffic
            if isinstance(entry, dict) and entry.get("latestRevision")
        )
        champion = Serving("champion", rollout.champion)
        if not rollout.challenger:
            return (champion,)
        return champion, Serving("challenger" if newest else "standby", rollout.challenger)

    def _ready(self) -> Mapping[str, Any]:
        conditions = self._at("status").get("conditions")
        listed = [one for one in conditions or () if isinstance(one, dict)] if isinstance(conditions, list) else []
        return next((one for one in listed if one.get("type") == "Ready"), {})

    def _at(self, *names: str) -> Mapping[str, Any]:
        value: Any = self.document
        for name in names:
            value = value.get(name) if isinstance(value, dict) else None
        return value if isinstance(value, dict) else {}


def read(text: str, where: str) -> Manifest:
    """Raises Refused where ``text`` is no InferenceService."""
    try:
        document = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        reason = str(getattr(error, "problem", "") or error)[:200]
        raise Refused(f"{where} can't be read as YAML: {reason}", hint="restore it from git's history") from None
    _checked(document, where)
    return Manifest(document)


def rollout_of(manifest: Manifest) -> Rollout:
    """The rollout that the annotations tell. Raises SourceUnavailable where there is none."""
    try:
        champion, challenger, weight = json.loads(manifest.annotations[_ROLLOUT])
        return Rollout(str(champion), str(challenger), float(weight))
    except (KeyError, ValueError, TypeError, AttributeError, RecursionError):
        raise SourceUnavailable(
            f"the InferenceService does not say which version it serves (annotation {_ROLLOUT})",
            hint="'triage rollout start' writes it",
        ) from None


def _shares(rollout: Rollout) -> str:
    return json.dumps([rollout.champion, rollout.challenger, rollout.weight])


def _checked(document: Any, where: str) -> None:
    try:
        InferenceService.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        at = ".".join(map(str, first["loc"])) or "the top"
        raise Refused(
            f"{where} is no InferenceService that KServe takes: {at}: {first['msg']}",
            hint="mend the manifest by hand, commit it, then resume",
        ) from None
