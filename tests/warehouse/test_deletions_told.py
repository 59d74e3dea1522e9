"""Deletions that the portal's events tell, of lists that are too long to be counted each time."""

from collections.abc import Iterator

import pytest
from listener import listening
from portal_application import add_application, installation_of
from portal_truth import differences, stored_rows
from syncing import call, synced

from workbench.bitrix24 import oauth, offline_events
from workbench.bitrix24.client import Portal
from workbench.warehouse import deletions


@pytest.fixture(autouse=True)
def long_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    """No list is short enough to be counted with every sync, and all were compared today."""
    monkeypatch.setattr(deletions, "COUNTED", 0)


@pytest.fixture
def application(loaded_portal, monkeypatch) -> Iterator[Portal]:
    """The portal as the installed application sees it, its deletions bound."""
    with listening() as listener:
        made = add_application(loaded_portal, listener)
    monkeypatch.setenv("WORKBENCH_APP_CLIENT_ID", made.client_id)
    monkeypatch.setenv("WORKBENCH_APP_CLIENT_SECRET", made.client_secret)
    monkeypatch.setenv("WORKBENCH_OAUTH_SERVER", loaded_portal.base)
    installation = installation_of(made)
    oauth.save(installation)
    with oauth.portal(installation) as opened:
        assert offline_events.bindable(opened)
        for event in offline_events.EVENTS:
            offline_events.bind(opened, event)
        assert offline_events.bound(opened) == set(offline_events.EVENTS)
        yield opened


def delete_some(url: str, home) -> dict[str, int]:
    """Delete a record of four kinds; return their ids."""
    gone = {name: min(stored_rows(home, name)) for name in ("deals", "leads", "invoices")}
    call(url, "crm.deal.delete", {"id": gone["deals"]})
    call(url, "crm.lead.delete", {"id": gone["leads"]})
    call(url, "crm.item.delete", {"entityTypeId": 31, "id": gone["invoices"]})
    kind = call(url, "crm.type.list", {})["types"][0]["entityTypeId"]
    gone[f"smart_{kind}"] = min(stored_rows(home, f"smart_{kind}"))
    item = {"entityTypeId": kind, "id": gone[f"smart_{kind}"]}
    call(url, "crm.item.delete", item)
    return gone


def stored(home, gone: dict[str, int]) -> set[str]:
    return {name for name, number in gone.items() if number in stored_rows(home, name)}


def test_without_the_application_they_are_found_a_day_later(loaded_portal, home):
    gone = delete_some(loaded_portal.url, home)
    synced(loaded_portal.url)
    assert stored(home, gone) == set(gone)
    loaded_portal.advance(86_400)
    synced(loaded_portal.url)
    assert stored(home, gone) == set()


def test_with_it_the_next_sync_follows_them_with_all_that_hangs_on_them(
    loaded_portal, application, home
):
    gone = delete_some(loaded_portal.url, home)
    assert synced(loaded_portal.url).snapshot
    assert stored(home, gone) == set()
    assert differences(home, loaded_portal.url) == []
    assert application.call("event.offline.list") == []
    assert synced(loaded_portal.url).snapshot is None


def test_what_referred_to_a_contact_or_a_company_that_is_told_to_be_gone_is_read_anew(
    loaded_portal, application, home
):
    deals, contacts = stored_rows(home, "deals"), stored_rows(home, "contacts")
    contact = next(deals[n]["CONTACT_ID"] for n in sorted(deals) if deals[n]["CONTACT_ID"])
    company = next(contacts[n]["COMPANY_ID"] for n in sorted(contacts) if contacts[n]["COMPANY_ID"])
    call(loaded_portal.url, "crm.contact.delete", {"id": contact})
    call(loaded_portal.url, "crm.company.delete", {"id": company})
    synced(loaded_portal.url)
    assert int(contact) not in stored_rows(home, "contacts")
    assert int(company) not in stored_rows(home, "companies")
    assert differences(home, loaded_portal.url) == []


def test_what_a_sync_could_not_clear_comes_again_and_only_to_it(loaded_portal, application, home):
    loaded_portal.fault(fault="500", method="event.offline.clear")
    first = delete_some(loaded_portal.url, home)
    assert not synced(loaded_portal.url).problems
    assert stored(home, first) == set()
    (process,) = {row["PROCESS_ID"] for row in application.call("event.offline.list")}
    assert process, "left in the queue, and hidden from others"
    loaded_portal.no_faults()
    second = min(stored_rows(home, "deals"))
    call(loaded_portal.url, "crm.deal.delete", {"id": second})
    synced(loaded_portal.url)
    assert second not in stored_rows(home, "deals")
    assert application.call("event.offline.list") == []


def test_what_could_not_be_read_again_is_not_cleared(loaded_portal, application, home):
    loaded_portal.fault(fault="500", method="event.offline.clear")
    delete_some(loaded_portal.url, home)
    synced(loaded_portal.url)
    loaded_portal.no_faults()
    loaded_portal.fault(fault="500", method="event.offline.get")
    synced(loaded_portal.url)
    assert application.call("event.offline.list") != []
    loaded_portal.no_faults()
    synced(loaded_portal.url)
    assert application.call("event.offline.list") == []


def test_more_than_a_page_of_them(loaded_portal, application, home):
    gone = sorted(stored_rows(home, "deals"))[:120]
    with Portal(loaded_portal.url, "unlimited") as portal:
        for at in range(0, len(gone), 50):
            portal.batch([("crm.deal.delete", {"id": number}) for number in gone[at : at + 50]])
    synced(loaded_portal.url)
    assert not set(gone) & stored_rows(home, "deals").keys()
    assert differences(home, loaded_portal.url, children=5) == []


def test_a_portal_that_refuses_the_queue_is_synced_all_the_same(loaded_portal, application, home):
    loaded_portal.fault(fault="500", method="event.offline.get")
    gone = delete_some(loaded_portal.url, home)
    result = synced(loaded_portal.url)
    assert not result.problems and stored(home, gone) == set(gone)
    loaded_portal.no_faults()
    synced(loaded_portal.url)
    assert stored(home, gone) == set()


@pytest.mark.parametrize(
    "event",
    [
        None,
        {},
        {"EVENT_NAME": "ONCRMDEALDELETE"},
        {"EVENT_NAME": "ONCRMDEALDELETE", "EVENT_DATA": []},
        {"EVENT_NAME": "ONCRMDEALDELETE", "EVENT_DATA": {"FIELDS": {"ID": "5; drop"}}},
        {"EVENT_NAME": "ONCRMDEALDELETE", "EVENT_DATA": {"FIELDS": {"ID": None}}},
        {"EVENT_NAME": "ONCRMDEALUPDATE", "EVENT_DATA": {"FIELDS": {"ID": 5}}},
        {"EVENT_NAME": "ONCRMDYNAMICITEMDELETE", "EVENT_DATA": {"FIELDS": {"ID": 5}}},
    ],
)
def test_an_event_that_names_no_record_is_passed_over(event):
    assert offline_events.deleted(event) is None


def test_the_names_of_events_come_in_any_case():
    event = {"EVENT_NAME": "onCrmDealDelete", "EVENT_DATA": {"FIELDS": {"ID": "7"}}}
    assert offline_events.deleted(event) == ("deals", 7)
