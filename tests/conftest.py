"""Fixtures that several folders of tests share."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def migrated_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty MLflow database; making one takes seconds, so that tests copy this one."""
    import mlflow

    path = tmp_path_factory.mktemp("mlflow") / "template.db"
    mlflow.MlflowClient(f"sqlite:///{path}", f"sqlite:///{path}").search_registered_models()
    return path


@pytest.fixture
def new_database(migrated_database: Path, tmp_path: Path) -> Callable[[], Path]:
    """A maker of empty MLflow databases in the test's own folder."""

    def make() -> Path:
        return Path(shutil.copy(migrated_database, tmp_path / "mlflow.db"))

    return make


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Where a test's journal is."""
    return tmp_path / "home"
