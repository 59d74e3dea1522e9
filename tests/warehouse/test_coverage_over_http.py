"""Everything that a portal has, read over HTTP; what a scope or a right keeps back is named."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from between import Refused, between
from loaded_company import copied_company, load_company
from portal_truth import differences, stored_rows
from sandbox_portal import SandboxPortal
from syncing import synced

from workbench.bitrix24.client import Portal
from workbench.bitrix24.connect import NEEDED, USEFUL
from workbench.bitrix24.entities import ENTITIES
from workbench.bitrix24.sandbox.memory.state import State
from workbench.bitrix24.sandbox.new_portal import furnish
from workbench.i18n import use_language
from workbench.warehouse import newest_snapshot
from workbench.warehouse.checks import run_checks
from workbench.warehouse.store import Store

ALL = ["crm", "user", "department", "task", "telephony", "userfieldconfig"]


pytestmark = pytest.mark.usefixtures("no_external_sources")


CALL = {
    "ID": 31, "PORTAL_USER_ID": 1, "PHONE_NUMBER": "+33611111111", "CALL_ID": "a.1",
    "CALL_DURATION": 60, "CALL_START_DATE": "2026-03-28T23:30:00+00:00", "CALL_TYPE": 2,
    "CALL_FAILED_CODE": "200", "CRM_ENTITY_TYPE": "CONTACT", "CRM_ENTITY_ID": 1, "COST": 0.25,
}  # fmt: skip


@pytest.fixture(scope="module")
def busy_company(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A portal without a seed that has one of everything, and a warehouse that has read it."""
    folder = tmp_path_factory.mktemp("busy")
    state = State(folder / "portal.sqlite")
    furnish(state)
    state.add("calls", CALL)  # webhooks may read calls, not make them
    state.close()
    return load_company(folder, ("--plan", "unlimited"), fill)


@pytest.fixture
def busy_portal(busy_company: tuple[Path, str], tmp_path: Path) -> Iterator[SandboxPortal]:
    """A copy of that portal which nobody has read."""
    with copied_company(busy_company, None, tmp_path) as running:
        yield running


@pytest.fixture
def read_portal(
    busy_company: tuple[Path, str], home: Path, tmp_path: Path
) -> Iterator[SandboxPortal]:
    """A copy of that portal, and the test's home has read it."""
    with copied_company(busy_company, home, tmp_path) as running:
        yield running


def fill(url: str) -> None:
    with Portal(url, "unlimited") as portal:

        def add(method: str, **fields) -> int:
            result = portal.call(method, {"fields": fields})
            return int(result["item"]["id"] if isinstance(result, dict) else result)

        firm = add(
            "crm.company.add", TITLE="Muller SA", PHONE=[{"VALUE": "+331", "VALUE_TYPE": "WORK"}]
        )
        other = add("crm.company.add", TITLE="Roux SARL")
        people = [
            add("crm.contact.add", NAME=name, COMPANY_IDS=[firm, other], EMAIL=[{"VALUE": mail}])
            for name, mail in [("Emma", "e@muller.example"), ("Noé", "n@muller.example")]
        ]
        deal = add("crm.deal.add", TITLE="Bureau", CONTACT_IDS=people, COMPANY_ID=firm)
        lead = add("crm.lead.add", TITLE="Demande")
        quote = add("crm.quote.add", TITLE="Devis", DEAL_ID=deal)
        kind = portal.call(
            "crm.type.add",
            {
                "fields": {"title": "Chantiers"}
                | dict.fromkeys(("isCategoriesEnabled", "isStagesEnabled", "isClientEnabled"), "Y")
                | {"isLinkWithProductsEnabled": "Y"}
            },
        )["type"]
        number = kind["entityTypeId"]

        def item(type_id: int, **fields) -> int:
            answer = portal.call("crm.item.add", {"entityTypeId": type_id, "fields": fields})
            return int(answer["item"]["id"])

        invoice = item(31, title="Facture", parentId2=deal)
        site = item(number, title="Pose", parentId2=deal, contactIds=people)
        for owner, short in [
            (deal, "D"), (lead, "L"), (quote, "Q"), (invoice, "SI"), (site, f"T{number:x}"),
        ]:  # fmt: skip
            rows = [{"productName": f"Pose {short}", "price": 10.5, "quantity": 2}]
            portal.call(
                "crm.item.productrow.set",
                {"ownerId": owner, "ownerType": short, "productRows": rows},
            )
        portal.call("tasks.task.add", {"fields": {"TITLE": "Rappeler", "RESPONSIBLE_ID": 1}})
        portal.call(
            "userfieldconfig.add",
            {
                "moduleId": "crm",
                "field": {
                    "entityId": f"CRM_{kind['id']}",
                    "fieldName": f"UF_CRM_{kind['id']}_ZONE",
                    "userTypeId": "enumeration",
                    "editFormLabel": {"fr": "Zone", "en": "Area"},
                    "enum": [{"value": "Nord"}, {"value": "Sud"}],
                },
            },
        )


def smart_number(url: str) -> int:
    with Portal(url, "unlimited") as portal:
        return int(portal.call("crm.type.list")["types"][0]["entityTypeId"])


def test_one_of_everything_is_read_and_agrees_with_the_portal_row_by_row(busy_portal, home):
    result = synced(busy_portal.url)
    assert not result.problems and not result.remarks
    assert differences(home, busy_portal.url) == []
    name = f"smart_{smart_number(busy_portal.url)}"
    with newest_snapshot() as snapshot:
        rows = snapshot.sources().set_index("entity")["rows"]
        for entity in ("calls", "tasks", "quotes", "invoices", "invoice_history", name):
            assert rows[entity] >= 1, entity
        assert rows[f"{name}_history"] == 1 and rows[f"{name}_products"] == 1
        assert snapshot.query("SELECT DISTINCT owner_type_id FROM product_rows").shape[0] == 5
        assert snapshot.query("SELECT count(*) AS n FROM deal_contacts").n[0] == 2
        assert snapshot.query("SELECT count(*) AS n FROM contact_companies").n[0] == 4
        assert snapshot.query("SELECT sum(emails) AS n FROM contacts").n[0] == 2
        zone = snapshot.query(
            "SELECT owner, options, label_en FROM user_fields WHERE label = 'Zone'"
        )
        assert zone.owner[0] == name and list(zone.options[0]) == ["Nord", "Sud"]
        assert zone.label_en[0] == "Area"
        assert [o.check for o in run_checks(snapshot) if not o.passed] == []


def test_an_unchanged_portal_with_smart_processes_costs_a_handful_of_requests(read_portal, home):
    again = synced(read_portal.url)
    assert again.requests <= 5 and again.snapshot is None and sum(again.changed.values()) == 0


def test_a_smart_process_that_is_made_renamed_and_deleted_between_syncs_is_followed(
    read_portal, home
):
    with Portal(read_portal.url, "unlimited") as portal:
        kind = portal.call("crm.type.add", {"fields": {"title": "Contrats"}})["type"]
        first = portal.call("crm.type.list")["types"][0]
        portal.call("crm.type.update", {"id": first["id"], "fields": {"title": "Poses"}})
        new = {"entityTypeId": kind["entityTypeId"], "fields": {"title": "Contrat 1"}}
        item = portal.call("crm.item.add", new)["item"]["id"]
    synced(read_portal.url)
    assert differences(home, read_portal.url) == []
    with newest_snapshot() as snapshot:
        names = snapshot.query("SELECT DISTINCT smart_process FROM smart_items").smart_process
        assert set(names) == {"Poses", "Contrats"}
    with Portal(read_portal.url, "unlimited") as portal:
        portal.call("crm.item.delete", {"entityTypeId": kind["entityTypeId"], "id": item})
        portal.call("crm.type.delete", {"id": kind["id"]})
    assert synced(read_portal.url).snapshot
    with newest_snapshot() as snapshot:
        assert list(snapshot.query("SELECT smart_process FROM smart_items").smart_process) == [
            "Poses"
        ]
        assert f"smart_{kind['entityTypeId']}" not in set(snapshot.sources().entity)


def test_links_and_product_rows_change_and_go_with_their_records(read_portal, home):
    deal = min(stored_rows(home, "deals"))
    number = smart_number(read_portal.url)
    site = min(stored_rows(home, f"smart_{number}"))
    read_portal.advance(3600)
    with Portal(read_portal.url, "unlimited") as portal:
        contact = min(stored_rows(home, "contacts"))
        portal.call("crm.deal.update", {"id": deal, "fields": {"CONTACT_IDS": [contact]}})
        portal.call("crm.item.delete", {"entityTypeId": number, "id": site})
    synced(read_portal.url)
    assert differences(home, read_portal.url) == []
    assert stored_rows(home, f"smart_{number}_products") == {}
    assert stored_rows(home, f"smart_{number}_history") == {}
    assert stored_rows(home, "deal_contacts")[deal]["contactIds"] == f"[{contact}]"


def test_what_was_never_read_is_read_for_all_records_after_an_upgrade(read_portal, home):
    with Store.open(home / "warehouse") as store:  # as an older version would have left it
        for name in ("deal_contacts", "quote_products"):
            store.connection.execute(f"DELETE FROM raw.{name}")
            store.connection.execute("DELETE FROM state.progress WHERE entity = ?", [name])
    synced(read_portal.url)
    assert differences(home, read_portal.url) == []


def floors(url: str, name: str) -> int:
    """Give deals a user field of several values."""
    labels = {"fr": "Étages", "en": "Floors"}
    fields = {"FIELD_NAME": name, "USER_TYPE_ID": "integer", "MULTIPLE": "Y"}
    with Portal(url, "unlimited") as portal:
        return portal.call(
            "crm.deal.userfield.add", {"fields": {**fields, "EDIT_FORM_LABEL": labels}}
        )


def test_a_store_of_a_version_that_asked_for_fewer_fields_is_read_anew_by_itself(busy_portal, home):
    url = busy_portal.url
    floors(url, "ETAGES")
    with Portal(url, "unlimited") as portal:
        deal = portal.call("crm.deal.list", {"select": ["ID"]})[0]["ID"]
        portal.call("crm.deal.update", {"id": deal, "fields": {"UF_CRM_ETAGES": [3, 5]}})
    synced(url)
    with Store.open(home / "warehouse") as store:  # as that version left it
        store.connection.execute("UPDATE raw.deals SET UF_CRM_ETAGES = NULL")
        store.connection.execute("DELETE FROM state.info WHERE key LIKE 'asked of %'")
    busy_portal.advance(600)  # so that no change is read again
    with use_language("en"):
        again = synced(url)
    assert "left some fields out" in again.remarks[0] and "Deals" in again.remarks[0]
    assert differences(home, url) == []
    with newest_snapshot() as snapshot:
        values = snapshot.query("SELECT uf_crm_etages FROM deal_fields").iloc[0, 0]
        assert list(values) == [3, 5]
        labels = snapshot.query("SELECT label, label_en FROM user_fields WHERE owner = 'deal'")
        assert labels.values.tolist() == [["Étages", "Floors"]]
    assert not synced(url).remarks


def test_a_field_that_is_new_at_the_portal_costs_no_full_load(read_portal, home):
    read_portal.advance(600)
    synced(read_portal.url)
    floors(read_portal.url, "NIVEAUX")
    result = synced(read_portal.url)
    assert not result.remarks and result.rows["deals"] == 0


@pytest.mark.parametrize("scope", ALL[1:])
def test_each_scope_that_is_missing_is_named_and_the_rest_goes_on(busy_portal, home, scope):
    result = synced(busy_portal.scoped([name for name in ALL if name != scope]))
    lacking = {entity.name for entity in ENTITIES if entity.scope == scope}
    assert lacking
    with newest_snapshot() as snapshot:
        sources = snapshot.sources().query("source == 'bitrix24'").set_index("entity")
        assert set(sources.index[sources.status == "denied"]) == lacking
        assert set(sources.missing[list(lacking)]) == {f"scope {scope}"}
        assert set(sources.status.drop(list(lacking))) == {"complete"}
    needed = {name for group in NEEDED for name in group}
    assert set(result.problems) == (lacking if scope in needed else set())
    assert len(result.remarks) == (0 if scope in needed else len(lacking))


def test_every_scope_that_is_asked_for_has_a_use_and_every_use_a_scope():
    asked = {group[0] for group in (*NEEDED, *USEFUL)}
    assert asked - {"im"} == {entity.scope for entity in ENTITIES}  # im: notifications


def test_a_restricted_user_is_told_what_kind_of_rows_may_be_missing(busy_portal, home):
    with Portal(busy_portal.url, "unlimited") as portal:
        user = int(
            portal.call("user.add", {"EMAIL": "a@b.example", "NAME": "Ana", "UF_DEPARTMENT": [1]})
        )
    result = synced(busy_portal.scoped(ALL, user))
    assert str(user) in result.remarks[0]
    with newest_snapshot() as snapshot:
        sources = snapshot.sources().set_index("entity")
        assert sources.missing["deals"] == f"records hidden from user {user}"
        assert sources.status["statuses"] == "complete" and sources.missing.isna()["statuses"]


@pytest.mark.parametrize(
    ("method", "answer", "entity", "right"),
    [
        (
            "voximplant.statistic.get",
            ("ACCESS_DENIED", "Access denied!"),
            "calls",
            "Call statistics",
        ),
        ("crm.quote.list", ("", "Access denied."), "quotes", "read quotes"),
        ("crm.lead.list", ("INVALID_CREDENTIALS", "User lacks rights"), "leads", "read leads"),
        ("crm.type.list", ("ACCESS_DENIED", "Access denied"), "types", "read types"),
    ],
)
def test_a_right_that_the_user_lacks_is_named_and_the_rest_goes_on(
    busy_portal, home, method, answer, entity, right
):
    def refuse(_result: object) -> object:
        raise Refused(*answer)

    with between(busy_portal.url) as portal:
        portal.alter[method] = refuse
        result = synced(portal.url)
        assert entity in result.problems
        with newest_snapshot() as snapshot:
            sources = snapshot.sources().set_index("entity")
            assert (sources.status[entity], sources.missing[entity]) == ("denied", f"right {right}")
            assert sources.status["deals"] == "complete" and sources["rows"]["deals"] == 1
            if entity in ("quotes", "leads"):  # what hangs on them is not there either
                child = f"{entity.removesuffix('s')}_products"
                assert sources.status[child] == "denied"
        portal.alter.clear()  # the right is given
        again = synced(portal.url)
        assert not again.problems and again.snapshot
    assert differences(home, busy_portal.url) == []


def test_user_fields_of_one_kind_that_are_refused_are_told(busy_portal, home):
    def refuse(_result: object) -> object:
        raise Refused("ACCESS_DENIED", "Access denied")

    with between(busy_portal.url) as portal:
        portal.alter["crm.quote.userfield.list"] = refuse
        assert not synced(portal.url).problems
    with newest_snapshot() as snapshot:
        sources = snapshot.sources().set_index("entity")
        found = (sources.status["userfields"], sources.missing["userfields"])
        assert found == ("partial", "right read userfields")
