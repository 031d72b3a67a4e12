import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from triage.incident import Source, Window
from triage.lineage.audit import Audit, Mark, Training, judge, read_manifest, recorded_rows
from triage.ports import DatasetInfo, ModelVersion, Provenance

START, END = datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 8, tzinfo=UTC)
VERSION = ModelVersion("clicks", "4", run_id="0123456789abcdef", inputs={"x": "double"})
MADE = Provenance(
    status="FINISHED",
    started_at=END,
    made_by="ann",
    params={"trees": "60", "model__random_state": "7"},
    tags={"mlflow.source.git.commit": "ccfbeef", "mlflow.source.name": "train.py"},
    requirements=("mlflow==3.17.2", "# a comment", "scikit-learn==1.9.1"),
    python="3.11.7",
)
KEPT = Source("dataset", "log", "2026-11", "xxh3:aa", Window(START, END), 100)
NOW = DatasetInfo("log", "2026-11", {}, 1_000, 3, START, END)


def audited(version: ModelVersion = VERSION, made: Provenance = MADE, *rows: Training) -> Audit:
    return judge(version, made, rows or (Training(KEPT, NOW),), command=("python", "train.py"))


def marks(found: Audit) -> dict[str, Mark]:
    return {item.what: item.mark for item in found.items}


def test_a_version_of_which_everything_is_kept_can_be_built_again() -> None:
    found = audited()
    assert found.rebuildable
    assert found.gaps == ()
    assert "can be built again" in found.statement


@pytest.mark.parametrize(
    ("version", "made", "what", "hint"),
    [
        (replace(VERSION, run_id=""), MADE, "run", "tracked run"),
        (VERSION, replace(MADE, tags={}), "code", "git checkout"),
        (VERSION, replace(MADE, params={}), "parameters", "log every parameter"),
        (VERSION, replace(MADE, params={"trees": "6", "seedlings": "3"}), "seed", "log the seed"),
        (VERSION, replace(MADE, requirements=("mlflow",)), "environment", "pin exact versions"),
        (VERSION, replace(MADE, requirements=("mlflow>=3", "pandas==3.1.1")), "environment", "pin exact versions"),
        (VERSION, replace(MADE, requirements=()), "environment", "requirements"),
        (VERSION, replace(MADE, python=""), "environment", "image"),
        (replace(VERSION, inputs=None), MADE, "signature", "signature"),
    ],
)
def test_what_is_not_kept_is_named_with_what_to_do(
    version: ModelVersion, made: Provenance, what: str, hint: str
) -> None:
    found = audited(version, made)
    missing = [item for item in found.items if item.mark is not Mark.KEPT]
    assert what in {item.what for item in missing}
    assert any(hint in item.hint for item in missing)
    assert not found.rebuildable
    assert all(item.hint for item in missing)


@pytest.mark.parametrize(
    ("row", "mark", "said"),
    [
        (Training(replace(KEPT, digest="")), Mark.MISSING, "can't be told from others"),
        (Training(KEPT), Mark.MISSING, "not in the catalogue"),
        (Training(KEPT, replace(NOW, version="2026-12")), Mark.MISSING, "has version 2026-12"),
        (Training(KEPT, replace(NOW, first=END)), Mark.MISSING, "are gone"),
        (Training(KEPT, NOW, reread="xxh3:bb"), Mark.MISSING, "read again it is xxh3:bb"),
        (Training(KEPT, problem="the disk is away"), Mark.UNREAD, "the disk is away"),
        (Training(KEPT, NOW, reread="xxh3:aa"), Mark.KEPT, "the same"),
    ],
)
def test_the_rows_must_be_there_in_the_same_state(row: Training, mark: Mark, said: str) -> None:
    found = next(item for item in audited(VERSION, MADE, row).items if item.what == "data log")
    assert found.mark is mark
    assert said in found.found


def test_without_any_record_of_the_data_nothing_is_taken_for_granted() -> None:
    found = judge(VERSION, MADE, (), command=("python", "train.py"))
    assert marks(found)["data"] is Mark.MISSING


def test_a_registry_that_keeps_the_run_to_itself_is_unread_and_no_pass() -> None:
    found = audited(VERSION, replace(MADE, problem="403"))
    assert marks(found)["run"] is Mark.UNREAD
    assert not found.rebuildable


def test_a_container_image_stands_for_the_whole_environment() -> None:
    assert audited(VERSION, replace(MADE, requirements=(), image="train@sha256:ab")).rebuildable


def test_the_manifest_says_what_was_read_and_else_the_run_does() -> None:
    logged = replace(MADE, datasets=(replace(KEPT, name="inputs"),))
    reads = [{"rows": {"kind": "dataset", "name": "log", "version": "1", "digest": "d"}, "columns": ["x"]}]
    manifest = read_manifest(json.dumps({"stages": [{"id": "ingestion", "reads": reads}]}).encode())
    assert [source.name for source in recorded_rows(logged, manifest)] == ["log"]
    assert [source.name for source in recorded_rows(logged, None)] == ["inputs"]


@pytest.mark.parametrize("body", [None, b"", b"\xff", b"[]", b"{}", b'{"stages": 3}', b"{"])
def test_what_is_no_manifest_is_none(body: bytes | None) -> None:
    assert read_manifest(body) is None
