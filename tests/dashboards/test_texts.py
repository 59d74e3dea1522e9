"""The templates' texts: each has its French, with the same placeholders."""

import re
from pathlib import Path

import pytest
from babel.messages.pofile import read_po
from jinja2.ext import babel_extract

import workbench.dashboards
from workbench.dashboards.published import Dashboard
from workbench.i18n import use_language

PACKAGE = Path(workbench.dashboards.__file__).parent
CATALOGUES = PACKAGE.parent / "i18n" / "fr"


def texts() -> dict[str, str]:
    found = {}
    for file in sorted((PACKAGE / "templates").glob("*.j2")):
        with file.open("rb") as source:
            for line, _function, text, _comments in babel_extract(source, ["_"], [], {}):
                found[text] = f"{file.name}:{line}"
    return found


@pytest.mark.parametrize("text", texts())
def test_each_text_of_a_template_has_its_french(text: str):
    french = {}
    for file in CATALOGUES.glob("*.po"):
        with file.open("rb") as source:
            french |= {entry.id: entry.string for entry in read_po(source, locale="fr")}
    assert french.get(text), texts()[text]
    assert re.findall(r"{\w+}", french[text]) == re.findall(r"{\w+}", text)


def test_no_page_asks_another_host():
    for file in [*(PACKAGE / "templates").iterdir(), *(PACKAGE / "static").iterdir()]:
        addresses = re.findall(r"(?:https?:)?//[\w.-]+\.\w+", file.read_text())
        assert [each for each in addresses if "www.w3.org" not in each] == [], file.name


def test_a_title_is_in_the_language_of_the_moment_or_in_the_one_there_is():
    both = Dashboard("a", Path("a.ipynb"), {"fr": "Ventes", "en": "Sales"}, {"fr": "Oui"})
    with use_language("en"):
        assert (both.title, both.description) == ("Sales", "Oui")
    with use_language("fr"):
        assert both.title == "Ventes"
    assert Dashboard("a", Path("a.ipynb"), {}, {}).title == "a"
