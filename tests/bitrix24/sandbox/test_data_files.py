"""Files in user fields of CRM records: written, read in both forms, filtered."""

from urllib.parse import parse_qs, urlsplit

import pytest
from file_calls import (
    CONTENT,
    change,
    contents,
    data,
    deal,
    define,
    fetched,
    gone,
    item,
    named,
    old,
    pair,
)

# -- reading ------------------------------------------------------------------------------


def test_one_file_is_read_in_both_forms_and_downloaded(empty, single):
    number = deal(empty, **{single: data("été 1.txt")})
    file = old(empty, number, single)
    assert set(file) == {"id", "showUrl", "downloadUrl"}
    where = urlsplit(file["downloadUrl"])
    assert where.path == "/bitrix/components/bitrix/crm.deal.show/show_file.php"
    query = parse_qs(where.query)
    assert (query["ownerId"], query["fieldName"]) == ([str(number)], [single])
    assert (query["fileId"], query["dynamic"]) == ([str(file["id"])], ["Y"])
    assert parse_qs(urlsplit(file["showUrl"]).query) == {k: query[k] for k in query if k != "auth"}
    universal = item(empty, number)[single]
    assert set(universal) == {"id", "url", "urlMachine"}
    assert type(file["id"]) is int and universal["id"] == file["id"]
    assert "entityTypeId=2" in universal["url"] and f"fieldName={single}" in universal["url"]
    assert universal["urlMachine"].startswith(f"{empty.base}/rest/crm.controller.item.getFile.json")
    for each in (file, universal):
        answer = fetched(empty, each)
        assert answer.content == CONTENT
        assert answer.headers["content-type"] == "application/octet-stream"
        assert named(answer) == "été 1.txt"


def test_several_files_are_a_list_in_the_order_they_were_written(empty, multiple):
    number = deal(empty, **{multiple: [data("a.txt", b"a"), data("b.txt", b"b"), data("a.txt")]})
    files = old(empty, number, multiple)
    assert [fetched(empty, file).content for file in files] == [b"a", b"b", CONTENT]
    assert [file["id"] for file in item(empty, number)[multiple]] == [file["id"] for file in files]
    twice = deal(empty, **{multiple: [data(), data()]})
    assert len(old(empty, twice, multiple)) == 2


def test_lists_of_records_hold_the_same_forms(empty, single, multiple):
    number = deal(empty, **{single: data(), multiple: [data("b.txt", b"b")]})
    asked = {"filter": {"ID": number}, "select": ["ID", single, multiple]}
    (row,) = empty.result("crm.deal.list", asked)
    assert row == {"ID": str(number), single: row[single], multiple: row[multiple]}
    assert fetched(empty, row[single]).content == CONTENT
    assert [fetched(empty, file).content for file in row[multiple]] == [b"b"]
    asked = {"entityTypeId": 2, "filter": {"id": number}, "useOriginalUfNames": "Y"}
    (row,) = empty.result("crm.item.list", {**asked, "select": ["id", multiple]})["items"]
    assert single not in row
    assert [fetched(empty, file).content for file in row[multiple]] == [b"b"]


def test_an_empty_field_is_null_or_an_empty_list(empty, single, multiple):
    """[?] What the old methods send is in no sample; the universal ones' null is taken for both."""
    number = deal(empty)
    row = empty.result("crm.deal.get", {"id": number})
    assert (row[single], row[multiple]) == (None, [])
    row = item(empty, number)
    assert (row[single], row[multiple]) == (None, [])


@pytest.mark.parametrize("kind", ["lead", "contact", "company", "quote"])
def test_every_kind_of_record_keeps_files(empty, kind):
    _number, name = define(empty, kind)
    fields = {"TITLE": "x", "NAME": "x", name: data()}
    number = empty.result(f"crm.{kind}.add", {"fields": fields})
    file = empty.result(f"crm.{kind}.get", {"id": number})[name]
    assert f"/crm.{kind}.show/" in file["downloadUrl"]
    assert fetched(empty, file).content == CONTENT
    empty.result(f"crm.{kind}.delete", {"id": number})
    assert gone(empty, file)


def test_items_of_smart_processes_keep_files_under_their_short_name(empty):
    kind = empty.result("crm.type.add", {"fields": {"title": "Papers"}})["type"]
    name = f"UF_CRM_{kind['id']}_SCAN"
    field = {"entityId": f"CRM_{kind['id']}", "fieldName": name, "userTypeId": "file"}
    empty.result("userfieldconfig.add", {"moduleId": "crm", "field": field})
    short = f"ufCrm{kind['id']}Scan"
    params = {"entityTypeId": kind["entityTypeId"], "fields": {short: pair()}}
    made = empty.result("crm.item.add", params)["item"]
    assert f"fieldName={name}" in made[short]["url"]
    assert fetched(empty, made[short]).content == CONTENT
    gone_with = {"entityTypeId": kind["entityTypeId"], "id": made["id"]}
    empty.result("crm.item.delete", gone_with)
    assert gone(empty, made[short])


# -- writing in the old form --------------------------------------------------------------


def test_a_new_file_takes_the_place_of_the_one_before(empty, single):
    number = deal(empty, **{single: data()})
    before = old(empty, number, single)
    change(empty, number, **{single: data("new.txt", b"new")})
    assert contents(empty, number, single) == {"new.txt": b"new"}
    assert gone(empty, before)
    assert old(empty, number, single)["id"] > before["id"]


@pytest.mark.parametrize("removal", [{"remove": "Y"}, {"id": 0, "remove": "Y"}, "", "own"])
def test_a_single_file_is_removed(empty, single, removal):
    """[?] That an empty text removes as well is documented for the universal methods only."""
    number = deal(empty, **{single: data()})
    file = old(empty, number, single)
    asked = {"id": file["id"], "remove": "Y"} if removal == "own" else removal
    assert change(empty, number, **{single: asked}).json()["result"] is True
    assert old(empty, number, single) is None
    assert gone(empty, file)


def test_an_id_keeps_a_single_file(empty, single):
    number = deal(empty, **{single: data()})
    file = old(empty, number, single)
    change(empty, number, **{single: {"id": file["id"]}, "TITLE": "y"})
    assert old(empty, number, single)["id"] == file["id"]
    assert contents(empty, number, single) == {"note.txt": CONTENT}


def test_files_are_kept_by_their_ids_and_others_go(empty, multiple):
    """[?] The documentation advises against the old methods for several files; a user's report
    (b24restdocs, issue 11) says that ids beside a new file kept nothing there.
    """
    number = deal(empty, **{multiple: [data("a", b"a"), data("b", b"b")]})
    first, second = old(empty, number, multiple)
    change(empty, number, **{multiple: [{"id": second["id"]}, data("c", b"c")]})
    assert contents(empty, number, multiple) == {"b": b"b", "c": b"c"}
    assert old(empty, number, multiple)[0]["id"] == second["id"]
    assert gone(empty, first)


def test_a_removal_alone_leaves_the_other_files(empty, multiple):
    """[?] Whether files that a list of removals does not name stay is not documented."""
    number = deal(empty, **{multiple: [data("a", b"a"), data("b", b"b")]})
    first, second = old(empty, number, multiple)
    change(empty, number, **{multiple: [{"id": first["id"], "remove": "Y"}]})
    assert [file["id"] for file in old(empty, number, multiple)] == [second["id"]]
    assert gone(empty, first)
    change(empty, number, **{multiple: {"id": second["id"], "remove": "Y"}})
    assert old(empty, number, multiple) == []
    assert gone(empty, second)


def test_forms_write_files_as_json_does(empty, multiple):
    one = {f"fields[{multiple}][0][fileData][{n}]": part for n, part in enumerate(pair("a.txt"))}
    two = {f"fields[{multiple}][1][fileData][{n}]": part for n, part in enumerate(pair("b.txt"))}
    answer = empty.http.post(f"{empty.url}crm.deal.add", data={"fields[TITLE]": "x", **one, **two})
    assert contents(empty, answer.json()["result"], multiple) == {
        "a.txt": CONTENT,
        "b.txt": CONTENT,
    }


@pytest.mark.parametrize(
    "given", [5, "text", True, ["a.txt", "eA=="], {"a": 1}, {"fileData": []}, [[[]]], [None]]
)
def test_what_is_no_file_leaves_the_field_as_it_is(empty, single, multiple, given):
    """[?] The old methods are not documented for any of these."""
    number = deal(empty, **{single: data(), multiple: [data()]})
    assert change(empty, number, **{single: given, multiple: given}).status_code == 200
    assert contents(empty, number, single) == {"note.txt": CONTENT}
    assert contents(empty, number, multiple) == {"note.txt": CONTENT}


WRONG = [
    ["a.txt", "not base64!"],
    ["a.txt", "eA="],
    ["a.txt", "data:text/plain;base64,eA=="],
    ["a.txt", "été"],
    ["a.txt", ""],
    ["a.txt", None],
    ["a.txt", 12],
    [None, "eA=="],
    [["a.txt"], "eA=="],
    ["a.txt", ["eA=="]],
    ["a.txt", "eA==", "more"],
    [[["a"]]],
]


@pytest.mark.parametrize("given", WRONG)
def test_broken_files_are_refused_and_change_nothing(empty, single, multiple, refused, given):
    """[?] The documentation warns of damaged files where base64 is broken; here it is refused."""
    number = deal(empty, **{single: data(), multiple: [data()]})
    answer = change(empty, number, **{single: {"fileData": given}})
    assert refused(answer) == (400, "")
    assert single in answer.json()["error_description"]
    answer = change(empty, number, **{multiple: [data("b", b"b"), {"fileData": given}]})
    assert refused(answer) == (400, "")
    params = {"entityTypeId": 2, "id": number, "useOriginalUfNames": "Y"}
    for fields in ({single: given}, {multiple: [pair("b", b"b"), given]}):
        answer = empty.call("crm.item.update", {**params, "fields": fields})
        assert refused(answer) == (400, "CRM_FIELD_ERROR_VALUE_NOT_VALID")
    assert contents(empty, number, single) == {"note.txt": CONTENT}
    assert contents(empty, number, multiple) == {"note.txt": CONTENT}


# -- writing in the universal form --------------------------------------------------------


def test_items_are_made_and_changed_with_pairs(empty, single, multiple):
    fields = {"title": "x", single: pair("a.txt"), multiple: [pair("b.txt"), pair("c.txt", b"c")]}
    params = {"entityTypeId": 2, "fields": fields, "useOriginalUfNames": "Y"}
    made = empty.result("crm.item.add", params)["item"]
    assert fetched(empty, made[single]).content == CONTENT
    assert [fetched(empty, file).content for file in made[multiple]] == [CONTENT, b"c"]
    changed = item(empty, made["id"], **{single: pair("d.txt", b"d")})
    assert fetched(empty, changed[single]).content == b"d"
    assert changed[multiple] == item(empty, made["id"])[multiple]
    assert gone(empty, made[single])


@pytest.mark.parametrize("form", [lambda n: n, str, lambda n: {"id": n}, lambda n: {"id": str(n)}])
def test_ids_keep_files_and_those_that_are_not_named_go(empty, single, multiple, form):
    number = deal(empty, **{single: data(), multiple: [data("a", b"a"), data("b", b"b")]})
    before = item(empty, number)
    first, second = before[multiple]
    kept = {single: form(before[single]["id"]), multiple: [pair("c", b"c"), form(first["id"])]}
    after = item(empty, number, **kept)
    assert after[single]["id"] == before[single]["id"]
    assert after[multiple][1]["id"] == first["id"]
    assert contents(empty, number, multiple) == {"c": b"c", "a": b"a"}
    assert gone(empty, second)


def test_an_id_named_twice_is_one_file(empty, multiple):
    number = deal(empty, **{multiple: [data("a", b"a"), data("b", b"b")]})
    first = item(empty, number)[multiple][0]
    after = item(empty, number, **{multiple: [{"id": first["id"]}, first["id"]]})
    assert [file["id"] for file in after[multiple]] == [first["id"]]


@pytest.mark.parametrize("given", ["", None, [], {}, {"id": 999_999}, 999_999])
def test_a_single_field_is_emptied_by_nothing_or_by_an_id_it_does_not_have(empty, single, given):
    number = deal(empty, **{single: data()})
    file = item(empty, number)[single]
    assert item(empty, number, **{single: given})[single] is None
    assert gone(empty, file)


def test_several_files_are_emptied_by_an_empty_list(empty, multiple, refused):
    number = deal(empty, **{multiple: [data("a"), data("b")]})
    files = item(empty, number)[multiple]
    params = {"entityTypeId": 2, "id": number, "useOriginalUfNames": "Y"}
    answer = empty.call("crm.item.update", {**params, "fields": {multiple: "a"}})
    assert refused(answer) == (400, "100")
    assert item(empty, number, **{multiple: []})[multiple] == []
    assert gone(empty, *files)


def test_file_data_leaves_a_universal_field_empty(empty, single, multiple):
    """A handler's description in the documentation says so: no error, and no file."""
    fields = {"title": "x", single: data(), multiple: [data()]}
    params = {"entityTypeId": 2, "fields": fields, "useOriginalUfNames": "Y"}
    made = empty.result("crm.item.add", params)["item"]
    assert (made[single], made[multiple]) == (None, [])


@pytest.mark.parametrize("given", ["text", True, 1.5, "1.5", -1])
def test_what_is_neither_file_nor_id_is_refused(empty, single, multiple, refused, given):
    number = deal(empty, **{single: data(), multiple: [data()]})
    params = {"entityTypeId": 2, "id": number, "useOriginalUfNames": "Y"}
    for fields in ({single: given}, {multiple: [given]}):
        answer = empty.call("crm.item.update", {**params, "fields": fields})
        assert refused(answer) == (400, "CRM_FIELD_ERROR_VALUE_NOT_VALID")
    assert contents(empty, number, single) == contents(empty, number, multiple)


def test_a_file_without_name_gets_one(empty, single):
    """The documentation says that the portal makes one up."""
    for given in ({"fileData": ["", "eA=="]}, {"fileData": ["eA=="]}, {"fileData": "eA=="}):
        number = deal(empty, **{single: given})
        ((name, content),) = contents(empty, number, single).items()
        assert len(name) > 8 and content == b"x"


def test_a_required_file_is_asked_for_by_universal_methods(empty, refused):
    number, name = define(empty, "quote", MANDATORY="Y")
    params = {"entityTypeId": 7, "useOriginalUfNames": "Y"}
    answer = empty.call("crm.item.add", {**params, "fields": {"title": "x", name: []}})
    assert refused(answer) == (400, "CRM_FIELD_ERROR_REQUIRED")
    assert empty.result("crm.item.add", {**params, "fields": {"title": "x", name: pair()}})
    empty.result("crm.quote.userfield.delete", {"id": number})


# -- filters ------------------------------------------------------------------------------


@pytest.mark.parametrize("several", [False, True])
def test_a_filter_asks_for_files_or_none(empty, refused, several):
    _number, name = define(empty, MULTIPLE="Y" if several else "N")
    given = [data()] if several else data()
    full, bare, emptied = deal(empty, **{name: given}), deal(empty), deal(empty, **{name: given})
    change(empty, emptied, **{name: ""})
    assert old(empty, emptied, name) == ([] if several else None)
    universal = {"entityTypeId": 2, "select": ["id"], "useOriginalUfNames": "Y"}

    def both(condition):
        ids = [full, bare, emptied]
        rows = empty.result("crm.deal.list", {"filter": {"@ID": ids, **condition}})
        asked = {**universal, "filter": {"@id": ids, **condition}}
        items = empty.result("crm.item.list", asked)["items"]
        assert [row["id"] for row in items] == [int(row["ID"]) for row in rows]
        return [row["id"] for row in items]

    for nothing in ("", None, False, []):
        for prefix in ("", "="):
            assert both({f"{prefix}{name}": nothing}) == [bare, emptied], nothing
        for prefix in ("!", "!="):
            assert both({f"{prefix}{name}": nothing}) == [full], nothing
    for wrong in ({name: 1}, {f"%{name}": "note"}, {f">{name}": ""}, {f"@{name}": ["", 1]}):
        assert refused(empty.call("crm.deal.list", {"filter": wrong}))[0] == 400
        assert refused(empty.call("crm.item.list", {**universal, "filter": wrong}))[0] == 400
