"""Wrong calls are answered as the documentation says: status, code and text, family by family."""

import pytest
from wrong_calls import RIGHTS, TABLES, filled, records

ALL = [
    pytest.param(*row, id=f"{family}-{row[0]}-{place}")
    for family, rows in TABLES.items()
    for place, row in enumerate(rows)
]


@pytest.fixture(scope="module")
def made(empty, colleague):
    """The records that wrong calls name."""
    return records(empty, colleague)


def check(client, made, method, params, status, code, text):
    answer = client.call(method, filled(params, made))
    body = answer.json()
    assert "result" not in body, body
    assert (answer.status_code, body["error"]) == (status, code), body
    assert body["error_description"].startswith(text), body


@pytest.mark.parametrize(("method", "params", "status", "code", "text"), ALL)
def test_a_wrong_call_is_answered_as_documented(empty, made, method, params, status, code, text):
    check(empty, made, method, params, status, code, text)


@pytest.mark.parametrize(("method", "params", "status", "code", "text"), RIGHTS)
def test_who_has_no_right_is_refused_as_documented(
    colleague, made, method, params, status, code, text
):
    check(colleague, made, method, params, status, code, text)
