"""Files in user fields: whose they are, how they are called, how long they stay."""

import base64
import sqlite3
from contextlib import closing
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

# -- whose files --------------------------------------------------------------------------


def test_no_record_takes_or_deletes_the_file_of_another(empty, single, multiple):
    owner = deal(empty, **{single: data("own"), multiple: [data("own")]})
    files = item(empty, owner)
    one, several = files[single]["id"], files[multiple][0]["id"]
    thief = deal(empty, **{single: {"id": one}, multiple: [{"id": several}, {"id": one}]})
    for field in ({"id": one}, {"id": one, "remove": "Y"}, {"id": several, "remove": "Y"}):
        change(empty, thief, **{single: field, multiple: [field]})
    for field in (one, {"id": one}, {"id": several}):
        after = item(empty, thief, **{single: field, multiple: [field]})
        assert (after[single], after[multiple]) == (None, [])
    # Nor does another field of the same record.
    item(empty, owner, **{multiple: [{"id": several}, {"id": one}]})
    assert [file["id"] for file in item(empty, owner)[multiple]] == [several]
    empty.result("crm.deal.delete", {"id": thief})
    assert contents(empty, owner, single) == {"own": CONTENT}
    assert contents(empty, owner, multiple) == {"own": CONTENT}


def test_an_id_of_a_file_is_no_id_of_the_disk(empty, single):
    number = deal(empty, **{single: data()})
    everything = empty.result("disk.storage.getList")
    for storage in everything:
        inside = empty.result("disk.folder.getChildren", {"id": storage["ROOT_OBJECT_ID"]})
        assert "note.txt" not in [row["NAME"] for row in inside]
    assert contents(empty, number, single) == {"note.txt": CONTENT}


def test_addresses_work_for_whoever_sees_the_record_only(empty, colleague, single, refused):
    me = int(colleague.result("profile")["ID"])
    mine, other = (
        deal(empty, ASSIGNED_BY_ID=me, **{single: data()}),
        deal(empty, **{single: data()}),
    )
    for file in (old(colleague, mine, single), item(colleague, mine)[single]):
        assert fetched(empty, file).content == CONTENT
    assert refused(colleague.call("crm.deal.get", {"id": other})) == (400, "")
    # The addresses are those of whom they were sent to: they end with that one's rights.
    files = [old(colleague, mine, single), item(colleague, mine)[single]]
    empty.result("crm.deal.update", {"id": mine, "fields": {"ASSIGNED_BY_ID": 1}})
    for file in files:
        assert refused(fetched(empty, file)) == (403, "ACCESS_DENIED")
    assert contents(empty, mine, single) == {"note.txt": CONTENT}


def test_a_dismissed_user_downloads_nothing(empty, single, refused):
    fields = {"EMAIL": "leaving@example.org", "UF_DEPARTMENT": [1], "NAME": "Leaving"}
    me = empty.result("user.add", fields)
    leaving = empty.webhook(me)
    number = deal(empty, ASSIGNED_BY_ID=me, **{single: data()})
    file = old(leaving, number, single)
    assert fetched(empty, file).content == CONTENT
    empty.result("user.update", {"ID": me, "ACTIVE": False})
    assert refused(fetched(empty, file)) == (401, "NO_AUTH_FOUND")


def test_without_a_valid_signature_there_is_no_content(empty, single, refused):
    number = deal(empty, **{single: data()})
    file, universal = old(empty, number, single), item(empty, number)[single]
    url, machine = empty.base + file["downloadUrl"], universal["urlMachine"]
    show, bare = empty.base + file["showUrl"], machine.split("?")[0]
    storage = empty.result("disk.storage.getList")[0]["ROOT_OBJECT_ID"]
    upload = {"id": storage, "data": {"NAME": f"{number}.txt"}, "fileContent": pair()}
    disk = empty.result("disk.folder.uploadFile", upload)["DOWNLOAD_URL"]
    token = parse_qs(urlsplit(machine).query)["token"][0]
    module, text, signature = token.split("|")
    forged = base64.urlsafe_b64encode(
        base64.urlsafe_b64decode(text).replace(b'"user":1', b'"user":2')
    ).decode()
    assert forged != text
    for wrong in (
        *(show, bare, f"{bare}?fileId={universal['id']}", f"{show}&auth=", f"{show}&auth=x"),
        *(f"{bare}?token=crm|x|y", f"{bare}?token={module}|{forged}|{signature}"),
        *(f"{bare}?{urlsplit(disk).query}", f"{disk.split('?')[0]}?token={token}"),
        *(
            url.replace("auth=crm", "auth=disk"),
            machine[:-1] + ("0" if machine[-1] != "0" else "1"),
        ),
    ):
        answer = empty.http.get(wrong)
        assert refused(answer) == (401, "NO_AUTH_FOUND"), wrong
    assert fetched(empty, file).content == CONTENT
    assert empty.http.get(universal["url"]).status_code == 404  # for people who are logged in


def test_an_application_downloads_with_its_token_and_the_scope(empty, single, refused):
    number = deal(empty, **{single: data()})
    show = empty.base + old(empty, number, single)["showUrl"]
    token = empty.application("crm")["access_token"]
    assert empty.http.get(f"{show}&auth={token}").content == CONTENT
    params = {"auth": token, "id": number, "useOriginalUfNames": "Y", "entityTypeId": 2}
    answer = empty.http.post(f"{empty.base}/rest/crm.item.get", json=params)
    assert fetched(empty, answer.json()["result"]["item"][single]).content == CONTENT
    bare = show.split("?")[0]
    for wrong in ("", "0", "x", "99999999", "9" * 40):
        answer = empty.http.get(bare, params={"auth": token, "fileId": wrong})
        assert refused(answer) == (404, "NOT_FOUND")
    narrow = empty.application("task")["access_token"]
    answer = empty.http.get(f"{show}&auth={narrow}")
    assert refused(answer) == (403, "insufficient_scope")


# -- names and sizes ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\temp\\a.txt", "a.txt"),
        ('a"; filename="b.exe', 'a"; filename="b.exe'),
        ("a\r\nSet-Cookie: x=1", "aSet-Cookie: x=1"),
        ("a\0b.txt", "ab.txt"),
        ("a\N{RIGHT-TO-LEFT OVERRIDE}txt.exe", "atxt.exe"),
        ("<script>'%20.html", "<script>'%20.html"),
        ("n" * 400 + ".txt", "n" * 251 + ".txt"),
    ],
)
def test_names_of_files_harm_nothing(empty, single, name, kept):
    number = deal(empty, **{single: data(name)})
    answer = fetched(empty, old(empty, number, single))
    assert named(answer) == kept
    assert answer.headers["content-disposition"].startswith("attachment; filename*=UTF-8''")
    assert set(answer.headers["content-disposition"].split("''")[1]).isdisjoint("\"'; /\\<>")
    assert "set-cookie" not in answer.headers
    assert answer.content == CONTENT


@pytest.mark.parametrize("name", ["..", ".", "/", "\\", "a/", " ", "\n"])
def test_names_that_are_none_are_made_up(empty, single, name):
    number = deal(empty, **{single: data(name)})
    assert len(named(fetched(empty, old(empty, number, single)))) == 32


def test_a_large_file_comes_back_whole_and_one_beyond_the_body_is_refused(empty, single, refused):
    content = bytes(range(256)) * 4096 * 8  # 8 MB
    number = deal(empty, **{single: data("large", content)})
    assert fetched(empty, old(empty, number, single)).content == content
    answer = change(empty, number, **{single: {"fileData": ["huge", "A" * (66 * 1024 * 1024)]}})
    assert refused(answer) == (413, "INVALID_REQUEST")
    assert fetched(empty, old(empty, number, single)).content == content


def test_ten_thousand_lists_are_no_trouble(empty, single, multiple):
    number = deal(empty, **{single: data(), multiple: [data()]})
    deep: list = []
    for _level in range(100):
        deep = [deep]
    for given in ([[]] * 10_000, [{}] * 10_000, [[[]]] * 10_000, deep):
        for form in (given, {"fileData": given}):
            assert change(empty, number, **{single: form, multiple: form}).status_code in (200, 400)
            params = {"entityTypeId": 2, "id": number, "useOriginalUfNames": "Y"}
            for name in (single, multiple):
                answer = empty.call("crm.item.update", {**params, "fields": {name: form}})
                assert answer.status_code in (200, 400)
    endless = f'{{"id": {number}, "fields": {{"{multiple}": {"[" * 10_000}{"]" * 10_000}}}}}'
    kind = {"content-type": "application/json"}
    answer = empty.http.post(f"{empty.url}crm.deal.update", content=endless, headers=kind)
    assert answer.status_code == 400
    many = [pair(f"{place}.txt", b"x") for place in range(10_000)]
    assert len(item(empty, number, **{multiple: many})[multiple]) == 10_000
    assert item(empty, number, **{multiple: []})[multiple] == []


# -- how long they stay -------------------------------------------------------------------


@pytest.mark.parametrize("door", ["crm.deal.delete", "crm.item.delete"])
def test_files_go_with_their_record(empty, single, multiple, door):
    number = deal(empty, **{single: data(), multiple: [data(), data()]})
    other = deal(empty, **{single: data()})
    row = item(empty, number)
    empty.result(door, {"id": number, "entityTypeId": 2})
    assert gone(empty, row[single], *row[multiple])
    assert contents(empty, other, single) == {"note.txt": CONTENT}


@pytest.mark.parametrize("door", ["crm.deal.userfield.delete", "userfieldconfig.delete"])
def test_files_go_with_their_field(empty, multiple, door):
    number, name = define(empty)
    one, two = deal(empty, **{name: data(), multiple: [data()]}), deal(empty, **{name: data()})
    files = [item(empty, each)[name] for each in (one, two)]
    empty.call(door, {"id": number, "moduleId": "crm"})
    assert gone(empty, *files)
    empty.result("crm.deal.userfield.add", {"fields": {"FIELD_NAME": name, "USER_TYPE_ID": "file"}})
    assert old(empty, one, name) is None
    assert contents(empty, one, multiple) == {"note.txt": CONTENT}


def test_an_undone_call_leaves_the_files_as_they_were(empty, single, multiple):
    number = deal(empty, **{single: data(), multiple: [data("a", b"a")]})
    before = item(empty, number)
    files = {single: data("b", b"b"), multiple: [data("b", b"b")]}
    wrong = {"id": number, "fields": {**files, "CURRENCY_ID": "NOWHERE"}}
    assert empty.call("crm.deal.update", wrong).status_code == 400
    fields = "&".join(f"fields[{single}][fileData][]={part}" for part in ("b", "Yg%3D%3D"))
    update = f"crm.deal.update?id={number}&{fields}&fields[CURRENCY_ID]=NOWHERE"
    cmd = {"bad": update, "good": f"crm.deal.add?fields[TITLE]=x&{fields}"}
    answer = empty.result("batch", {"cmd": cmd})
    assert list(answer["result_error"]) == ["bad"]
    after = item(empty, number)
    assert after[single]["id"] == before[single]["id"]
    assert [file["id"] for file in after[multiple]] == [before[multiple][0]["id"]]
    assert contents(empty, number, single) == {"note.txt": CONTENT}
    assert contents(empty, number, multiple) == {"a": b"a"}
    # What the undone calls had numbered is free again: they have left nothing.
    good = item(empty, answer["result"]["good"])[single]
    assert good["id"] == before[multiple][0]["id"] + 1
    assert contents(empty, answer["result"]["good"], single) == {"b": b"b"}


def test_files_survive_a_restart_and_nothing_else_does(serve, tmp_path):
    file = tmp_path / "portal.sqlite"
    with serve("--plan", "unlimited", "--state", str(file)) as portal:
        gone_later, doomed = define(portal)
        _number, name = define(portal, MULTIPLE="Y")
        number = deal(portal, **{name: [data("a", b"a"), data()]})
        deleted = deal(portal, **{name: [data("deleted")], doomed: data("deleted")})
        portal.result("crm.deal.delete", {"id": deleted})
        deal(portal, **{doomed: data("field gone")})
        portal.result("crm.deal.userfield.delete", {"id": gone_later})
        wrong = {"CURRENCY_ID": "NOWHERE", name: [data("undone")]}
        assert change(portal, number, **wrong).status_code == 400
    with serve("--plan", "unlimited", "--state", str(file)) as portal:
        assert contents(portal, number, name) == {"a": b"a", "note.txt": CONTENT}
        first = item(portal, number)[name][0]
        item(portal, number, **{name: [first["id"], pair("c", b"c")]})
        assert contents(portal, number, name) == {"a": b"a", "c": b"c"}
    with closing(sqlite3.connect(file)) as kept:
        rows = kept.execute("SELECT RECORD_ID, NAME, SIZE FROM field_files ORDER BY ID").fetchall()
    assert rows == [(number, "a", 1), (number, "c", 1)]
