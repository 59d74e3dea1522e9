"""One hand-worked row per table: calls, tasks, quotes, contacts, smart processes, user fields."""

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from handmade import Rows, directories, make_snapshot

from workbench.bitrix24.entities import ENTITIES
from workbench.warehouse.checks import run_checks, unparsed_counts
from workbench.warehouse.snapshots import Snapshot

AS_OF = datetime(2026, 11, 23, 17, 0, tzinfo=UTC)
CREATED = "2026-03-28T23:30:00+00:00"  # 00:30 on the 29th in Paris


def portal_of(tmp_path: Path, **rows: list[dict[str, Any]]) -> Snapshot:
    given: Rows = directories() | {e.name: [] for e in ENTITIES if e.name not in directories()}
    given["statuses"] += [
        {"ID": "901", "ENTITY_ID": "QUOTE_STATUS", "STATUS_ID": "APPROVED", "NAME": "Accepté"}
        | {"SORT": "30", "SEMANTICS": "S"},
        {"ID": "902", "ENTITY_ID": "DYNAMIC_1030_STAGE_9", "STATUS_ID": "DT1030_9:NEW"}
        | {"NAME": "Planifié", "SORT": "10", "SEMANTICS": None},
        {"ID": "903", "ENTITY_ID": "DYNAMIC_1030_STAGE_9", "STATUS_ID": "DT1030_9:OK"}
        | {"NAME": "Livré", "SORT": "20", "SEMANTICS": "S"},
    ]
    given["categories"].append({"id": 9, "name": "Poses", "sort": 10, "entityTypeId": "1030"})
    for name in [*given, *rows]:
        given[name] = given.get(name, []) + rows.get(name, [])
    return make_snapshot(tmp_path, given, spend=False, as_of=AS_OF)


def rows_of(snapshot: Snapshot, query: str) -> list[tuple]:
    assert [o.check for o in run_checks(snapshot) if not o.passed] == []
    return snapshot.execute(query).fetchall()


def deal(number: int, **fields: Any) -> dict[str, Any]:
    return {
        "ID": str(number), "TITLE": f"Affaire {number}", "CATEGORY_ID": "0", "STAGE_ID": "NEW",
        "STAGE_SEMANTIC_ID": "P", "CURRENCY_ID": "EUR", "OPPORTUNITY": "100.00",
        "DATE_CREATE": CREATED, "DATE_MODIFY": CREATED, "MOVED_TIME": CREATED,
    } | fields  # fmt: skip


def smart(number: int, **fields: Any) -> dict[str, Any]:
    return {
        "id": number, "title": f"Chantier {number}", "categoryId": 9, "stageId": "DT1030_9:NEW",
        "opportunity": 200, "currencyId": "CHF", "companyId": 0, "parentId2": 5,
        "assignedById": 2, "createdTime": CREATED, "updatedTime": CREATED, "movedTime": CREATED,
    } | fields  # fmt: skip


TYPE = {"id": 4, "title": "Chantiers d'été 🪑", "entityTypeId": 1030, "isStagesEnabled": "Y"}


def test_a_call_has_its_direction_day_outcome_and_no_number(tmp_path):
    call = {
        "ID": "7", "PORTAL_USER_ID": "2", "CALL_TYPE": "2", "CALL_START_DATE": CREATED,
        "CALL_DURATION": "95", "CALL_FAILED_CODE": "200", "CRM_ENTITY_TYPE": "CONTACT",
        "CRM_ENTITY_ID": "3", "CRM_ACTIVITY_ID": "0", "COST": "0.1250", "COST_CURRENCY": "EUR",
        "PHONE_NUMBER": "+33611111111",
    }  # fmt: skip
    missed = {**call, "ID": "8", "CALL_FAILED_CODE": "304", "CALL_TYPE": 1, "PORTAL_USER_ID": 99}
    with portal_of(tmp_path, calls=[call, missed]) as snapshot:
        found = rows_of(
            snapshot,
            "SELECT call_id, direction, manager, started_on, seconds, is_answered, owner_type_id,"
            " owner_id, activity_id, cost FROM calls",
        )
        assert found == [
            (7, "in", "Hugo Morel", date(2026, 3, 29), 95, True, 3, 3, None, Decimal("0.13")),
            (8, "out", "#99", date(2026, 3, 29), 95, False, 3, 3, None, Decimal("0.13")),
        ]
        tables = snapshot.execute("SHOW TABLES").fetchall()
        for (table,) in tables:
            assert "+336" not in str(snapshot.execute(f"FROM {table}").fetchall()), table


def test_a_task_knows_its_deal_and_whether_it_is_done(tmp_path):
    task = {
        "id": "11", "title": "Rappeler <b>l'atelier</b>", "status": "5", "createdBy": "1",
        "responsibleId": "2", "groupId": "0", "createdDate": CREATED, "changedDate": CREATED,
        "deadline": "", "closedDate": "2026-04-02T09:00:00+02:00", "timeSpentInLogs": "3600",
        "ufCrmTask": ["CO_4", "D_10", "D_12"],
    }  # fmt: skip
    free = {"id": 12, "title": "Libre", "status": 2, "createdDate": CREATED, "ufCrmTask": False}
    with portal_of(tmp_path, tasks=[task, free]) as snapshot:
        found = rows_of(
            snapshot,
            "SELECT task_id, title, is_done, responsible, created_on, closed_on, deadline_at,"
            " seconds_spent, deal_id, crm_links FROM tasks",
        )
    assert found == [
        (11, "Rappeler <b>l'atelier</b>", True, "Hugo Morel", date(2026, 3, 29), date(2026, 4, 2))
        + (None, 3600, 10, ["CO_4", "D_10", "D_12"]),
        (12, "Libre", False, None, date(2026, 3, 29), None, None, None, None, []),
    ]


def test_a_quote_has_its_status_and_its_amount_in_base_currency(tmp_path):
    quote = {
        "ID": "3", "TITLE": "Devis", "STATUS_ID": "APPROVED", "DEAL_ID": "5", "COMPANY_ID": "0",
        "CURRENCY_ID": "CHF", "OPPORTUNITY": "200.00", "CLOSEDATE": "2026-04-30T02:00:00+02:00",
        "DATE_CREATE": CREATED, "DATE_MODIFY": CREATED, "ASSIGNED_BY_ID": "2",
    }  # fmt: skip
    gone = {**quote, "ID": "4", "STATUS_ID": "OLD", "CURRENCY_ID": "EUR"}
    with portal_of(tmp_path, quotes=[quote, gone]) as snapshot:
        found = rows_of(
            snapshot,
            "SELECT quote_id, status, semantics, amount_base, rate_basis, created_on, valid_until,"
            " deal_id, company_id FROM quotes",
        )
    day, until = date(2026, 3, 29), date(2026, 4, 30)
    # CHF: 106.5 for 100, first seen on 23 November, so later than the quote
    assert found == [
        (3, "Accepté", "S", Decimal("213.00"), "later", day, until, 5, None),
        (4, "OLD", "P", Decimal("200.00"), "base", day, until, 5, None),
    ]


def test_of_phones_and_mails_only_the_number_of_them_leaves_the_writers_file(tmp_path):
    phones = [{"ID": "1", "VALUE": "+33600000001"}, {"ID": "2", "VALUE": "+33600000002"}]
    mails = [{"ID": "3", "VALUE": "emma@muller.example", "VALUE_TYPE": "WORK"}]
    contact = {"ID": "3", "NAME": "Emma", "LAST_NAME": "Muller", "PHONE": phones, "EMAIL": mails}
    bare = {"ID": "4", "NAME": "", "COMPANY_ID": "8", "PHONE": False, "EMAIL": []}
    company = {"ID": "8", "TITLE": "Muller SA", "PHONE": phones, "EMAIL": None}
    with portal_of(tmp_path, contacts=[contact, bare], companies=[company]) as snapshot:
        found = rows_of(
            snapshot,
            "SELECT contact_id, contact, phones, emails, company_id, customer FROM contacts",
        )
        assert found == [
            (3, "Emma Muller", 2, 1, None, None),
            (4, None, 0, 0, 8, "Muller SA"),
        ]
        firms = snapshot.execute("SELECT company_id, phones, emails FROM customers").fetchall()
        assert firms == [(8, 2, 0)]
    content = snapshot.path.read_bytes()
    assert b"muller.example" not in content and b"+3360000000" not in content


def test_links_between_deals_contacts_and_companies_are_many_to_many(tmp_path):
    links = [
        {"id": 1, "contactIds": [9, 3, 9]},
        {"id": "2", "contactIds": []},
        {"id": 7, "contactIds": [3]},  # of a deal that is not there
    ]
    with portal_of(
        tmp_path,
        deals=[deal(1), deal(2)],
        deal_contacts=links,
        contacts=[{"ID": "3", "NAME": "Emma"}],
        contact_companies=[{"id": 3, "companyIds": [8, 5]}],
    ) as snapshot:
        assert rows_of(snapshot, "SELECT * FROM deal_contacts") == [(1, 9, 1), (1, 3, 2)]
        assert rows_of(snapshot, "SELECT * FROM contact_companies") == [(3, 8, 1), (3, 5, 2)]


def test_a_smart_process_has_items_history_and_products_with_their_names(tmp_path):
    history = [
        {"ID": 1, "OWNER_ID": 6, "CREATED_TIME": CREATED, "CATEGORY_ID": 9}
        | {"STAGE_ID": "DT1030_9:NEW", "STAGE_SEMANTIC_ID": "P"},
        {"ID": 2, "OWNER_ID": 6, "CREATED_TIME": "2026-04-01T10:00:00+02:00", "CATEGORY_ID": 9}
        | {"STAGE_ID": "DT1030_9:GONE", "STAGE_SEMANTIC_ID": "F"},  # deleted since
    ]
    product = {"id": 44, "ownerId": 6, "ownerType": "T406", "productId": 2, "price": 640}
    with portal_of(
        tmp_path,
        types=[TYPE],
        smart_1030=[smart(6), smart(7, stageId="DT1030_9:OK", categoryId=99)],
        smart_1030_history=history,
        smart_1030_products=[product | {"quantity": 1.5}],
    ) as snapshot:
        found = rows_of(
            snapshot,
            "SELECT item_id, smart_process, pipeline, stage, semantics, amount_base, deal_id,"
            " created_on, manager, company_id FROM smart_items WHERE entity_type_id = 1030",
        )
        title, day = "Chantiers d'été 🪑", date(2026, 3, 29)
        shared = (Decimal("213.00"), 5, day, "Hugo Morel", None)
        assert found == [
            (6, title, "Poses", "Planifié", "P", *shared),
            (7, title, "#99", "DT1030_9:OK", "P", *shared),  # its pipeline was deleted
        ]
        assert rows_of(
            snapshot, "SELECT item_id, stage, semantics, entered_on FROM smart_history"
        ) == [
            (6, "Planifié", "P", day),
            (6, "DT1030_9:GONE", "F", date(2026, 4, 1)),
        ]
        assert rows_of(snapshot, "SELECT * FROM product_rows") == [
            (44, 1030, 6, 2, "Bureau Chêne", Decimal("640.00"), 1.5, Decimal("960.00"))
        ]
        sources = snapshot.sources().set_index("entity")
        assert sources.label["smart_1030"] == title and sources["rows"]["smart_1030"] == 2


def test_product_rows_of_every_kind_of_record_are_together(tmp_path):
    row = {"productId": 0, "productName": "Pose", "price": "10.50", "quantity": "2", "ownerId": 3}
    kinds = ("deal_products", "lead_products", "quote_products", "invoice_products")
    rows = {kind: [{**row, "id": number}] for number, kind in enumerate(kinds, 1)}
    with portal_of(tmp_path, **rows) as snapshot:
        found = rows_of(
            snapshot, "SELECT row_id, owner_type_id, owner_id, amount FROM product_rows"
        )
    assert found == [(n, kind, 3, Decimal("21.00")) for n, kind in enumerate((2, 1, 7, 31), 1)]


def test_an_invoices_history_names_its_stages(tmp_path):
    invoice = {
        "id": 5, "categoryId": 7, "stageId": "DT31_7:P", "opportunity": 10, "currencyId": "EUR",
        "createdTime": CREATED, "movedTime": "2026-04-01T10:00:00+02:00",
    }  # fmt: skip
    entry = {"ID": "9", "OWNER_ID": "5", "CREATED_TIME": CREATED, "CATEGORY_ID": "7"}
    with portal_of(
        tmp_path, invoices=[invoice], invoice_history=[entry | {"STAGE_ID": "DT31_7:N"}]
    ) as snapshot:
        found = rows_of(
            snapshot,
            "SELECT history_id, invoice_id, stage, semantics, entered_on FROM invoice_history",
        )
    assert found == [(9, 5, "Nouvelle", "P", date(2026, 3, 29))]


def user_field(name: str, kind: str, **more: Any) -> dict[str, Any]:
    return {"OWNER": "deal", "FIELD_NAME": name, "USER_TYPE_ID": kind, "MULTIPLE": "N"} | more


def test_user_fields_are_typed_columns_with_their_options_by_name(tmp_path):
    options = [{"ID": "51", "VALUE": "Neuf"}, {"ID": "52", "VALUE": "Rénov'"}]
    fields = [
        user_field("UF_CRM_KIND", "enumeration", LIST=options, EDIT_FORM_LABEL="Type d'affaire"),
        user_field("UF_CRM_KINDS", "enumeration", LIST=options, MULTIPLE="Y"),
        user_field("UF_CRM_M2", "double"),
        user_field("UF_CRM_DAY", "date"),
        user_field("UF_CRM_AT", "datetime"),
        user_field("UF_CRM_YES", "boolean"),
        user_field("UF_CRM_COST", "money"),
        user_field("UF_CRM_TEXT", "string"),
        user_field("UF_CRM_NEVER", "integer"),
    ]
    for number, each in enumerate(fields):
        each["ID"], each["SORT"] = str(number + 1), str(100 + number)
    one = {
        "UF_CRM_KIND": "52", "UF_CRM_KINDS": ["51", 52, 99], "UF_CRM_M2": "120.5",
        "UF_CRM_DAY": "2026-05-02T02:00:00+02:00", "UF_CRM_AT": CREATED, "UF_CRM_YES": "1",
        "UF_CRM_COST": "1250.5|EUR", "UF_CRM_TEXT": "<i>é</i>", "UF_CRM_GONE": "x",
    }  # fmt: skip
    two = {"UF_CRM_KIND": "99", "UF_CRM_KINDS": False, "UF_CRM_M2": "vingt", "UF_CRM_YES": "0"}
    with portal_of(tmp_path, deals=[deal(1, **one), deal(2, **two)], userfields=fields) as snapshot:
        found = rows_of(snapshot, "SELECT * FROM deal_fields")
        names = [row[0] for row in snapshot.execute("DESCRIBE deal_fields").fetchall()]
        assert names == ["deal_id", *(str(each["FIELD_NAME"]).lower() for each in fields)]
        at = datetime.fromisoformat(CREATED)
        assert found == [
            (1, "Rénov'", ["Neuf", "Rénov'", "99"], 120.5, date(2026, 5, 2), at, True)
            + (Decimal("1250.50"), "<i>é</i>", None),
            # an option that was deleted keeps its number
            (2, "99", [], None, None, None, False, None, None, None),
        ]
        assert unparsed_counts(snapshot) == [("deals", "UF_CRM_M2", 1, "vingt")]
        known = snapshot.execute(
            "SELECT label, kind, options FROM user_fields WHERE field = 'UF_CRM_KIND'"
        ).fetchall()
        assert known == [("Type d'affaire", "enumeration", ["Neuf", "Rénov'"])]
        comment = snapshot.execute(
            "SELECT comment FROM duckdb_columns() WHERE column_name = 'uf_crm_kind'"
        ).fetchone()
        assert comment == ("Type d'affaire",)


def test_user_fields_of_smart_processes_and_invoices_have_the_portals_other_form(tmp_path):
    def config(number: int, owner: str, name: str, **more: Any) -> dict[str, Any]:
        return {"id": str(number), "OWNER": owner, "fieldName": name, "multiple": "N"} | more

    listed = [{"id": "7", "value": "Nord"}]
    fields = [
        config(1, "smart_1030", "UF_CRM_4_1747309727", userTypeId="integer"),
        config(2, "smart_1030", "UF_CRM_4_ZONE", userTypeId="enumeration", enum=listed)
        | {"editFormLabel": {"fr": "Zone de pose", "en": "Zone"}},
        config(3, "invoice", "UF_CRM_SMART_INVOICE_REF", userTypeId="string")
        | {"editFormLabel": {"en": "Reference"}},
    ]
    with portal_of(
        tmp_path,
        types=[TYPE],
        smart_1030=[smart(6, ufCrm4_1747309727=12, ufCrm4Zone=7)],
        invoices=[{"id": 1, "createdTime": CREATED, "stageId": "X", "ufCrmSmartInvoiceRef": "A1"}],
        item_userfields=fields,
    ) as snapshot:
        assert rows_of(snapshot, "SELECT * FROM smart_1030_fields") == [(6, 12, "Nord")]
        assert rows_of(snapshot, "SELECT * FROM invoice_fields") == [(1, "A1")]
        labels = dict(snapshot.execute("SELECT field, label FROM user_fields").fetchall())
        assert labels["UF_CRM_4_ZONE"] == "Zone de pose"
        assert labels["UF_CRM_SMART_INVOICE_REF"] == "Reference"


def test_a_hostile_name_of_a_field_option_or_process_is_only_a_name(tmp_path):
    evil = """x'"; DROP TABLE raw.deals; --"""
    field = user_field("UF_CRM_" + evil, "enumeration", ID="1", EDIT_FORM_LABEL=evil)
    field["LIST"] = [{"ID": evil, "VALUE": evil}]
    with portal_of(
        tmp_path,
        deals=[deal(1, **{"UF_CRM_" + evil: evil})],
        userfields=[field],
        types=[{**TYPE, "title": evil}],
    ) as snapshot:
        assert rows_of(snapshot, "SELECT * FROM deal_fields") == [(1, evil)]
        assert snapshot.sources().set_index("entity").label["smart_1030"] == evil
