import re
import subprocess
import sys
from dataclasses import replace

import pytest

from tests.report.hostile import HOSTILE_CHANGES
from tests.report.sample import DIAGNOSIS, incident
from triage.incident import fold
from triage.plain import cells
from triage.report.terminal import render_terminal


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("changes", [{}, HOSTILE_CHANGES], ids=["plain", "hostile"])
def test_no_line_is_wider_than_the_page(changes, width):
    assert max(map(cells, render_terminal(*incident(**changes), width=width).splitlines())) <= width


def test_nothing_from_data_can_steer_the_terminal():
    text = render_terminal(*incident(**HOSTILE_CHANGES))
    assert not [c for c in text if (ord(c) < 32 and c != "\n") or 127 <= ord(c) < 160 or c in "\u202e\u2066"]
    assert "␛[2J" in text


def test_colour_is_there_only_when_asked_and_adds_nothing_but_colour():
    plain, coloured = render_terminal(*incident()), render_terminal(*incident(), colour=True)
    assert "\x1b" not in plain
    assert "\x1b" in coloured
    assert re.sub(r"\x1b\[\d+m", "", coloured) == plain


def test_it_shows_ladder_causes_exclusions_gaps_plan_and_the_next_command():
    text = render_terminal(*incident())
    assert re.search(r"● feature drift +cause", text)
    assert re.search(r"○ infrastructure +ruled out", text)
    assert re.search(r"· concept drift +not checked", text)
    assert re.search(r"1  feature drift: user_location .* 91%", text)
    assert "78% of the drop (64% to 90%)" in text
    assert "? concept drift: labels for the last 2 h have not arrived" in text
    assert "Retrain recommender (changes)" in text
    assert text.endswith("Next\n  triage report recommender-1 --format html\n")


def test_another_next_command_can_be_given():
    assert "triage demo flights" in render_terminal(*incident(), next_command="triage demo flights")


def test_every_prefix_of_a_journal_has_a_summary_and_an_open_one_is_to_be_resumed():
    _, told = incident()
    for length in range(1, len(told)):
        text = render_terminal(fold(told[:length]), told[:length])
        assert text.endswith("Next\n  triage resume recommender-1\n")


def test_an_impossible_probability_breaks_no_bar():
    causes = tuple(
        replace(cause, probability=value) for cause, value in zip(DIAGNOSIS.causes, (1.7, -0.2), strict=True)
    )
    assert render_terminal(*incident(diagnosis=replace(DIAGNOSIS, causes=causes)))


def test_the_summary_needs_no_template_engine_and_no_heavy_library():
    code = "import sys, triage.report.terminal; print({'jinja2', 'numpy', 'pandas', 'matplotlib'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
