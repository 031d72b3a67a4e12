import subprocess
import sys
from pathlib import Path

import pytest

from triage import step
from triage.errors import ConfigError, NotFound
from triage.playbook import Playbook, find, shipped

HEAD = "name: test\ntitle: A test\nsteps:\n"


def faults(steps: str) -> str:
    with pytest.raises(ConfigError) as caught:
        Playbook.parse(HEAD + steps, "test.yaml")
    return str(caught.value)


@pytest.mark.parametrize("path", sorted(shipped().glob("*.yaml")), ids=lambda path: path.stem)
def test_every_shipped_playbook_is_without_fault_and_named_after_its_file(path: Path) -> None:
    assert Playbook.load(path).name == path.stem


def test_steps_come_after_those_they_need_and_otherwise_as_written() -> None:
    book = Playbook.parse(
        HEAD
        + "  - {id: c, uses: diagnose, needs: [b]}\n  - {id: a, uses: measure_kpi}\n  - {id: b, uses: measure_kpi}\n",
        "test.yaml",
    )
    assert [spec.id for spec in book.steps] == ["a", "b", "c"]


def test_an_unknown_step_gets_its_line_and_the_nearest_name() -> None:
    said = faults("  - id: a\n    uses: mesure_kpi\n")
    assert "test.yaml:5 steps[0].uses: no step 'mesure_kpi'" in said
    assert "did you mean 'measure_kpi'" in said


def test_an_unknown_parameter_gets_its_line_and_the_nearest_name() -> None:
    said = faults("  - id: a\n    uses: check_infrastructure\n    with:\n      leest_z: 3\n")
    assert "test.yaml:7 steps[0].with.leest_z" in said
    assert "least_z" in said


def test_a_parameter_out_of_range_is_refused() -> None:
    assert "least_z" in faults("  - id: a\n    uses: check_infrastructure\n    with: {least_z: -1}\n")


def test_a_cycle_is_named() -> None:
    said = faults("  - {id: a, uses: measure_kpi, needs: [b]}\n  - {id: b, uses: measure_kpi, needs: [a]}\n")
    assert "a cycle: " in said
    assert "a needs b" in said


def test_a_need_that_does_not_exist_gets_the_nearest_id() -> None:
    said = faults("  - {id: kpi, uses: measure_kpi}\n  - {id: b, uses: diagnose, needs: [kpj]}\n")
    assert "no step with the id 'kpj'" in said
    assert "did you mean 'kpi'" in said


def test_two_steps_with_one_id_are_refused() -> None:
    assert "a second step with the id 'a'" in faults("  - {id: a, uses: measure_kpi}\n  - {id: a, uses: measure_kpi}\n")


def test_a_step_whose_checks_exclude_each_other_can_never_be_reached() -> None:
    said = faults(
        "  - {id: d, uses: diagnose}\n"
        "  - id: a\n    uses: propose_plan\n    needs: [d]\n    when:\n"
        "      - {check: cause_is, kinds: [feature_drift]}\n      - {check: cause_is, kinds: [infrastructure]}\n"
    )
    assert "'a' can never be reached" in said


def test_a_check_on_a_step_that_does_not_run_before_is_refused() -> None:
    said = faults(
        "  - {id: kpi, uses: measure_kpi}\n"
        "  - id: a\n    uses: diagnose\n    when: [{check: output_is, step: kpi, name: moved, at_least: 1}]\n"
    )
    assert "'kpi' does not run before this step" in said
    assert "add 'kpi' to the needs of 'a'" in said


def test_a_check_on_a_step_that_runs_later_or_is_none_is_not_answered_with_a_cycle() -> None:
    check = "    when: [{check: output_is, step: %s, name: moved, at_least: 1}]\n"
    said = faults(
        "  - id: a\n    uses: measure_kpi\n" + check % "late" + "  - {id: late, uses: diagnose, needs: [a]}\n"
    )
    assert "'late' does not run before this step. Hint: name one that it needs" in said
    said = faults("  - {id: kpi, uses: measure_kpi}\n  - id: a\n    uses: diagnose\n    needs: [kpi]\n" + check % "kpj")
    assert "no step with the id 'kpj'. Hint: did you mean 'kpi'?" in said


def test_an_unknown_check_is_refused() -> None:
    assert "when" in faults("  - id: a\n    uses: diagnose\n    when: [{check: cause_was, kinds: [unknown]}]\n")


def test_a_change_without_a_gate_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    import triage.steps.mark_stale as mark_stale

    monkeypatch.setattr(mark_stale, "gated", True)
    step.load.cache_clear()
    try:
        assert "no gate stands before it" in faults("  - {id: a, uses: mark_stale}\n")
    finally:
        monkeypatch.undo()
        step.load.cache_clear()


def test_a_playbook_by_name_is_found_and_a_misspelt_one_gets_a_hint(tmp_path: Path) -> None:
    assert find("model_quality_drop").name == "model_quality_drop.yaml"
    (tmp_path / "model_quality_drop.yaml").write_text("")
    assert find("model_quality_drop", (tmp_path,)).parent == tmp_path
    with pytest.raises(NotFound, match="did you mean 'model_quality_drop'"):
        find("model_quality_dorp")


def test_a_bare_path_to_data_in_a_playbook_is_refused() -> None:
    for path in ("/data/x.parquet", "s3://bucket/x", "./x.csv", "C:\\x.parquet"):
        said = faults(f"  - id: a\n    uses: check_feature_drift\n    with: {{shown: '{path}'}}\n")
        assert f"a bare path to data, '{path}'" in said
        assert "name it, with its version, under datasets in triage.yaml" in said


def test_steps_can_be_looked_up_without_the_libraries_that_only_running_them_needs() -> None:
    heavy = ("mlflow", "river", "ruptures", "scipy.stats", "sklearn", "statsmodels")
    script = (
        "import sys\nfrom triage import step\n"
        "for name in step.names(): step.load(name)\n"
        f"print([name for name in {heavy!r} if name in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_a_run_may_have_a_parameter_of_its_own_which_is_checked_like_the_playbooks() -> None:
    book = Playbook.load(shipped() / "model_quality_drop.yaml")
    assert book.adjusted({}) is book
    changed = book.adjusted({"feature_drift": {"shown": 3}})
    step = next(step for step in changed.steps if step.id == "feature_drift")
    assert changed.params(step).model_dump()["shown"] == 3
    assert [one.id for one in changed.steps] == [one.id for one in book.steps]
    with pytest.raises(ConfigError, match="shown"):
        book.adjusted({"feature_drift": {"shown": 0}})
    with pytest.raises(NotFound, match="did you mean 'feature_drift'"):
        book.adjusted({"feature_drif": {"shown": 1}})
