"""A model of the registry, loaded by version, that answers with one score a row."""

import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from triage.errors import Unmeasurable
from triage.ports import ModelVersion

if TYPE_CHECKING:
    import pandas as pd

# Flavours whose native model can have predict_proba, which MLflow's generic wrapper hides.
_NATIVE = ("sklearn", "lightgbm", "xgboost", "catboost")
_NUMBERS = {"double": np.float64, "float": np.float32}
"""What the signature's types are to numpy. A pyfunc model takes nothing else: no float64 for a float, no long for a
double."""


class MlflowPredictor:
    """Scores of one version: the probability of the positive class where the model has one, else its prediction."""

    def __init__(self, version: ModelVersion, uri: str, flavors: Mapping[str, Any]) -> None:
        self.version = version
        self._name = f"model '{version.name}' version {version.version}"
        try:
            self._model = self._load(uri, flavors)
        except Exception as error:  # whatever unpickling a foreign model raises
            raise Unmeasurable(
                f"{self._name} can't be loaded: {_words(error)}",
                hint="install the model's own requirements beside triage, in the versions it was logged with",
            ) from error

    def predict(self, rows: "pd.DataFrame") -> np.ndarray:
        """Scores, float64 of shape (n,). Raises Unmeasurable when columns are missing or the model fails."""
        inputs = self._inputs(rows)
        try:
            answer = self._model.predict_proba(inputs) if self._has_probabilities else self._model.predict(inputs)
            scores = np.asarray(answer)
        except Exception as error:  # the model's own code
            raise Unmeasurable(
                f"{self._name} can't score these rows: {_words(error)}",
                hint="compare the log with the model's signature",
            ) from error
        return self._flat(scores, len(rows))

    def _load(self, uri: str, flavors: Mapping[str, Any]) -> Any:
        import mlflow

        for flavor in _NATIVE:
            if flavor in flavors:
                model = importlib.import_module(f"mlflow.{flavor}").load_model(uri)
                if hasattr(model, "predict_proba"):
                    self._has_probabilities = True
                    return model
        self._has_probabilities = False
        return mlflow.pyfunc.load_model(uri)

    def _inputs(self, rows: "pd.DataFrame") -> "pd.DataFrame":
        """The columns of the signature, in its order and of its types."""
        wanted = self.version.inputs
        if not wanted:
            return rows
        missing = [name for name in wanted if name not in rows.columns]
        if missing:
            raise Unmeasurable(
                f"{self._name} needs columns that the rows lack: {', '.join(missing[:10])}",
                hint="log every feature of the signature in the serving log",
            )
        inputs = rows[list(wanted)].copy(deep=False)
        for name, type_ in wanted.items():
            column = inputs[name]
            if column.dtype.name == "category":
                column = column.astype(column.cat.categories.dtype)
            if type_ in _NUMBERS and (not self._has_probabilities or column.dtype.kind not in "fiub"):
                try:
                    column = column.astype(float if self._has_probabilities else _NUMBERS[type_])
                except (TypeError, ValueError) as error:
                    raise Unmeasurable(
                        f"{self._name} wants numbers in '{name}': {_words(error)}", hint=f"see what writes '{name}'"
                    ) from error
            inputs[name] = column
        return inputs

    def _flat(self, scores: np.ndarray, n: int) -> np.ndarray:
        if scores.ndim == 2 and scores.shape[1] in (1, 2):
            scores = scores[:, -1]
        if scores.shape != (n,):
            raise Unmeasurable(
                f"{self._name} answers with shape {scores.shape} for {n} rows, not one score a row",
                hint="only binary classifiers and regressors can be replayed",
            )
        try:
            return scores.astype(np.float64)
        except (TypeError, ValueError) as error:
            raise Unmeasurable(
                f"{self._name} answers with labels, not scores: {_words(error)}",
                hint="log it with pyfunc_predict_fn='predict_proba'",
            ) from error


def _words(error: BaseException) -> str:
    return ((str(error).strip().splitlines() or [""])[0] or type(error).__name__)[:200]
