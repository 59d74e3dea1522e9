"""Texts that are stored now and read later, in whichever language the reader speaks."""

import copy
import json
import pickle

import pytest

from workbench.i18n import _, ngettext, said, use_language
from workbench.i18n.texts import Text, kept, kept_list

FRENCH = "Channel “{channel}” has no CRM source ({n} row)."
PLURAL = "Channel “{channel}” has no CRM source ({n} rows)."


def in_both(stored: str) -> tuple[str, str]:
    with use_language("fr"):
        french = said(stored)
    with use_language("en"):
        return french, said(stored)


@pytest.mark.parametrize("written_in", ["fr", "en"])
def test_a_text_is_said_in_the_readers_language_whatever_it_was_written_in(written_in):
    with use_language(written_in):
        stored = kept(_("{file} is not UTF-8 text.").format(file="spend.csv"))
    french, english = in_both(stored)
    assert english == "spend.csv is not UTF-8 text."
    assert french != english and "spend.csv" in french and "{" not in french


@pytest.mark.parametrize("n", [1, 2])
def test_a_text_that_depends_on_a_count_keeps_it(n):
    with use_language("fr"):
        stored = kept(ngettext(FRENCH, PLURAL, n).format(channel="Affichage", n=n))
    french, english = in_both(stored)
    assert english == (FRENCH if n == 1 else PLURAL).format(channel="Affichage", n=n)
    assert french != english and "Affichage" in french


def test_a_text_within_a_text_and_within_an_error_is_said_too():
    with use_language("fr"):
        reason = ValueError(_("not an amount"))
        sentence = _("{file}, row {row}, column {column}: {reason}")
        stored = kept(sentence.format(file="a.csv", row=3, column="spend", reason=reason))
    french, english = in_both(stored)
    assert english == "a.csv, row 3, column spend: not an amount"
    assert "not an amount" not in french


def test_several_texts_are_said_one_after_the_other():
    with use_language("fr"):
        texts = [_("not an amount"), "Affichage", _("a year beyond reason")]
        stored = kept_list(texts, "; ")
    assert in_both(stored)[1] == "not an amount; Affichage; a year beyond reason"
    assert kept_list([]) == "" and kept_list(["one"]) == "one"


@pytest.mark.parametrize(
    "text",
    ["", "scope task", "{", "{}", '{"say": "{0.__class__}"}', '{"all": 3}', '{"say": 1}', "[1]"],
)
def test_a_string_that_is_no_text_of_ours_stays_as_it_is(text):
    assert said(kept(text)) == text


@pytest.mark.parametrize(
    "stored",
    ["{", '{"all": 3}', '{"say": 1}', '{"say": "{a}", "with": {"b": 1}}', '{"between": 1}', "{}"],
)
def test_what_was_damaged_is_shown_and_breaks_nothing(stored):
    assert said(stored) == stored


def test_a_text_is_a_string_in_every_other_respect():
    text = _("not an amount")
    assert isinstance(text, Text) and text == str(text) and hash(text) == hash(str(text))
    assert json.loads(json.dumps([text])) == [str(text)]
    assert f"{text:>20}" == f"{text!s:>20}"
    for same in (pickle.loads(pickle.dumps(text)), copy.deepcopy(text)):  # noqa: S301
        assert same == text and said(kept(same)) == said(kept(text))
