"""The page at the portal's address, for whoever opens it in a browser."""

import httpx
import pytest


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("fr", ("Portail d’essai", "Affaires", "Processus", "aucun vrai portail")),
        ("en", ("Sandbox portal", "Deals", "Processes", "no real portal")),
    ],
)
def test_it_says_what_it_is_and_holds_in_both_languages(portal, language, words):
    answer = httpx.get(f"{portal.base}/", params={"lang": language})
    assert answer.status_code == 200
    assert f'<html lang="{language}">' in answer.text
    assert not [word for word in words if word not in answer.text]
    deals = httpx.post(f"{portal.url}crm.deal.list").json()["total"]
    assert f"<dd>{deals}</dd>" in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_it_tells_no_secret_and_is_not_there_under_another_hosts_name(portal):
    code = portal.url.rstrip("/").rsplit("/", 1)[-1]
    assert code not in httpx.get(f"{portal.base}/").text
    assert httpx.get(f"{portal.base}/", headers={"Host": "elsewhere.example"}).status_code == 404
