"""crm.duplicate.findbycomm: whose telephone or e-mail is this? By an index that writes keep."""

import time

from workbench.bitrix24.sandbox.memory.state import State

OWNERS = {"LEAD": "lead", "CONTACT": "contact", "COMPANY": "company"}


def look_up(client, kind, *values, **more):
    given = {"type": kind, "values": list(values), **more}
    return client.result("crm.duplicate.findbycomm", given)


def person(client, owner="contact", **fields):
    given = {"TITLE": "x", "NAME": "x", **fields}
    return client.result(f"crm.{owner}.add", {"fields": given})


def digits(text):
    return "".join(c for c in text if c in "0123456789")[-9:]


def walked(client):
    """Every telephone and e-mail of the portal with its owners, read page by page."""
    found = {}
    for name, owner in OWNERS.items():
        last = 0
        while True:
            asked = {"select": ["ID", "PHONE", "EMAIL"], "filter": {">ID": last}}
            rows = client.result(f"crm.{owner}.list", {**asked, "order": {"ID": "ASC"}})
            if not rows:
                break
            for row in rows:
                for kind in ("PHONE", "EMAIL"):
                    for each in row.get(kind) or ():
                        value = each["VALUE"]
                        key = digits(value) if kind == "PHONE" else value.lower()
                        found.setdefault((kind, key), {}).setdefault(name, set()).add(
                            int(row["ID"])
                        )
            last = int(rows[-1]["ID"])
    return found


def test_the_index_says_what_walking_the_tables_says(furnished):
    truth = walked(furnished)
    assert len(truth) > 200
    for (kind, value), owners in list(truth.items())[::7]:
        if any(len(ids) >= 20 for ids in owners.values()):
            continue  # the page says so: nothing more comes
        found = {name: set(ids) for name, ids in look_up(furnished, kind, value).items()}
        assert found == owners, value


def test_every_write_is_found_at_once(changing):
    assert look_up(changing, "PHONE", "+33 700 00 00 01") == []
    number = person(changing, PHONE=[{"VALUE": "+33 (7) 00-00.00 01"}], EMAIL=[{"VALUE": "É@x.fr"}])
    assert look_up(changing, "PHONE", "0700000001") == {"CONTACT": [number]}
    assert look_up(changing, "EMAIL", "é@X.fr") == {"CONTACT": [number]}
    (phone,) = changing.result("crm.contact.get", {"id": number})["PHONE"]
    changed = {"PHONE": [{"ID": phone["ID"], "VALUE": "tél : 07 00 00 00 02"}]}
    changing.result("crm.contact.update", {"id": number, "fields": changed})
    assert look_up(changing, "PHONE", "0700000001") == []
    assert look_up(changing, "PHONE", "+33700000002") == {"CONTACT": [number]}
    lead = person(changing, "lead", PHONE=[{"VALUE": "700000002"}])
    assert look_up(changing, "PHONE", "+33700000002") == {"CONTACT": [number], "LEAD": [lead]}
    assert look_up(changing, "PHONE", "+33700000002", entity_type="LEAD") == {"LEAD": [lead]}
    changing.result("crm.contact.delete", {"id": number})
    assert look_up(changing, "PHONE", "+33700000002") == {"LEAD": [lead]}
    assert look_up(changing, "EMAIL", "é@x.fr") == []


def test_a_write_that_is_undone_is_not_found(changing):
    number = person(changing, PHONE=[{"VALUE": "0700000003"}])
    wrong = {"PHONE": [{"VALUE": "0700000004"}], "DATE_CREATE": "x", "BIRTHDATE": "not a day"}
    assert changing.call("crm.contact.update", {"id": number, "fields": wrong}).status_code == 400
    assert look_up(changing, "PHONE", "0700000004") == []
    assert look_up(changing, "PHONE", "0700000003") == {"CONTACT": [number]}


def test_a_text_without_digits_is_nobodys_number(changing):
    """It was everybody's whose number has none either."""
    person(changing, PHONE=[{"VALUE": "unknown"}])
    assert look_up(changing, "PHONE", "none") == []


def test_the_index_survives_a_restart(serve, tmp_path):
    file = tmp_path / "portal.sqlite"
    with serve("--state", str(file)) as client:
        first = person(client, EMAIL=[{"VALUE": "a@example.org"}])
        assert look_up(client, "EMAIL", "a@example.org") == {"CONTACT": [first]}
    with serve("--state", str(file)) as client:
        second = person(client, EMAIL=[{"VALUE": "A@example.org"}])
        assert look_up(client, "EMAIL", "a@example.org") == {"CONTACT": [first, second]}


def test_twenty_of_a_kind_are_the_last(changing):
    """So the method's page: with 20 leads no contact comes, with 20 contacts no company."""
    for owner in ["contact"] * 21 + ["lead", "company"]:
        person(changing, owner, EMAIL=[{"VALUE": "many@example.org"}])
    found = look_up(changing, "EMAIL", "many@example.org")
    assert {name: len(ids) for name, ids in found.items()} == {"LEAD": 1, "CONTACT": 20}
    for _number in range(19):
        person(changing, "lead", EMAIL=[{"VALUE": "many@example.org"}])
    assert list(look_up(changing, "EMAIL", "many@example.org")) == ["LEAD"]
    assert (
        len(look_up(changing, "EMAIL", "many@example.org", entity_type="COMPANY")["COMPANY"]) == 1
    )


def test_only_the_first_look_up_walks(serve, tmp_path):
    """Of 30,000 contacts; each look-up walked all tables, two seconds at 300,000 deals."""
    file = tmp_path / "portal.sqlite"
    state = State(file)
    numbers = ({"ID": n, "PHONE": [{"VALUE": f"+33 6 {n:08}"}]} for n in range(1, 30_001))
    state.insert_many("contacts", numbers)
    state.close()
    with serve("--state", str(file), "--plan", "unlimited") as client:
        client.result("profile")
        began = time.perf_counter()
        assert look_up(client, "PHONE", f"06{77:08}") == {"CONTACT": [77]}
        walk = time.perf_counter() - began
        began = time.perf_counter()
        for number in range(100, 120):
            assert look_up(client, "PHONE", f"06{number:08}") == {"CONTACT": [number]}
        assert time.perf_counter() - began < 5 * walk
