"""Applications of the sandbox over HTTP; the points are those of the fidelity checklist."""

from collections.abc import Iterator

import httpx
import pytest
from listener import Listener, listening, wait_until
from portal_application import (
    Application,
    add_application,
    ordinary_user,
    webhook_call,
)
from sandbox_portal import SMALL_COMPANY, running_portal

pytestmark = pytest.mark.timeout(60)


@pytest.fixture(scope="module")
def portal(tmp_path_factory) -> Iterator:
    with running_portal(tmp_path_factory.mktemp("p"), *SMALL_COMPANY, "--control") as running:
        yield running


@pytest.fixture
def listener() -> Iterator[Listener]:
    with listening() as running:
        yield running


@pytest.fixture
def application(portal, listener) -> Application:
    return add_application(portal, listener)


def deal_of(portal) -> int:
    _status, body = webhook_call(portal.url, "crm.deal.add", {"fields": {"TITLE": "Test"}})
    return body["result"]


def test_installation_is_told_by_one_form_post(application, listener):
    post = listener.posts[0]
    assert listener.types == ["application/x-www-form-urlencoded"]
    assert listener.paths == ["/install"]
    assert post["event"] == "ONAPPINSTALL"
    assert post["data[INSTALLED]"] == "Y"
    needed = [
        "access_token",
        "refresh_token",
        "expires_in",
        "expires",
        "scope",
        "domain",
        "server_endpoint",
        "client_endpoint",
        "status",
        "member_id",
        "application_token",
        "user_id",
    ]
    assert {f"auth[{name}]" for name in needed} <= post.keys()
    assert f"http://{post['auth[domain]']}" == application.base


def test_point_03_the_token_counts_in_query_form_and_json(application):
    url = f"{application.base}/rest/profile"
    given = {"auth": application.access_token}
    answers = [
        httpx.get(url, params=given),
        httpx.post(url, data=given),
        httpx.post(url, json=given),
    ]
    assert [a.status_code for a in answers] == [200, 200, 200]
    assert {a.json()["result"]["ID"] for a in answers} == {"1"}


def test_point_04_an_expired_token_works_again_after_refreshing(portal, application):
    portal.advance(3_601)
    status, body = application.call("profile")
    assert (status, body["error"]) == (401, "expired_token")
    renewed = application.token(
        grant_type="refresh_token", refresh_token=application.refresh_token
    ).json()
    assert application.call("profile", token=renewed["access_token"])[0] == 200


def test_a_made_up_token_is_refused(application):
    status, body = application.call("profile", token="0" * 70)
    assert (status, body["error"]) == (401, "NO_AUTH_FOUND")


def test_an_application_has_its_own_scopes_only(application):
    status, body = application.call("department.get")
    assert (status, body["error"]) == (403, "insufficient_scope")


def test_point_37_placements_need_an_application_and_their_name(portal, application):
    status, body = webhook_call(portal.url, "placement.bind", {"PLACEMENT": "LEFT_MENU"})
    assert (status, body["error"]) == (403, "WRONG_AUTH_TYPE")
    status, body = application.call("placement.bind", {"HANDLER": "http://127.0.0.1/x"})
    assert (status, body["error"], body["argument"]) == (200, "ERROR_ARGUMENT", "PLACEMENT")
    tab = {"PLACEMENT": "CRM_DEAL_DETAIL_TAB", "HANDLER": "http://127.0.0.1/x", "TITLE": "Tab"}
    assert application.call("placement.bind", tab)[1]["result"] is True
    assert application.call("placement.get")[1]["result"][0]["title"] == "Tab"
    status, body = application.call("placement.bind", {**tab, "PLACEMENT": "NOWHERE"})
    assert body["error"] == "ERROR_PLACEMENT_NOT_FOUND"
    assert application.call("placement.unbind", tab)[1]["result"] == {"count": 2}


def test_point_38_an_update_is_posted_once_also_if_the_handler_fails(portal, application, listener):
    handler = f"{listener.url}/events"
    deal = deal_of(portal)
    bound = {"event": "OnCrmDealUpdate", "handler": handler}
    assert application.call("event.bind", bound)[1]["result"] is True
    listener.status = 500
    webhook_call(portal.url, "crm.deal.update", {"id": deal, "fields": {"TITLE": "A"}})
    post = listener.wait_for(2)[1]
    assert post["event"] == "ONCRMDEALUPDATE"
    assert post["data[FIELDS][ID]"] == str(deal)
    assert post["auth[application_token]"] == application.application_token
    assert application.call("profile", token=post["auth[access_token]"])[0] == 200
    listener.status = 200
    webhook_call(portal.url, "crm.deal.update", {"id": deal, "fields": {"TITLE": "B"}})
    listener.wait_for(3)
    assert len(listener.posts) == 3  # the failed one was not sent again
    rows = application.call("event.get")[1]["result"]
    assert rows == [
        {"event": "ONCRMDEALUPDATE", "handler": handler, "auth_type": "0", "offline": 0}
    ]
    assert application.call("event.unbind", bound)[1]["result"] == {"count": 1}
    assert application.call("event.get")[1]["result"] == []


def test_point_38_nothing_comes_before_the_installation_is_finished(portal, listener):
    page = add_application(portal, listener, PAGE="Y")
    signed_in = page.sign_in(1)
    page.access_token = signed_in["access_token"]
    assert page.call("app.info")[1]["result"]["INSTALLED"] is False
    bound = {"event": "ONCRMDEALUPDATE", "handler": f"{listener.url}/events"}
    assert page.call("event.bind", bound)[1]["result"] is True
    deal = deal_of(portal)
    webhook_call(portal.url, "crm.deal.update", {"id": deal, "fields": {"TITLE": "early"}})
    assert page.call("sandbox.application.installed")[1]["result"] is True
    webhook_call(portal.url, "crm.deal.update", {"id": deal, "fields": {"TITLE": "late"}})
    listener.wait_for(1)
    assert page.call("event.unbind", bound)[1]["result"] == {"count": 1}
    assert [post["event"] for post in listener.posts] == ["ONCRMDEALUPDATE"]


def test_point_21_a_change_of_funnel_is_told_as_such_and_not_as_an_update(
    portal, application, listener
):
    for event in ("ONCRMDEALMOVETOCATEGORY", "ONCRMDEALUPDATE"):
        bound = {"event": event, "handler": f"{listener.url}/events"}
        assert application.call("event.bind", bound)[1]["result"] is True
    deal = deal_of(portal)
    moved = {"entityTypeId": 2, "id": deal, "fields": {"categoryId": 1}}
    webhook_call(portal.url, "crm.item.update", moved)
    stage = {"entityTypeId": 2, "id": deal, "fields": {"stageId": "C1:EXECUTING"}}
    webhook_call(portal.url, "crm.item.update", stage)
    told, after = listener.wait_for(3)[1:]
    assert (told["event"], told["data[FIELDS][ID]"]) == ("ONCRMDEALMOVETOCATEGORY", str(deal))
    assert told["data[FIELDS][CATEGORY_ID]"] == "1"
    assert told["data[FIELDS][STAGE_ID]"] == "C1:NEW"
    # A change of stage within the funnel, told in its order, is an update.
    assert (after["event"], after["data[FIELDS][ID]"]) == ("ONCRMDEALUPDATE", str(deal))
    for event in ("ONCRMDEALMOVETOCATEGORY", "ONCRMDEALUPDATE"):
        application.call("event.unbind", {"event": event, "handler": f"{listener.url}/events"})


def test_point_23_a_deletion_is_told_once_with_the_id_alone(portal, application, listener):
    bound = {"event": "ONCRMDEALDELETE", "handler": f"{listener.url}/events"}
    application.call("event.bind", bound)
    first, second = deal_of(portal), deal_of(portal)
    webhook_call(portal.url, "crm.item.delete", {"entityTypeId": 2, "id": first})
    webhook_call(portal.url, "crm.item.delete", {"entityTypeId": 2, "id": first})  # not there
    webhook_call(portal.url, "crm.deal.delete", {"id": second})
    told = listener.wait_for(3)[1:]
    assert [post["data[FIELDS][ID]"] for post in told] == [str(first), str(second)]
    assert {post["event"] for post in told} == {"ONCRMDEALDELETE"}
    assert [name for name in told[0] if name.startswith("data")] == ["data[FIELDS][ID]"]
    application.call("event.unbind", bound)


def test_events_are_bound_by_applications_and_by_name(portal, application):
    status, body = webhook_call(portal.url, "event.bind", {"event": "ONCRMDEALADD"})
    assert (status, body["error"]) == (403, "WRONG_AUTH_TYPE")
    status, body = application.call("event.bind", {"event": "ONNOTHING", "handler": "http://a.b"})
    assert (status, body["error"]) == (400, "ERROR_EVENT_NOT_FOUND")
    status, body = application.call("event.bind", {"event": "ONCRMDEALADD", "handler": "file:///x"})
    assert status == 400


def test_point_40_the_offline_queue_keeps_one_row_per_event_and_deal(portal, application):
    ordinary = application.sign_in(ordinary_user(portal))["access_token"]
    offline = {"event": "ONCRMDEALUPDATE", "event_type": "offline"}
    status, body = application.call("event.bind", offline, token=ordinary)
    assert (status, body["error"]) == (403, "ACCESS_DENIED")
    assert application.call("event.bind", offline)[1]["result"] is True
    deal = deal_of(portal)
    for title in ("A", "B"):
        webhook_call(portal.url, "crm.deal.update", {"id": deal, "fields": {"TITLE": title}})
    listed = application.call("event.offline.list")[1]["result"]
    assert [row["EVENT_DATA"] for row in listed] == [{"FIELDS": {"ID": deal}}]
    taken = application.call("event.offline.get", {"clear": 0})[1]["result"]
    assert taken["process_id"]
    assert len(taken["events"]) == 1
    again = application.call("event.offline.get", {"clear": 0})[1]["result"]
    assert again["events"] == []
    given = {"process_id": taken["process_id"]}
    assert application.call("event.offline.clear", given)[1]["result"] is True
    assert application.call("event.offline.list")[1]["result"] == []
    status, body = application.call("event.offline.get", token=ordinary)
    assert (status, body["error"]) == (403, "ACCESS_DENIED")
    application.call("event.unbind", offline)


def test_rows_of_the_offline_queue_are_found_ordered_and_taken_by_a_filter(portal, application):
    offline = {"event": "ONCRMDEALUPDATE", "event_type": "offline"}
    application.call("event.bind", offline)
    deals = [deal_of(portal) for _time in range(3)]
    for deal in deals:
        webhook_call(portal.url, "crm.deal.update", {"id": deal, "fields": {"TITLE": "A"}})

    def listed(**asked):
        rows = application.call("event.offline.list", asked)[1]["result"]
        return [row["EVENT_DATA"]["FIELDS"]["ID"] for row in rows]

    assert listed(order={"ID": "DESC"}) == deals[::-1]
    assert listed(start=1) == deals[1:]
    numbers = [row["ID"] for row in application.call("event.offline.list")[1]["result"]]
    assert listed(filter={">ID": numbers[0]}) == deals[1:]
    assert listed(filter={"@ID": [numbers[0], numbers[2]]}) == [deals[0], deals[2]]
    assert listed(filter={"ID": "99999999999999999999"}) == []
    assert listed(filter={">TIMESTAMP_X": 10**300}) == []
    # A filter that cannot be followed takes nothing: what is taken is deleted at once.
    status, body = application.call("event.offline.get", {"filter": {"DEAL": 1}})
    assert (status, body["error"]) == (400, "ERROR_ARGUMENT")
    given = {"filter": {">=ID": numbers[1]}, "order": {"ID": "DESC"}, "limit": 1}
    (taken,) = application.call("event.offline.get", given)[1]["result"]["events"]
    assert taken["ID"] == numbers[2]
    assert listed() == deals[:2]
    application.call("event.offline.get")
    application.call("event.unbind", offline)


@pytest.mark.parametrize(
    "event",
    [
        *("ONTASKCOMMENTADD", "ONCRMDEALUSERFIELDADD", "ONCRMLEADUSERFIELDSETENUMVALUES"),
        *("ONCRMTYPEADD", "ONCRMINVOICEADD", "ONCRMINVOICESETSTATUS", "ONCRMMEASUREADD"),
        *("ONCRMDEALRECURRINGEXPOSE", "ONAPPPAYMENT", "ONCRMDYNAMICITEMADD_1040"),
    ],
)
def test_every_event_of_the_documentation_can_be_bound(application, event):
    bound = {"event": event, "handler": "http://127.0.0.1:9/none"}
    assert application.call("event.bind", bound)[1]["result"] is True
    assert application.call("event.unbind", bound)[1]["result"] == {"count": 1}


def test_own_writes_under_a_connector_stay_out_of_its_queue(portal, application):
    offline = {"event": "ONCRMDEALUPDATE", "event_type": "offline", "auth_connector": "mine"}
    application.call("event.bind", offline)
    deal = deal_of(portal)
    change = {"id": deal, "fields": {"TITLE": "own"}, "auth_connector": "mine"}
    application.call("crm.deal.update", change)
    mine = {"auth_connector": "mine"}
    assert application.call("event.offline.list", mine)[1]["result"] == []
    webhook_call(portal.url, "crm.deal.update", {"id": deal, "fields": {"TITLE": "theirs"}})
    assert len(application.call("event.offline.list", mine)[1]["result"]) == 1
    taken = application.call("event.offline.get", mine)[1]["result"]
    assert taken["process_id"] is None  # cleared at once
    assert application.call("event.offline.list", mine)[1]["result"] == []
    application.call("event.unbind", offline)


def test_point_41_a_code_lives_30_seconds_and_is_used_once(portal, application):
    def code() -> str:
        back = httpx.get(
            f"{portal.base}/oauth/authorize/",
            params={"client_id": application.client_id, "state": "s1"},
        )
        assert back.status_code == 302
        params = httpx.URL(back.headers["location"]).params
        assert params["state"] == "s1"
        assert f"http://{params['domain']}" == portal.base
        return params["code"]

    first = code()
    answer = application.token(grant_type="authorization_code", code=first)
    assert answer.status_code == 200
    assert answer.json()["member_id"] == application.member_id
    again = application.token(grant_type="authorization_code", code=first)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")
    late = code()
    portal.advance(31)
    answer = application.token(grant_type="authorization_code", code=late)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")


def test_point_41_a_refresh_token_is_replaced_and_the_domain_is_the_authorization_server(
    portal, application
):
    old = application.refresh_token
    answer = application.token(grant_type="refresh_token", refresh_token=old).json()
    assert answer["refresh_token"] != old
    assert answer["domain"] == "oauth.bitrix.info"
    assert answer["client_endpoint"] == f"{portal.base}/rest/"
    assert {"expires", "expires_in", "user_id", "scope", "status"} <= answer.keys()
    again = application.token(grant_type="refresh_token", refresh_token=old)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")
    second = application.token(grant_type="refresh_token", refresh_token=answer["refresh_token"])
    assert second.status_code == 200


def test_a_wrong_client_secret_gets_nothing_and_spends_nothing(application):
    grant = {"grant_type": "refresh_token", "refresh_token": application.refresh_token}
    wrong = application.token(**grant, client_secret="wrong")
    assert (wrong.status_code, wrong.json()["error"]) == (400, "invalid_client")
    assert application.token(**grant).status_code == 200


def test_a_dismissed_user_gets_no_further_token(portal, application):
    user = ordinary_user(portal)
    tokens = application.sign_in(user)
    assert application.call("profile", token=tokens["access_token"])[0] == 200
    webhook_call(portal.url, "user.update", {"ID": user, "ACTIVE": False})
    status, _body = application.call("profile", token=tokens["access_token"])
    renewed = application.token(grant_type="refresh_token", refresh_token=tokens["refresh_token"])
    webhook_call(portal.url, "user.update", {"ID": user, "ACTIVE": True})
    assert status == 401
    assert renewed.status_code == 401


def test_an_ordinary_user_adds_no_application(portal):
    made = httpx.post(
        f"{portal.base}/control/webhooks", json={"user_id": ordinary_user(portal)}
    ).json()
    status, body = webhook_call(made["url"], "sandbox.application.add", {"TITLE": "x"})
    assert (status, body["error"]) == (403, "ACCESS_DENIED")


def test_an_event_test_brings_its_parameters(application, listener):
    bound = {"event": "ONAPPTEST", "handler": f"{listener.url}/test"}
    application.call("event.bind", bound)
    assert application.call("event.test", {"hello": "there"})[1]["result"] == 1
    assert listener.wait_for(2)[1]["data[QUERY][hello]"] == "there"


def test_a_slow_handler_does_not_hold_up_the_portal(portal, application, listener):
    listener.delay = 2.0
    application.call("event.bind", {"event": "ONCRMLEADADD", "handler": f"{listener.url}/slow"})
    webhook_call(portal.url, "crm.lead.add", {"fields": {"TITLE": "x"}})
    wait_until(lambda: len(listener.posts) == 2)  # in the handler's hands now
    began = httpx.get(f"{portal.url}profile")
    assert began.elapsed.total_seconds() < 1.0


def test_removing_an_application_says_goodbye_without_tokens(portal, application, listener):
    bound = {"event": "ONAPPUNINSTALL", "handler": f"{listener.url}/bye"}
    application.call("event.bind", bound)
    given = {"CLIENT_ID": application.client_id}
    assert webhook_call(portal.url, "sandbox.application.delete", given)[1]["result"] is True
    post = listener.wait_for(2)[1]
    assert post["event"] == "ONAPPUNINSTALL"
    assert post["auth[application_token]"] == application.application_token
    assert "auth[access_token]" not in post
    assert application.call("profile")[0] == 401
