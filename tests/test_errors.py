import pytest

from triage import errors
from triage.errors import ConfigError, Fault, NotFound, TriageError, UsageError, near


def test_every_error_is_in_the_tree_that_the_docstring_draws() -> None:
    classes = [one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, TriageError)]
    for one in classes:
        assert f" {one.__name__} " in f"{errors.__doc__} ".replace("\n", " "), one.__name__


def test_a_message_ends_in_its_hint() -> None:
    assert str(TriageError("no disk", hint="add one")) == "no disk. Hint: add one"
    assert str(TriageError("no disk")) == "no disk"


@pytest.mark.parametrize("error", [UsageError, ConfigError, NotFound])
def test_what_was_asked_wrongly_exits_with_2(error: type[TriageError]) -> None:
    assert error.exit_code == 2
    assert TriageError.exit_code == 1


def test_a_config_error_tells_every_fault_with_its_place() -> None:
    error = ConfigError([Fault("a.yaml", 3, "models.x", "no dataset 'y'", "z"), Fault("a.yaml", 9, "", "a cycle")])
    assert str(error) == "a.yaml:3 models.x: no dataset 'y'. Hint: z\na.yaml:9: a cycle"


def test_the_nearest_name_is_offered_and_nothing_far_fetched() -> None:
    assert near("rolback", ["rollback", "retrain"]) == "did you mean 'rollback'?"
    assert near("zzz", ["rollback"], listing="'triage steps' lists them") == "'triage steps' lists them"
