from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, field_validator

from triage.document import MAX_BYTES, Document, Wrong, dotted
from triage.errors import ConfigError, Fault, NotFound


class Level(BaseModel):
    model_config = ConfigDict(extra="forbid")
    kind: Literal["latency", "errors"]
    target: float = Field(gt=0, description="the level that is promised")


class Top(BaseModel):
    model_config = ConfigDict(extra="forbid")
    version: str
    levels: tuple[Level, ...] = ()
    by_name: dict[str, Level] = {}
    either: Level | str = "x"

    @field_validator("version")
    @classmethod
    def _even(cls, value: str) -> str:
        if value == "odd":
            raise Wrong("can't be odd", "use an even one")
        return value


def faults(text: str, model: type[BaseModel] = Top) -> tuple[Fault, ...]:
    with pytest.raises(ConfigError) as raised:
        Document.parse(text, "a.yaml").validate(model)
    return raised.value.faults


def only(text: str) -> Fault:
    found = faults(text)
    assert len(found) == 1, found
    return found[0]


def test_each_key_and_item_knows_its_line() -> None:
    document = Document.parse("a: 1\n\nb:\n  - x: 1\n  - y:\n      z: 2\n", "a.yaml")
    assert document.data == {"a": 1, "b": [{"x": 1}, {"y": {"z": 2}}]}
    assert [document.line(path) for path in (("a",), ("b",), ("b", 1), ("b", 1, "y", "z"))] == [1, 3, 5, 6]


def test_a_key_that_is_not_there_has_the_line_of_the_nearest_one_above() -> None:
    document = Document.parse("a: 1\nb:\n  c: 1\n", "a.yaml")
    assert document.line(("b", "d", 0)) == 2
    assert document.line(("q",)) == 1


def test_the_digest_follows_the_text() -> None:
    one, same, other = (Document.parse(text, "a.yaml").digest for text in ("a: 1", "a: 1", "a: 1 "))
    assert one == same != other
    assert one.startswith("sha256:")


def test_words_that_yaml_1_1_would_turn_into_something_else_stay_text() -> None:
    text = "a: yes\nb: 12:30\nc: 2026-11-01\nd: 010\ne: 1e3\nf: off\ng: 0x1F\nh: '1'\ni: ~\nj:\n"
    assert Document.parse(text, "a.yaml").data == {
        "a": "yes", "b": "12:30", "c": "2026-11-01", "d": 10, "e": 1000.0, "f": "off", "g": 31, "h": "1", "i": None,
        "j": None,
    }  # fmt: skip


def test_aliases_are_read() -> None:
    assert Document.parse("a: &x {b: 1}\nc: *x\n", "a.yaml").data == {"a": {"b": 1}, "c": {"b": 1}}


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("", 1, "is empty"),
        ("- 1\n", 1, "must be a mapping at the top"),
        ("a: 1\nb: 2\na: 3\n", 3, "is there twice, first on line 1"),
        ("a:\n\tb: 1\n", 2, "indent with spaces"),
        ("a: 1\nb: c: d\n", 2, "a ':' where none can be"),
        ("a: [1\n", 2, "quotes and brackets must close"),
        ("a: 1\nb: @x\n", 2, "quote a value"),
        ("a:\n  b: 1\n c: 2\n", 3, "indentation does not fit"),
        ("a: 1\n---\nb: 2\n", 2, "one document a file"),
        ("a: 1\nb: \x01\n", 2, "control character (0x01)"),
        ("a: 1\nb: *nope\n", 2, "undefined alias"),
        ("a: 1\nb: !!python/name:os.system x\n", 2, "tags are not used"),
        ("a: {b: 1}\n<<: {c: 1}\n", 2, "merge key"),
        ("a: 1\n? [1, 2]\n: 3\n", 2, "a list for a key"),
        ("a: &x [*x]\n", 1, "unfolds to too many values"),
        ('a: "\\ud800"', 1, "half a character"),
        ("[" * 100_000, 1, "nested too deeply"),
        ("a: '" + "x" * MAX_BYTES + "'", 1, "larger than 256 KiB"),
    ],
)
def test_what_is_no_good_yaml_is_refused_with_its_line(text: str, line: int, says: str) -> None:
    with pytest.raises(ConfigError) as raised:
        Document.parse(text, "a.yaml")
    (fault,) = raised.value.faults
    assert fault.file == "a.yaml"
    assert fault.line == line
    assert says in str(fault)


def test_a_bomb_of_aliases_is_refused() -> None:
    text = "a0: &a0 [1]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 9))
    with pytest.raises(ConfigError, match="unfolds to too many values"):
        Document.parse(text, "a.yaml")


def test_several_faults_come_at_once_in_the_order_of_the_file() -> None:
    found = faults("version: 1.10\nlevels:\n  - kind: latncy\n    targt: 3\n  - {kind: errors, target: -1}\n")
    assert [str(fault) for fault in found] == [
        'a.yaml:1 version: must be text, not the number 1.1. Hint: put it in quotes: "1.10"',
        "a.yaml:3 levels[0].kind: can't be 'latncy'. Hint: did you mean 'latency'? allowed: latency, errors",
        "a.yaml:4 levels[0].targt: no such key 'targt'. Hint: did you mean 'target'? allowed: kind, target",
        "a.yaml:5 levels[1].target: must be greater than 0, not the number -1",
    ]


def test_a_missing_key_stands_where_its_parent_stands_and_says_what_it_is() -> None:
    fault = only("version: a\nby_name:\n  x:\n    kind: errors\n")
    assert (fault.line, fault.path) == (3, "by_name.x.target")
    assert "'by_name.x' needs it" in fault.message
    assert fault.hint == "the level that is promised"


def test_a_validator_of_ours_hands_its_hint_on() -> None:
    fault = only("version: odd\n")
    assert (fault.message, fault.hint) == ("can't be odd", "use an even one")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("version: a\nlevels: 3\n", "must be a list, not the number 3"),
        ("version: a\nby_name: [1]\n", "must be a mapping ('key: value' lines), not a list"),
        ("version: a\nby_name: hunter2\n", "must be a mapping ('key: value' lines), not text"),
        ("version: [1]\n", "must be text, not a list"),
        ("version:\n", "must be text, not empty"),
        ("version: a\nlevels: [{kind: errors, target: high}]\n", "must be a number, not 'high'"),
    ],
)
def test_a_value_of_another_type_is_told_in_plain_words(text: str, says: str) -> None:
    assert says in only(text).message


def test_of_a_union_only_the_member_that_was_meant_is_told_of() -> None:
    assert only("version: a\neither: {kind: errors, target: 0}\n").path == "either.target"


def test_a_part_of_a_document_is_validated_where_it_stands() -> None:
    document = Document.parse("steps:\n  - with:\n      kind: errors\n      target: 0\n", "p.yaml")
    with pytest.raises(ConfigError) as raised:
        document.validate(Level, at=("steps", 0, "with"))
    assert str(raised.value).startswith("p.yaml:4 steps[0].with.target: must be greater than 0")


def test_files_that_are_missing_binary_or_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="there is no file"):
        Document.load(tmp_path / "no.yaml")
    with pytest.raises(ConfigError, match="can't be read"):
        Document.load(tmp_path)
    (tmp_path / "a.yaml").write_bytes(b"a: 1\nb: \xff\n")
    with pytest.raises(ConfigError, match=r"a\.yaml:2: is not UTF-8 text \(byte 0xff\)"):
        Document.load(tmp_path / "a.yaml")


def test_a_byte_order_mark_and_windows_line_ends_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(b"\xef\xbb\xbfa: 1\r\nb: 2\r\n")
    assert Document.load(tmp_path / "a.yaml").data == {"a": 1, "b": 2}


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused_with_a_fault(text: str) -> None:
    lines, data = [1], {}
    try:
        data = Document.parse(text, "a.yaml").data
    except ConfigError as error:
        lines = [fault.line for fault in error.faults]
    assert isinstance(data, dict)
    assert min(lines) >= 1


_SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20)
)


@given(st.dictionaries(st.text("abc_", min_size=1), _SCALARS | st.lists(_SCALARS, max_size=3), min_size=1))
def test_what_json_writes_is_read_back(data: dict) -> None:
    import json

    assert Document.parse(json.dumps(data, ensure_ascii=True), "a.json").data == data


def test_a_path_is_written_with_dots_and_brackets() -> None:
    assert dotted(("models", "a", "levels", 0, "target")) == "models.a.levels[0].target"
