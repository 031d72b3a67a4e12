import pandas as pd

from triage.drift.quality.spelling import explain_new_categories

CARRIERS = pd.Series(["UA"] * 500 + ["DL"] * 300 + ["B6"] * 200)


def test_case_and_spaces_are_a_spelling_of_the_known_category():
    found = explain_new_categories(CARRIERS, CARRIERS.replace({"UA": " ua"}))
    assert [(item.old, item.new, item.spelling) for item in found] == [("UA", " ua", True)]


def test_a_renamed_category_takes_the_share_its_old_name_lost():
    found = explain_new_categories(CARRIERS, CARRIERS.replace({"DL": "Delta"}))
    assert [(item.old, item.new, item.spelling) for item in found] == [("DL", "Delta", False)]


def test_two_renames_find_each_their_own():
    found = explain_new_categories(CARRIERS, CARRIERS.replace({"DL": "Delta", "UA": "United"}))
    assert {item.new: item.old for item in found} == {"Delta": "DL", "United": "UA"}


def test_a_category_that_is_simply_new_replaces_none():
    now = pd.concat([CARRIERS, pd.Series(["XX"] * 30)])
    assert [item.old for item in explain_new_categories(CARRIERS, now)] == [""]
