import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from tests.report.hostile import HOSTILE_CHANGES
from tests.report.sample import incident
from triage.incident import fold
from triage.report import RENDERERS, render_html, render_markdown
from triage.report.pages import code_span, escape_markdown

VOID = {"meta", "br", "rect", "line", "polyline", "circle", "link", "img"}
STEERING = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


class Page(HTMLParser):
    """Tags, attributes and text of a page; a tag closed out of turn is a fault."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags, self.attributes, self.text, self.open, self.faults = [], [], [], [], []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, *pair) for pair in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)

    def handle_endtag(self, tag):
        if tag not in VOID and (not self.open or self.open.pop() != tag):
            self.faults.append(tag)

    def handle_data(self, data):
        self.text.append(data)


def gfm():
    return MarkdownIt("commonmark").enable("table")


def tokens(parsed):
    for token in parsed:
        yield token
        yield from tokens(token.children or ())


@pytest.mark.parametrize("form", ["md", "html", "json"])
def test_the_same_journal_gives_the_same_bytes(form):
    found, told = incident()
    again, told_again = incident()
    assert RENDERERS[form](found, told).encode() == RENDERERS[form](again, told_again).encode()


@pytest.mark.parametrize("form", ["md", "html", "json"])
def test_every_prefix_of_a_journal_can_be_reported(form):
    _, told = incident()
    for length in range(1, len(told) + 1):
        assert RENDERERS[form](fold(told[:length]), told[:length]).endswith("\n")


@pytest.mark.parametrize("changes", [{}, HOSTILE_CHANGES], ids=["plain", "hostile"])
def test_the_html_is_well_formed_and_loads_and_runs_nothing(changes):
    page = Page(render_html(*incident(**changes)))
    assert page.faults == []
    assert page.open == []
    assert not {"script", "link", "img", "iframe", "object", "form"} & set(page.tags)
    assert not [a for a in page.attributes if a[1].startswith("on") or a[1] == "src"]
    assert {a[2][0] for a in page.attributes if a[1] == "href"} == {"#"}


def test_hostile_text_adds_no_tag_to_the_html_that_harmless_text_does_not_have():
    plain, hostile = (Page(render_html(*incident(**changes))) for changes in ({}, HOSTILE_CHANGES))
    assert set(hostile.tags) == set(plain.tags)
    assert "<script>alert(1)</script>" in "".join(hostile.text)


@pytest.mark.parametrize("render", [render_html, render_markdown])
def test_no_control_or_bidirectional_character_reaches_a_page(render):
    assert STEERING.findall(render(*incident(**HOSTILE_CHANGES))) == []


def test_hostile_text_adds_no_markup_to_the_markdown():
    plain, hostile = (list(tokens(gfm().parse(render_markdown(*incident(**c))))) for c in ({}, HOSTILE_CHANGES))
    kinds = {token.type for token in hostile}
    assert not {"link_open", "image", "html_block", "fence", "code_block"} & kinds
    assert kinds <= {token.type for token in plain} | {"html_inline"}
    assert {token.content for token in hostile if token.type == "html_inline"} <= {"<br>", "<code>", "</code>"}
    for kind in ("heading_open", "tr_open", "td_open", "th_open", "strong_open"):
        assert sum(token.type == kind for token in hostile) == sum(token.type == kind for token in plain), kind


@given(st.text(alphabet=st.sampled_from("ab1 \\`*_{}[]()#+-.!|~<>&$@:/=w\"'"), min_size=1, max_size=40))
def test_escaped_markdown_reads_as_the_text_it_was_made_of(text):
    text = text.strip() or "a"
    rendered = gfm().render(f"{escape_markdown(text)}\n")
    shown = Page(rendered)
    assert shown.tags == ["p"]
    assert "".join(shown.text).strip() == text


@given(st.text(alphabet=st.sampled_from("ab \\`|<>&*_"), max_size=30))
def test_code_in_a_table_reads_as_the_text_it_was_made_of(text):
    rendered = gfm().render(f"| a |\n|---|\n| {code_span(text)} |\n")
    cell = Page(rendered[rendered.index("<td>") : rendered.index("</td>")])
    assert cell.tags[:2] == ["td", "code"]
    assert "".join(cell.text).split() == text.split()


def test_links_that_a_reader_would_make_by_itself_are_broken():
    assert "://" not in escape_markdown("see https://evil.example")
    assert "www." not in escape_markdown("www.evil.example")


def test_every_citation_of_the_html_leads_to_evidence_on_the_page():
    page = Page(render_html(*incident()))
    targets = {value for _, name, value in page.attributes if name == "id"}
    cited = {value[1:] for _, name, value in page.attributes if name == "href"}
    assert cited
    assert cited <= targets


@pytest.mark.parametrize("render", [render_html, render_markdown])
def test_a_page_names_sources_digests_and_the_journals_head(render):
    found, told = incident()
    text = render(found, told)
    for expected in ("impressions@2026-11", "xxh3:5f2d11aa90c1e77b", "212,480 rows", found.head, found.playbook_digest):
        assert expected in text


def test_a_chart_that_can_not_be_drawn_says_so_on_the_page():
    from dataclasses import replace

    from tests.report.sample import EVIDENCE

    for chart in ({"type": "pie"}, {"type": "distribution", "labels": ["a"], "baseline": [1.0, 2.0]}):
        evidence = (replace(EVIDENCE[0], chart=chart), *EVIDENCE[1:])
        assert "No picture: " in render_html(*incident(evidence=evidence))
