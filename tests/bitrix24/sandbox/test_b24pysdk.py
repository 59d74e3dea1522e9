"""Unmodified b24pysdk, Bitrix24's own client: it builds its addresses from a bare domain."""

from collections import Counter

import httpx
import pytest
from b24pysdk import BitrixApp, BitrixToken, BitrixWebhook
from b24pysdk.errors import (
    BitrixAPIExpiredToken,
    BitrixAPIInsufficientScope,
    BitrixAPINotFound,
    BitrixAPIOperationTimeLimit,
    BitrixRequestError,
)
from b24pysdk.errors.oauth import BitrixOAuthNoAuthFound
from sdk_details import DETAILS
from sdk_scenarios import SCENARIOS as SUBJECTS

SCENARIOS = (*SUBJECTS, *DETAILS)
DOMAIN = "atelier.bitrix24.example"
SCOPES = "crm,user,department,task,im,telephony,disk"


@pytest.fixture(scope="module", autouse=True)
def trusted(secure):
    """The authority and the way to the portal, both by environment only."""
    with pytest.MonkeyPatch.context() as environ:
        environ.setenv("REQUESTS_CA_BUNDLE", str(secure.ca))
        environ.setenv("HTTPS_PROXY", secure.proxy)
        environ.delenv("NO_PROXY", raising=False)
        environ.delenv("no_proxy", raising=False)
        yield


@pytest.fixture(scope="module")
def b24(secure):
    return BitrixWebhook(domain=DOMAIN, webhook_token=secure.webhook_token).get_client()


@pytest.fixture
def token(secure):
    given = secure.application(SCOPES)
    return BitrixToken(
        domain=DOMAIN,
        auth_token=given["access_token"],
        refresh_token=given["refresh_token"],
        bitrix_app=BitrixApp(client_id=given["client_id"], client_secret=given["client_secret"]),
    )


@pytest.fixture(scope="module")
def told(secure, b24):
    """What became of each scenario (its error, or None), and the methods that were called."""

    def calls():
        lines = secure.control("stats", None, "GET")["methods"]
        return Counter({(line["caller"], line["method"]): line["calls"] for line in lines})

    given = secure.application(SCOPES)
    application = BitrixToken(
        domain=DOMAIN,
        auth_token=given["access_token"],
        bitrix_app=BitrixApp(client_id=given["client_id"], client_secret=given["client_secret"]),
    ).get_client()
    before = calls()
    outcomes = {}
    for scenario in SCENARIOS:
        try:
            outcomes[scenario] = scenario(b24, application)
        except Exception as error:  # told by the scenario's own test
            outcomes[scenario] = error
    return outcomes, {method for _caller, method in calls() - before}


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
def test_what_people_write_with_the_sdk_works(told, scenario):
    error = told[0][scenario]
    if error is not None:
        raise error


def test_the_sdk_calls_more_than_sixty_different_methods(told):
    different = told[1] - {"batch"}
    assert len(different) > 200
    writing = (".add", ".update", ".delete", ".set", ".import", ".register", ".finish")
    assert len([method for method in different if method.endswith(writing)]) > 90


def test_an_expired_token_is_refreshed_at_the_clouds_own_address(secure, token):
    old, pair = token.auth_token, token.refresh_token
    deal = token.get_client().crm.deal.add({"TITLE": "by an application"}).result
    secure.control("faults", "expired_token:method=crm.deal.get,times=1")
    assert token.get_client().crm.deal.get(deal).result["TITLE"] == "by an application"
    secure.control("faults", None, "DELETE")
    assert token.auth_token != old
    assert token.refresh_token != pair


def test_the_authorization_server_tells_about_the_installation(secure, token):
    info = token.get_app_info().result
    assert info.client_id == token.bitrix_app.client_id
    assert info.install.installed is True
    assert info.install.client_endpoint == f"{secure.base}/rest/"
    assert set(info.scope) == set(SCOPES.split(","))
    assert info.user_id == 1


def test_a_code_is_exchanged_for_tokens_by_the_sdk(secure, token):
    back = secure.http.get(
        f"{secure.base}/oauth/authorize/",
        params={"client_id": token.bitrix_app.client_id, "state": "s"},
    )
    renewed = token.get_oauth_token(httpx.URL(back.headers["location"]).params["code"])
    assert renewed.oauth_token.access_token != token.auth_token
    assert renewed.oauth_token.expires_in == 3600


def test_refusals_become_the_errors_that_the_sdk_has_for_them(secure, b24):
    narrow = secure.webhook(1, ["user"]).url.split("/rest/")[1]
    with pytest.raises(BitrixAPIInsufficientScope):
        BitrixWebhook(domain=DOMAIN, webhook_token=narrow).get_client().crm.deal.list().result  # noqa: B018 - calls
    with pytest.raises(BitrixOAuthNoAuthFound):
        BitrixWebhook(domain=DOMAIN, webhook_token="1/wrong").get_client().profile().result  # noqa: B018 - calls
    with pytest.raises(BitrixAPINotFound):
        b24.crm.item.get(2, 10**9).result  # noqa: B018 - calls
    for fault, error in (
        ("429", BitrixAPIOperationTimeLimit),
        ("expired_token", BitrixAPIExpiredToken),
        ("cut", BitrixRequestError),
    ):
        secure.control("faults", f"{fault}:method=crm.deal.fields")
        with pytest.raises(error):
            b24.crm.deal.fields().result  # noqa: B018 - calls
        secure.control("faults", None, "DELETE")
    secure.control("faults", "503:method=crm.deal.fields,times=1")
    assert b24.crm.deal.fields().result, "the SDK tries again by itself"
    secure.control("faults", None, "DELETE")
