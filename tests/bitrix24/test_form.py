"""PHP-style forms, both ways."""

import contextlib
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.bitrix24.form import MalformedForm, flatten, parse

keys = st.text("abcXYZ_", min_size=1, max_size=8)
values = st.recursive(
    st.text(max_size=12),
    lambda inner: (
        st.lists(inner, min_size=1, max_size=3)
        | st.dictionaries(keys, inner, min_size=1, max_size=3)
    ),
    max_leaves=12,
)


def depth(value) -> int:
    if isinstance(value, dict):
        return 1 + max(map(depth, value.values()))
    return 1 + max(map(depth, value)) if isinstance(value, list) else 0


@settings(deadline=None)
@given(st.dictionaries(keys, values, max_size=4).filter(lambda v: not v or depth(v) < 8))
def test_a_form_comes_back_as_it_was(given_values):
    assert parse(urlencode(flatten(given_values)).encode()) == given_values


def test_brackets_without_a_name_count_up():
    assert parse(b"select[]=ID&select[]=TITLE") == {"select": ["ID", "TITLE"]}


def test_what_the_portal_posts_for_an_event():
    body = b"event=ONCRMDEALUPDATE&data%5BFIELDS%5D%5BID%5D=7405&auth%5Bdomain%5D=a.example"
    assert parse(body) == {
        "event": "ONCRMDEALUPDATE",
        "data": {"FIELDS": {"ID": "7405"}},
        "auth": {"domain": "a.example"},
    }


def test_values_without_a_text_form_become_empty_or_one():
    assert flatten({"a": None, "b": True, "c": False, "d": 1.5}) == [
        ("a", ""),
        ("b", "1"),
        ("c", ""),
        ("d", "1.5"),
    ]


@pytest.mark.parametrize(
    "body",
    [
        b"a=1&a[b]=2",
        b"a[b]=2&a=1",
        b"a[b]=1&a[b][c]=2",
        b"a" + b"[b]" * 9 + b"=1",
        b"a=%FF",
        "a=é".encode(),
        b"&".join(b"k%d=1" % n for n in range(3_000)),
    ],
)
def test_contradicting_deep_long_or_undecodable_bodies_are_refused(body):
    with pytest.raises(MalformedForm):
        parse(body)


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_any_body_is_parsed_or_refused(body):
    with contextlib.suppress(MalformedForm):
        parse(body)
