"""A portal whose base currency becomes another one."""

from syncing import add_deal, call, rows, synced

from workbench.warehouse.store import Store

AMOUNTS = "SELECT amount_base, rate_basis FROM deals ORDER BY deal_id"
RATES = "SELECT currency, rate FROM rates ORDER BY ALL"


def amounts() -> list[tuple[float, str]]:
    return [(float(amount), basis) for amount, basis in rows(AMOUNTS)]


def observed() -> list[tuple[str, float]]:
    return [(currency, float(rate)) for currency, rate in rows(RATES)]


def change_base(url: str, base: str, other: str, rate: str) -> None:
    call(url, "crm.currency.base.set", {"id": base})
    for currency, amount in ((base, "1.0000"), (other, rate)):
        fields = {"AMOUNT": amount, "AMOUNT_CNT": 1}
        call(url, "crm.currency.update", {"id": currency, "fields": fields})


def closed_in_two_currencies(url: str) -> None:
    fields = {"CURRENCY": "CHF", "AMOUNT": "1.0600", "AMOUNT_CNT": 1}
    call(url, "crm.currency.add", {"fields": fields})
    for currency in ("EUR", "CHF"):
        add_deal(url, CURRENCY_ID=currency, OPPORTUNITY="1000", STAGE_ID="WON")


def test_rates_observed_for_another_base_are_not_used(bare_portal, no_external_sources, home):
    url = bare_portal.url
    closed_in_two_currencies(url)
    assert not synced(url).remarks
    assert amounts() == [(1000.0, "base"), (1060.0, "observed")]
    assert observed() == [("CHF", 1.06)]
    bare_portal.advance(3 * 86_400)
    change_base(url, "CHF", "EUR", "0.9400")
    assert any("CHF" in remark for remark in synced(url).remarks)
    assert amounts() == [(940.0, "later"), (1000.0, "base")]
    assert observed() == [("EUR", 0.94)]
    bare_portal.advance(3 * 86_400)
    change_base(url, "EUR", "CHF", "1.0700")  # and back: what was observed at first is old
    synced(url)
    assert amounts() == [(1000.0, "base"), (1070.0, "later")]
    assert not synced(url).remarks


def test_so_it_is_with_a_store_that_does_not_say_for_which_base(
    bare_portal, no_external_sources, home
):
    url = bare_portal.url
    closed_in_two_currencies(url)
    synced(url)
    with Store.open(home / "warehouse") as store:  # as earlier versions left it
        store.connection.execute("DELETE FROM state.info WHERE key = 'base of observed rates'")
        store.connection.execute(
            "INSERT INTO state.observed_rates SELECT 'EUR', observed_on, 1"
            " FROM state.observed_rates"
        )
    assert not synced(url).remarks
    assert observed() == [("CHF", 1.06)]
    with Store.open(home / "warehouse") as store:
        store.connection.execute("DELETE FROM state.info WHERE key = 'base of observed rates'")
    bare_portal.advance(3 * 86_400)
    change_base(url, "CHF", "EUR", "0.9400")
    assert len(synced(url).remarks) == 1
    assert amounts() == [(940.0, "later"), (1000.0, "base")]
