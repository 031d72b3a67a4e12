import os
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from triage.catalog import Catalog, Secret, json_schema
from triage.catalog.fields import format_duration, parse_duration
from triage.document import Document, Wrong
from triage.errors import ConfigError, Fault, NotFound
from triage.starter import init_text

HERE = Path("/somewhere")


def catalog(*changes: tuple[str, str]) -> Catalog:
    text = init_text()
    for before, after in changes:
        assert before in text, before
        text = text.replace(before, after, 1)
    return Catalog.parse(text, "triage.yaml", HERE)


def fault(*changes: tuple[str, str]) -> Fault:
    with pytest.raises(ConfigError) as raised:
        catalog(*changes)
    assert len(raised.value.faults) == 1, str(raised.value)
    return raised.value.faults[0]


def test_the_starter_is_a_catalogue_and_fits_the_schema() -> None:
    found = catalog()
    assert found.model("my_model").windows.incident == timedelta(hours=48)
    schema = json_schema()
    Draft202012Validator.check_schema(schema)
    assert not list(Draft202012Validator(schema).iter_errors(Document.parse(init_text(), "t").data))


def test_the_schema_refuses_what_the_catalogue_refuses() -> None:
    data = Document.parse(init_text().replace("direction: higher_is_better", "direction: up"), "t").data
    assert list(Draft202012Validator(json_schema()).iter_errors(data))


def test_relative_paths_are_seen_from_the_catalogues_folder() -> None:
    found = catalog()
    assert found.dataset("training").path == str(HERE / "training.parquet")
    assert found.registry.uri == f"sqlite:///{HERE}/mlflow.db"
    assert catalog(("path: training.parquet", "path: /data/t.parquet")).dataset("training").path == "/data/t.parquet"


def test_a_snapshot_brings_the_same_catalogue_back() -> None:
    found = catalog()
    again = Catalog.restore(found.snapshot())
    assert again == found
    assert (again.digest, again.folder, again.file) == (found.digest, found.folder, "triage.yaml")


def test_models_and_datasets_know_their_names_and_unknown_ones_get_the_nearest() -> None:
    found = catalog()
    assert found.model("my_model").name == "my_model"
    assert found.dataset("labels").name == "labels"
    with pytest.raises(NotFound, match="did you mean 'my_model'"):
        found.model("my_modell")
    with pytest.raises(NotFound, match="did you mean 'training'"):
        found.dataset("trainin")


def test_a_model_that_names_an_unknown_dataset_gets_the_nearest() -> None:
    found = fault(("baseline: {dataset: training}", "baseline: {dataset: trainin}"))
    assert found.path == "models.my_model.baseline.dataset"
    assert found.line == init_text()[: init_text().index("baseline: {dataset")].count("\n") + 1
    assert "did you mean 'training'" in found.hint


@pytest.mark.parametrize(
    ("before", "after", "path", "says"),
    [
        ("  timeout: 10s", "  auth: {bearer: hunter2}", "prometheus.auth.bearer", "holds the secret itself"),
        ("  timeout: 10s", "  auth: {bearer: {env: A, file: b}}", "prometheus.auth.bearer", "exactly one of env, file"),
        ("  timeout: 10s", "  auth: {headers: {Cookie: hunter2}}", "prometheus.auth.headers", "holds the secret"),
        ("  timeout: 10s", "  timeout: 10", "prometheus.timeout", "add a unit: 10s"),
        ("  timeout: 10s", "  timeout: 0s", "prometheus.timeout", "longer than zero"),
        ("  timeout: 10s", "  recorded: metrics", "prometheus", "exactly one of url, recorded"),
        ("url: http://127.0.0.1:9090", "url: http://me:hunter2@host", "prometheus.url", "has a password in it"),
        ("url: http://127.0.0.1:9090", "url: prometheus:9090", "prometheus.url", "no http(s) address"),
        ("uri: sqlite:///mlflow.db", "uri: mlruns", "registry.uri", "no MLflow address"),
        ("version: 1\n", "version: 2\n", "version", "can't be '2'. Hint: allowed: 1"),
        ("incident: 48h", "incident: two days", "models.my_model.windows.incident", "90s, 30m, 48h or 14d"),
        ("target: 0.09", "target: .nan", "models.my_model.kpi.target", "must be a finite number"),
        ("task: classification", "task: clasification", "models.my_model.task", "did you mean 'classification'"),
        ("alias: champion", "alias: v3", "models.my_model.alias", "reserved by MLflow"),
        ("name: error_ratio", "name: conversion", "models.my_model.service_levels[1].name", "name of the KPI already"),
        ("[1h])) / sum", "[1h)) / sum", "models.my_model.kpi.query", "has a ')' that nothing opened"),
    ],
)
def test_what_can_not_stand_in_a_catalogue_is_refused_with_a_hint(
    before: str, after: str, path: str, says: str
) -> None:
    found = fault((before, after))
    assert found.path == path
    assert says in str(found)
    assert "hunter2" not in str(found)


def test_labels_that_can_not_be_joined_are_refused() -> None:
    found = fault(("    time: labelled_at\n    key: request_id\n", "    time: labelled_at\n"))
    assert "add 'key: COLUMN' to datasets.labels" in found.hint


def test_a_secret_is_read_late_and_never_shown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TRIAGE_TEST_TOKEN", "hunter2")
    found = catalog(("  timeout: 10s", "  auth: {bearer: {env: TRIAGE_TEST_TOKEN}}"))
    secret = found.prometheus.auth.bearer
    assert secret is not None
    assert secret.reveal() == "hunter2"
    assert "hunter2" not in repr(found) + found.model_dump_json() + found.snapshot()
    (tmp_path / "token").write_text("s3cret\n")
    assert Secret(file=str(tmp_path / "token")).reveal() == "s3cret"


def test_a_secret_that_is_not_there_is_a_fault_at_its_line(tmp_path: Path) -> None:
    os.environ.pop("TRIAGE_NO_SUCH", None)
    found = catalog(("  timeout: 10s", "  auth: {bearer: {env: TRIAGE_NO_SUCH}}"))
    ((path, secret),) = found.secrets()
    assert path == ("prometheus", "auth", "bearer")
    with pytest.raises(ConfigError, match=r"triage\.yaml:\d+ prometheus\.auth\.bearer: the environment variable"):
        secret.reveal()
    with pytest.raises(ConfigError, match="there is no file"):
        Secret(file=str(tmp_path / "none")).reveal()
    (tmp_path / "empty").touch()
    with pytest.raises(ConfigError, match="is empty"):
        Secret(file=str(tmp_path / "empty")).reveal()


def test_a_missing_file_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="triage config init"):
        Catalog.load(tmp_path / "triage.yaml")


@given(st.timedeltas(min_value=timedelta(milliseconds=1), max_value=timedelta(days=3000)))
def test_a_duration_reads_as_it_is_written(length: timedelta) -> None:
    whole = timedelta(milliseconds=round(length / timedelta(milliseconds=1)))
    assert parse_duration(format_duration(whole)) == whole


@pytest.mark.parametrize("text", ["", "h", "-1h", "1y", "1 h", "９h", "1e3s", None, True, [], "99999999999d"])
def test_what_is_no_duration_is_refused(text: object) -> None:
    with pytest.raises(Wrong):
        parse_duration(text)
