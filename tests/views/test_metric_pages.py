"""The help page of the metrics: complete, in both languages, from nowhere else."""

import re
from html.parser import HTMLParser

import pytest

from workbench.i18n import use_language
from workbench.metrics import catalogue
from workbench.views.metric_pages import metrics_html, write_pages


class Balance(HTMLParser):
    """Counts elements that are opened and not closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.ids += [value for name, value in attrs if name == "id"]
        if tag not in ("meta", "link", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.mark.parametrize("code", ["fr", "en"])
def test_the_page_shows_every_metric_with_all_its_facts(code):
    with use_language(code):
        page = metrics_html()
    reader = Balance()
    reader.feed(page)
    assert not reader.open and sorted(reader.ids) == sorted(catalogue())
    sections = re.split(r'<section id="', page)[1:]
    for section in sections:
        assert section.count("<dt>") == section.count("<dd>") == 11
        assert "<dd></dd>" not in section
    assert all(f'href="#{metric}"' in page for metric in catalogue())


def test_the_files_are_pages_of_their_own_and_load_nothing(tmp_path):
    french, english = write_pages(tmp_path / "help")
    assert [file.name for file in (french, english)] == ["metrics.fr.html", "metrics.en.html"]
    for file, other in ((french, english), (english, french)):
        text = file.read_text("utf-8")
        assert text.startswith("<!doctype html>") and f'lang="{file.suffixes[0][1:]}"' in text
        assert other.name in text
        assert not re.search(r"(?:src|href)=[\"']?(?:https?:)?//|@import|url\(\s*['\"]?http", text)
    assert "Chiffre d’affaires gagné" in french.read_text("utf-8")
    assert "Won revenue" in english.read_text("utf-8")
