"""Product rows of deals, leads, quotes, invoices and smart processes, old and universal."""

import pytest

# Samples of the documentation of crm.item.productrow.add and .update: what is sent → what follows.
SAMPLES = [
    (
        {"price": 80000, "discountTypeId": 2, "discountRate": 20, "taxRate": 20},
        {"priceExclusive": 66666.67, "priceNetto": 83333.34, "priceBrutto": 100000.01}
        | {"discountSum": 16666.67},
    ),
    (
        {"price": 90000, "discountTypeId": 2, "discountRate": 10, "taxRate": 10},
        {"priceExclusive": 81818.18, "priceNetto": 90909.09, "priceBrutto": 100000}
        | {"discountSum": 9090.91},
    ),
    (
        {"price": 80, "discountTypeId": 1, "discountSum": 20},
        {"priceExclusive": 80, "priceNetto": 100, "priceBrutto": 100, "discountRate": 20},
    ),
]


@pytest.fixture
def deal(empty):
    return empty.result("crm.deal.add", {"fields": {"TITLE": "With rows"}})


def add(client, owner, kind="D", **fields):
    fields = {"ownerId": owner, "ownerType": kind, **fields}
    return client.result("crm.item.productrow.add", {"fields": fields})["productRow"]


def listed(client, owner, kind="D", **more):
    filter = {"=ownerType": kind, "=ownerId": owner, **more}
    return client.result("crm.item.productrow.list", {"filter": filter})["productRows"]


def amount(client, deal):
    row = client.result("crm.deal.get", {"id": deal})
    return row["OPPORTUNITY"], row["TAX_VALUE"]


@pytest.mark.parametrize(("given", "expected"), SAMPLES)
def test_prices_follow_from_price_discount_and_tax_as_the_samples_show(
    empty, deal, given, expected
):
    row = add(empty, deal, productName="Lamp", **given)
    assert {name: row[name] for name in expected} == expected
    assert isinstance(row["id"], int)
    assert (row["ownerType"], row["customized"], row["measureCode"]) == ("D", "Y", 796)


def test_rows_are_added_read_changed_listed_and_deleted(empty, deal):
    row = add(empty, deal, productName="Desk", price=100, quantity=2)
    again = empty.result("crm.item.productrow.get", {"id": row["id"]})["productRow"]
    assert again == row
    change = {"id": row["id"], "fields": {"quantity": 3, "taxRate": 25}}
    changed = empty.result("crm.item.productrow.update", change)["productRow"]
    assert (changed["quantity"], changed["priceExclusive"]) == (3, 80)
    other = add(empty, deal, productName="Chair", price=50)
    assert (row["sort"], other["sort"]) == (10, 20)
    assert [r["id"] for r in listed(empty, deal)] == [row["id"], other["id"]]
    assert [r["id"] for r in listed(empty, deal, **{">price": 60})] == [row["id"]]
    assert [r["id"] for r in listed(empty, deal, **{"%productName": "chai"})] == [other["id"]]
    assert empty.result("crm.item.productrow.delete", {"id": row["id"]}) is None
    assert [r["id"] for r in listed(empty, deal)] == [other["id"]]


def test_the_amount_follows_the_rows_until_it_is_set_by_hand(empty, deal):
    add(empty, deal, productName="Desk", price=120, quantity=2, taxRate=20)
    assert amount(empty, deal) == ("240.00", "40.00")
    row = add(empty, deal, productName="Chair", price=10)
    assert amount(empty, deal) == ("250.00", "40.00")
    by_hand = {"OPPORTUNITY": 999, "IS_MANUAL_OPPORTUNITY": "Y"}
    empty.result("crm.deal.update", {"id": deal, "fields": by_hand})
    empty.result("crm.item.productrow.delete", {"id": row["id"]})
    assert amount(empty, deal)[0] == "999.00"
    item = {"entityTypeId": 2, "id": deal, "fields": {"isManualOpportunity": "N"}}
    assert empty.result("crm.item.update", item)["item"]["opportunity"] == 240


def test_with_rows_and_no_hand_the_sum_wins_over_a_written_amount(empty, deal):
    """[?] Not documented: IS_MANUAL_OPPORTUNITY N is read as "the amount comes from the rows"."""
    add(empty, deal, productName="Desk", price=120)
    empty.result("crm.deal.update", {"id": deal, "fields": {"OPPORTUNITY": 5}})
    assert amount(empty, deal)[0] == "120.00"


def test_a_change_of_rows_changes_the_owner(empty, deal):
    before = empty.result("crm.deal.get", {"id": deal})
    add(empty, deal, productName="Desk", price=120)
    after = empty.result("crm.deal.get", {"id": deal})
    assert after["DATE_MODIFY"] >= before["DATE_MODIFY"]
    assert after["OPPORTUNITY"] != before["OPPORTUNITY"]


def test_set_replaces_all_rows(empty, deal):
    add(empty, deal, productName="Gone", price=1)
    rows = [{"productName": "A", "price": 10, "quantity": 2}, {"productName": "B", "price": 5}]
    params = {"ownerType": "D", "ownerId": deal, "productRows": rows}
    answer = empty.result("crm.item.productrow.set", params)["productRows"]
    assert [r["productName"] for r in answer] == ["A", "B"]
    assert listed(empty, deal) == answer
    assert amount(empty, deal)[0] == "25.00"
    unpaid = {"ownerType": "D", "ownerId": deal}
    found = empty.result("crm.item.productrow.getAvailableForPayment", unpaid)["productRows"]
    assert found == answer


def test_a_row_takes_name_measure_and_type_from_its_product(empty, deal):
    fields = {"NAME": "Cable", "PRICE": 3.5, "CURRENCY_ID": "EUR", "MEASURE": 1}
    product = empty.result("crm.product.add", {"fields": fields})
    row = add(empty, deal, productId=product, price=3.5)
    assert (row["productName"], row["measureCode"], row["measureName"]) == ("Cable", 6, "m")
    assert row["productId"] == product


def test_leads_quotes_invoices_and_smart_processes_have_rows(empty):
    kind = empty.result(
        "crm.type.add", {"fields": {"title": "Sold", "isLinkWithProductsEnabled": "Y"}}
    )["type"]
    type_id = kind["entityTypeId"]
    for entity, code in ((1, "L"), (7, "Q"), (31, "SI"), (type_id, f"T{type_id:x}")):
        item = empty.result("crm.item.add", {"entityTypeId": entity, "fields": {"title": "x"}})
        owner = item["item"]["id"]
        row = add(empty, owner, code, productName="Lamp", price=40, quantity=1.5)
        assert row["ownerType"] == code
        found = empty.result("crm.item.get", {"entityTypeId": entity, "id": owner})["item"]
        assert found["opportunity"] == 60
        empty.result("crm.item.delete", {"entityTypeId": entity, "id": owner})
        gone = empty.call("crm.item.productrow.get", {"id": row["id"]})
        assert gone.json()["error"] == "NOT_FOUND"


@pytest.mark.parametrize(
    ("method", "params", "expected"),
    [
        ("add", {"fields": {"ownerType": "D"}}, (400, "100")),
        ("add", {"fields": {"ownerType": "D", "ownerId": 999999}}, (400, "OWNER_NOT_FOUND")),
        ("add", {"fields": {"ownerType": "C", "ownerId": 1}}, (400, "ENTITY_TYPE_NOT_SUPPORTED")),
        ("add", {"fields": {"ownerType": "ZZ", "ownerId": 1}}, (400, "ENTITY_TYPE_NOT_SUPPORTED")),
        ("add", {}, (400, "100")),
        ("get", {}, (400, "100")),
        ("get", {"id": 999999}, (400, "NOT_FOUND")),
        ("update", {"id": 999999, "fields": {}}, (400, "NOT_FOUND")),
        ("delete", {"id": 999999}, (400, "NOT_FOUND")),
        ("set", {"ownerType": "D", "ownerId": 999999, "productRows": []}, (400, "OWNER_NOT_FOUND")),
        ("list", {"filter": {"=ownerType": "D"}}, (400, "100")),
        (
            "list",
            {"filter": {"=ownerType": "D", "=ownerId": 1, "x": 1}},
            (400, "INVALID_ARG_VALUE"),
        ),
        (
            "list",
            {"filter": {"=ownerType": "D", "=ownerId": 1}, "order": {"id": "UP"}},
            (400, "INVALID_ARG_VALUE"),
        ),
    ],
)
def test_errors_have_the_documented_codes(empty, refused, method, params, expected):
    assert refused(empty.call(f"crm.item.productrow.{method}", params)) == expected


def test_update_refuses_fields_that_are_not_the_clients(empty, refused, deal):
    row = add(empty, deal, productName="Desk", price=1)
    for fields in ({"ownerId": 1}, {"priceNetto": 1}, {"nonsense": 1}, {"price": "abc"}):
        params = {"id": row["id"], "fields": fields}
        answer = empty.call("crm.item.productrow.update", params)
        assert refused(answer) == (400, "INVALID_ARG_VALUE"), fields


def test_fields_say_what_is_required_and_read_only(empty):
    fields = empty.result("crm.item.productrow.fields")["fields"]
    assert fields["ownerId"]["isRequired"] and fields["ownerId"]["isImmutable"]
    assert fields["priceNetto"]["isReadOnly"]
    assert not fields["price"]["isReadOnly"]
    assert fields["id"]["type"] == "integer"


def test_rows_are_seen_and_changed_by_those_who_see_the_owner(empty, colleague, refused, deal):
    row = add(empty, deal, productName="Secret", price=7)
    for method in ("get", "delete"):
        answer = colleague.call(f"crm.item.productrow.{method}", {"id": row["id"]})
        assert refused(answer) == (400, "ACCESS_DENIED")
    barred = {"filter": {"=ownerType": "D", "=ownerId": deal}}
    assert refused(colleague.call("crm.item.productrow.list", barred)) == (400, "ACCESS_DENIED")
    assert listed(colleague, [deal, deal + 1]) == []
    assert refused(colleague.call("crm.deal.productrows.get", {"id": deal})) == (400, "")
    own = colleague.result("crm.deal.add", {"fields": {"TITLE": "Own"}})
    mine = add(colleague, own, productName="Mine", price=7)
    assert [r["id"] for r in listed(colleague, [deal, own])] == [mine["id"]]
    for kind in ("L", "Q", "SI"):
        entity = {"L": 1, "Q": 7, "SI": 31}[kind]
        item = empty.result("crm.item.add", {"entityTypeId": entity, "fields": {"title": "x"}})
        add(empty, item["item"]["id"], kind, productName="Secret", price=7)
        assert listed(colleague, [item["item"]["id"]], kind) == []


@pytest.mark.parametrize("kind", ["deal", "lead", "quote"])
def test_old_methods_set_and_get_rows_with_text_ids_and_number_prices(empty, kind):
    owner = empty.result(f"crm.{kind}.add", {"fields": {"TITLE": "Old rows"}})
    rows = [{"PRODUCT_NAME": "Lamp", "PRICE": 899.1, "QUANTITY": 2}, {"PRICE": 1}]
    assert empty.result(f"crm.{kind}.productrows.set", {"id": owner, "rows": rows}) is True
    answer = empty.call(f"crm.{kind}.productrows.get", {"id": owner}).json()
    assert "total" not in answer
    first, second = answer["result"]
    assert isinstance(first["ID"], str)
    assert (first["OWNER_ID"], first["PRICE"], first["PRICE_ACCOUNT"]) == (
        str(owner),
        899.1,
        "899.10",
    )
    assert (first["PRODUCT_ID"], first["TAX_RATE"], first["RESERVE_ID"]) == (0, None, None)
    assert second["PRODUCT_NAME"] == f"[{second['ID']}]"
    assert empty.result(f"crm.{kind}.get", {"id": owner})["OPPORTUNITY"] == "1799.20"


def test_old_set_keeps_the_rows_that_it_names_by_id(empty, deal):
    add(empty, deal, productName="Goes", price=1)
    stays = add(empty, deal, productName="Stays", price=2)
    rows = [{"ID": stays["id"], "PRODUCT_NAME": "Stayed", "PRICE": 3}, {"PRODUCT_NAME": "New"}]
    empty.result("crm.deal.productrows.set", {"id": deal, "rows": rows})
    found = listed(empty, deal)
    assert {r["productName"] for r in found} == {"Stayed", "New"}
    assert [r["id"] for r in found if r["productName"] == "Stayed"] == [stays["id"]]


def test_account_prices_are_in_the_base_currency(empty):
    empty.call("crm.currency.add", {"fields": {"CURRENCY": "CHF", "AMOUNT": 2, "AMOUNT_CNT": 1}})
    rate = empty.result("crm.currency.get", {"id": "CHF"})
    factor = float(rate["AMOUNT"]) / float(rate["AMOUNT_CNT"])
    fields = {"TITLE": "Swiss", "CURRENCY_ID": "CHF"}
    owner = empty.result("crm.deal.add", {"fields": fields})
    row = add(empty, owner, productName="Lamp", price=10)
    assert row["priceAccount"] == pytest.approx(10 * factor)
    old = empty.result("crm.deal.productrows.get", {"id": owner})[0]
    assert old["PRICE_ACCOUNT"] == f"{10 * factor:.2f}"


@pytest.mark.parametrize(
    ("row", "text"),
    [
        ({"DISCOUNT_TYPE_ID": 2}, "Discount Rate"),
        ({"DISCOUNT_TYPE_ID": 2, "DISCOUNT_RATE": 100}, "Discount Sum"),
        ({"DISCOUNT_TYPE_ID": 1}, "Discount Sum"),
    ],
)
def test_old_set_refuses_half_a_discount(empty, deal, row, text):
    answer = empty.call("crm.deal.productrows.set", {"id": deal, "rows": [row]})
    assert (answer.status_code, answer.json()["error"]) == (400, "ERROR_CORE")
    assert answer.json()["error_description"].startswith(text)


def test_old_errors(empty, refused):
    for params, text in (({}, "invalid or not defined"), ({"id": 999999}, "Not found")):
        answer = empty.call("crm.deal.productrows.get", params)
        assert refused(answer) == (400, "")
        assert text in answer.json()["error_description"]
    owner = empty.result("crm.lead.add", {"fields": {"TITLE": "x"}})
    answer = empty.call("crm.lead.productrows.set", {"id": owner, "rows": "x"})
    assert refused(answer) == (400, "")
    filter = {"OWNER_TYPE": "L", "OWNER_ID": owner}
    assert empty.result("crm.productrow.list", {"filter": filter}) == []
    assert "PRICE_BRUTTO" in empty.result("crm.productrow.fields")


@pytest.mark.parametrize(
    ("given", "price", "sums"),
    [
        ({"PRICE_EXCLUSIVE": 100, "TAX_RATE": 20}, 120, ("240.00", "40.00")),
        ({"PRICE_BRUTTO": 120, "TAX_RATE": 20}, 120, ("240.00", "40.00")),
        ({"PRICE_NETTO": 100, "TAX_RATE": 20}, 120, ("240.00", "40.00")),
        (
            {"PRICE_NETTO": 100, "TAX_RATE": 20, "DISCOUNT_TYPE_ID": 2, "DISCOUNT_RATE": 10},
            108,
            ("216.00", "36.00"),
        ),
        (
            {"PRICE_BRUTTO": 120, "TAX_RATE": 20, "DISCOUNT_TYPE_ID": 1, "DISCOUNT_SUM": 10},
            108,
            ("216.00", "36.00"),
        ),
    ],
)
def test_a_price_follows_from_the_one_that_is_given(empty, deal, given, price, sums):
    rows = [{"PRODUCT_NAME": "Lamp", "QUANTITY": 2, **given}]
    empty.result("crm.deal.productrows.set", {"id": deal, "rows": rows})
    (row,) = empty.result("crm.deal.productrows.get", {"id": deal})
    assert row["PRICE"] == price
    assert amount(empty, deal) == sums


@pytest.mark.parametrize(
    ("price", "rate", "without"),
    [(7.77, 20, 6.48), (0.01, 20, 0.01), (1.05, 5, 1), (2.01, 20, 1.68), (100.1, 5.5, 94.88)],
)
def test_without_a_discount_the_price_is_the_price_before_it(empty, deal, price, rate, without):
    row = add(empty, deal, productName="Lamp", price=price, taxRate=rate)
    assert (row["priceBrutto"], row["priceExclusive"], row["priceNetto"]) == (
        price, without, without,
    )  # fmt: skip


def test_one_row_is_named_once_and_no_row_of_another(empty, deal, refused):
    other = empty.result("crm.deal.add", {"fields": {"TITLE": "Other rows"}})
    theirs = add(empty, other, productName="Theirs", price=5)["id"]
    mine = add(empty, deal, productName="Mine", price=1)["id"]
    rows = [{"ID": n, "PRODUCT_NAME": "Row", "PRICE": 2} for n in (mine, theirs, theirs)]
    assert empty.result("crm.deal.productrows.set", {"id": deal, "rows": rows}) is True
    numbers = [row["id"] for row in listed(empty, deal)]
    assert numbers[0] == mine and len(set(numbers)) == 3 and theirs not in numbers
    twice = empty.call("crm.deal.productrows.set", {"id": deal, "rows": [rows[0]] * 2})
    assert refused(twice) == (400, "")
    assert "UNIQUE" not in twice.text
    assert [row["id"] for row in listed(empty, deal)] == numbers
    assert [row["productName"] for row in listed(empty, other)] == ["Theirs"]
    again = {"ownerType": "D", "ownerId": deal, "productRows": [{"id": mine, "price": 3}]}
    (kept,) = empty.result("crm.item.productrow.set", again)["productRows"]
    assert (kept["id"], kept["price"]) == (mine, 3)
    assert amount(empty, deal)[0] == "3.00"
