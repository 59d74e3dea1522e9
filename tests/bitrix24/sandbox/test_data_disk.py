"""The disk: storages, folders, files, uploads by content and by address, downloads."""

import base64

import pytest

CONTENT = "Bonjour, été ! \N{SNOWMAN}".encode() + bytes(range(256))


@pytest.fixture(scope="module")
def common(empty):
    storages = empty.result("disk.storage.getList", {"filter": {"ENTITY_TYPE": "common"}})
    assert len(storages) == 1
    return storages[0]


@pytest.fixture
def folder(empty, common):
    number = len(empty.result("disk.storage.getChildren", {"id": common["ID"]}))
    params = {"id": common["ID"], "data": {"NAME": f"Folder {number}"}}
    return empty.result("disk.storage.addFolder", params)


def upload(client, folder, name="note.txt", content=CONTENT, **more):
    encoded = base64.b64encode(content).decode()
    params = {"id": folder, "data": {"NAME": name}, "fileContent": [name, encoded], **more}
    return client.result("disk.folder.uploadFile", params)


def names(client, folder, **more):
    return [row["NAME"] for row in client.result("disk.folder.getChildren", {"id": folder, **more})]


def test_storages_are_text_rows_with_the_root_folder(empty, common):
    assert set(common) == {
        *("ID", "NAME", "CODE", "MODULE_ID", "ENTITY_TYPE", "ENTITY_ID", "ROOT_OBJECT_ID")
    }
    assert isinstance(common["ID"], str) and isinstance(common["ROOT_OBJECT_ID"], str)
    assert empty.result("disk.storage.get", {"id": common["ID"]}) == common
    root = empty.result("disk.folder.get", {"id": common["ROOT_OBJECT_ID"]})
    assert (root["TYPE"], root["STORAGE_ID"]) == ("folder", common["ID"])
    assert empty.result("disk.storage.getTypes") == ["user", "common", "group"]
    assert "total" in empty.call("disk.storage.getlist").json()


def test_everybody_sees_the_common_storage_and_their_own(empty, colleague, common, refused):
    mine = colleague.result("disk.storage.getList")
    assert [row["ENTITY_TYPE"] for row in mine] == ["common", "user"]
    profile = colleague.result("profile")
    assert mine[1]["ENTITY_ID"] == profile["ID"]
    everyone = empty.result("disk.storage.getList")
    other = next(row for row in everyone if row["ENTITY_ID"] == "1")
    assert refused(colleague.call("disk.storage.get", {"id": other["ID"]})) == (
        400,
        "ACCESS_DENIED",
    )
    secret = upload(empty, other["ROOT_OBJECT_ID"], "secret.txt")
    for method in ("get", "delete", "markDeleted"):
        answer = colleague.call(f"disk.file.{method}", {"id": secret["ID"]})
        assert refused(answer) == (400, "ACCESS_DENIED")
    shared = upload(empty, common["ROOT_OBJECT_ID"], "shared.txt")
    assert colleague.result("disk.file.get", {"id": shared["ID"]})["NAME"] == "shared.txt"


def test_a_new_file_has_number_ids_and_the_file_read_back_is_text(empty, folder):
    made = upload(empty, folder["ID"])
    assert isinstance(made["ID"], int) and isinstance(made["FILE_ID"], int)
    assert (made["SIZE"], made["DELETED_TYPE"], made["DELETED_BY"]) == (str(len(CONTENT)), 0, None)
    assert (made["PARENT_ID"], made["GLOBAL_CONTENT_VERSION"]) == (str(folder["ID"]), 1)
    read = empty.result("disk.file.get", {"id": made["ID"]})
    assert (read["ID"], read["FILE_ID"]) == (str(made["ID"]), str(made["FILE_ID"]))
    assert (read["DELETED_TYPE"], read["DELETED_BY"]) == ("0", "0")
    assert read["CREATED_BY"] == "1"


def test_a_file_is_downloaded_from_its_address_without_further_rights(empty, folder):
    made = upload(empty, folder["ID"], "été 1.txt")
    answer = empty.http.get(made["DOWNLOAD_URL"])
    assert answer.content == CONTENT
    assert "%C3%A9t%C3%A9%201.txt" in answer.headers["content-disposition"]


def test_without_content_the_answer_is_an_address_for_a_multipart_upload(empty, folder):
    where = empty.result("disk.folder.uploadfile", {"id": folder["ID"]})
    assert where["field"] == "file"
    sent = empty.http.post(where["uploadUrl"], files={"file": ("by hand.bin", CONTENT)})
    made = sent.json()["result"]
    assert (made["NAME"], made["PARENT_ID"]) == ("by hand.bin", str(folder["ID"]))
    assert "time" in sent.json()
    read = empty.result("disk.file.get", {"id": made["ID"]})
    assert empty.http.get(read["DOWNLOAD_URL"]).content == CONTENT
    again = empty.http.post(where["uploadUrl"], files={"file": ("by hand.bin", b"x")})
    assert (again.status_code, again.json()["error"]) == (400, "DISK_OBJ_22000")


def test_a_name_that_is_taken_is_numbered_on_request(empty, folder, refused):
    upload(empty, folder["ID"], "a.docx")
    encoded = base64.b64encode(b"x").decode()
    params = {"id": folder["ID"], "data": {"NAME": "a.docx"}, "fileContent": ["a", encoded]}
    assert refused(empty.call("disk.folder.uploadFile", params)) == (400, "DISK_OBJ_22000")
    assert upload(empty, folder["ID"], "a.docx", generateUniqueName=True)["NAME"] == "a (1).docx"
    assert upload(empty, folder["ID"], "a.docx", generateUniqueName="Y")["NAME"] == "a (2).docx"


@pytest.mark.parametrize("change", ["token", "door", "signature"])
def test_forged_addresses_are_refused(empty, folder, change):
    made = upload(empty, folder["ID"], f"{change}.txt")
    url = made["DOWNLOAD_URL"]
    if change == "door":
        answer = empty.http.post(url.replace("download.json", "upload.json"))
    elif change == "token":
        answer = empty.http.get(url.split("?")[0], params={"token": "disk|x|y"})
    else:
        answer = empty.http.get(url[:-2] + ("00" if url[-2:] != "00" else "11"))
    assert (answer.status_code, answer.json()["error"]) == (401, "NO_AUTH_FOUND")


def test_folders_hold_folders_and_files_with_filter_and_order(empty, folder):
    sub = empty.result("disk.folder.addSubFolder", {"id": folder["ID"], "data": {"NAME": "Sub"}})
    assert isinstance(sub["ID"], int) and sub["REAL_OBJECT_ID"] == sub["ID"]
    upload(empty, folder["ID"], "b.txt")
    upload(empty, folder["ID"], "a.txt")
    assert names(empty, folder["ID"]) == ["Sub", "b.txt", "a.txt"]
    assert names(empty, folder["ID"], filter={"TYPE": "file"}) == ["b.txt", "a.txt"]
    assert names(empty, folder["ID"], order={"NAME": "DESC"})[0] == "b.txt"
    assert names(empty, folder["ID"], filter={"%NAME": "a.t"}) == ["a.txt"]


def test_files_are_renamed_moved_copied_and_replaced(empty, folder, refused):
    sub = empty.result("disk.folder.addSubFolder", {"id": folder["ID"], "data": {"NAME": "In"}})
    made = upload(empty, folder["ID"], "one.txt")
    renamed = empty.result("disk.file.rename", {"id": made["ID"], "newName": "two.txt"})
    assert (renamed["ID"], renamed["NAME"]) == (str(made["ID"]), "two.txt")
    moved = empty.result("disk.file.moveTo", {"id": made["ID"], "targetFolderId": sub["ID"]})
    assert moved["PARENT_ID"] == str(sub["ID"])
    copied = empty.result("disk.file.copyTo", {"id": made["ID"], "targetFolderId": folder["ID"]})
    assert copied["ID"] != made["ID"]
    assert names(empty, folder["ID"]) == ["In", "two.txt"]
    params = {"id": made["ID"], "fileContent": ["x", base64.b64encode(b"new").decode()]}
    replaced = empty.result("disk.file.uploadVersion", params)
    assert (replaced["SIZE"], replaced["GLOBAL_CONTENT_VERSION"]) == ("3", "2")
    assert empty.http.get(replaced["DOWNLOAD_URL"]).content == b"new"
    assert empty.http.get(copied["DOWNLOAD_URL"]).content == CONTENT
    circle = {"id": folder["ID"], "targetFolderId": sub["ID"]}
    assert refused(empty.call("disk.folder.moveTo", circle)) == (400, "ERROR_ARGUMENT")


def test_the_trash_hides_and_gives_back(empty, folder, refused):
    made = upload(empty, folder["ID"], "old.txt")
    gone = empty.result("disk.file.markDeleted", {"id": made["ID"]})
    assert (gone["DELETED_TYPE"], gone["DELETED_BY"]) == ("3", "1")
    assert gone["DELETE_TIME"]
    assert names(empty, folder["ID"]) == []
    assert refused(empty.call("disk.file.get", {"id": made["ID"]})) == (400, "ERROR_NOT_FOUND")
    empty.result("disk.file.restore", {"id": made["ID"]})
    assert names(empty, folder["ID"]) == ["old.txt"]


def test_deleting_for_good_takes_all_that_is_below(empty, folder, refused):
    sub = empty.result("disk.folder.addSubFolder", {"id": folder["ID"], "data": {"NAME": "Sub"}})
    made = upload(empty, sub["ID"])
    other = upload(empty, folder["ID"], "alone.txt")
    assert empty.result("disk.file.delete", {"id": other["ID"]}) is True
    assert empty.result("disk.folder.deleteTree", {"id": folder["ID"]}) is True
    for kind, row in (("folder", folder), ("folder", sub), ("file", made), ("file", other)):
        answer = empty.call(f"disk.{kind}.get", {"id": row["ID"]})
        assert refused(answer) == (400, "ERROR_NOT_FOUND")


def test_files_are_found_by_name(empty, folder):
    upload(empty, folder["ID"], "Quarterly report.xlsx")
    found = empty.call("disk.file.search", {"QUERY": "terly  rep", "TYPE": "file"}).json()
    assert [row["NAME"] for row in found["result"]] == ["Quarterly report.xlsx"]
    assert "total" not in found
    assert empty.call("disk.file.search", {"QUERY": "ab"}).json()["error"] == "INVALID_QUERY"


@pytest.mark.parametrize(
    ("method", "params", "code"),
    [
        ("disk.storage.get", {}, "ERROR_ARGUMENT"),
        ("disk.storage.get", {"id": 99999}, "ERROR_NOT_FOUND"),
        ("disk.folder.getChildren", {}, "ERROR_ARGUMENT"),
        ("disk.folder.getChildren", {"id": 99999}, "ERROR_NOT_FOUND"),
        ("disk.folder.addSubFolder", {"id": "FOLDER"}, "ERROR_ARGUMENT"),
        ("disk.folder.addSubFolder", {"id": "FOLDER", "data": {"NAME": "a/b"}}, "ERROR_ARGUMENT"),
        ("disk.folder.uploadFile", {"id": "FOLDER", "fileContent": ["a", "eA=="]}, "NAME"),
        (
            "disk.folder.uploadFile",
            {"id": "FOLDER", "data": {"NAME": "x"}, "fileContent": ["x", "data:;base64,eA=="]},
            "ERROR_COULD_NOT_SAVE_FILE",
        ),
        ("disk.folder.deleteTree", {"id": "ROOT"}, "DISK_OBJ_22000"),
        ("disk.file.get", {"id": "FOLDER"}, "ERROR_NOT_FOUND"),
        ("disk.file.delete", {"id": 99999}, "ERROR_NOT_FOUND"),
    ],
)
def test_errors_have_the_documented_codes(empty, common, folder, refused, method, params, code):
    here = {"FOLDER": folder["ID"], "ROOT": common["ROOT_OBJECT_ID"]}
    params = {k: here.get(v, v) if isinstance(v, str) else v for k, v in params.items()}
    code = "DISK_BASE_SERVICE_22001" if code == "NAME" else code
    assert refused(empty.call(method, params)) == (400, code)


def test_uploads_do_not_go_by_batch(empty, folder):
    command = {"cmd": {"u": f"disk.folder.uploadFile?id={folder['ID']}"}}
    error = empty.result("batch", command)["result_error"]["u"]
    assert error["error"] == "ERROR_BATCH_METHOD_NOT_ALLOWED"


def test_field_descriptions(empty):
    fields = empty.result("disk.file.getFields")
    assert fields["SIZE"] == {"TYPE": "integer", "USE_IN_FILTER": True, "USE_IN_SHOW": True}
    assert fields["DELETED_TYPE"]["TYPE"] == "enum"
    assert "SIZE" not in empty.result("disk.folder.getFields")
    assert "ROOT_OBJECT_ID" in empty.result("disk.storage.getFields")


def test_what_is_in_a_folder_goes_into_the_trash_and_comes_back_with_it(empty, folder, refused):
    inner = empty.result("disk.folder.addSubFolder", {"id": folder["ID"], "data": {"NAME": "in"}})
    file = upload(empty, inner["ID"])
    gone = upload(empty, inner["ID"], "gone.txt")
    empty.result("disk.file.markDeleted", {"id": gone["ID"]})
    empty.result("disk.folder.markDeleted", {"id": folder["ID"]})
    assert refused(empty.call("disk.file.get", {"id": file["ID"]})) == (400, "ERROR_NOT_FOUND")
    assert refused(empty.call("disk.file.restore", {"id": file["ID"]})) == (400, "ERROR_NOT_FOUND")
    found = empty.result("disk.file.search", {"query": "note.txt"})
    assert file["ID"] not in [int(row["ID"]) for row in found]
    empty.result("disk.folder.restore", {"id": folder["ID"]})
    assert empty.result("disk.file.get", {"id": file["ID"]})["DELETED_TYPE"] == "0"
    assert names(empty, inner["ID"]) == ["note.txt"]
    assert empty.result("disk.file.restore", {"id": gone["ID"]})["NAME"] == "gone.txt"


def test_what_comes_back_onto_a_taken_name_gets_another(empty, folder):
    first = upload(empty, folder["ID"])
    empty.result("disk.file.markDeleted", {"id": first["ID"]})
    upload(empty, folder["ID"])
    assert empty.result("disk.file.restore", {"id": first["ID"]})["NAME"] == "note (1).txt"
    assert names(empty, folder["ID"]) == ["note (1).txt", "note.txt"]


def test_what_comes_back_from_a_folder_in_the_trash_goes_to_the_storage(empty, folder, refused):
    file = upload(empty, folder["ID"], "alone.txt")
    empty.result("disk.file.markDeleted", {"id": file["ID"]})
    empty.result("disk.folder.markDeleted", {"id": folder["ID"]})
    back = empty.result("disk.file.restore", {"id": file["ID"]})
    assert back["PARENT_ID"] == str(folder["PARENT_ID"])
    assert (back["DELETE_TIME"], back["DELETED_BY"]) == (None, "0")
    assert empty.result("disk.file.get", {"id": file["ID"]})["DELETED_TYPE"] == "0"
    assert "alone.txt" in names(empty, folder["PARENT_ID"])
    empty.result("disk.folder.restore", {"id": folder["ID"]})
    assert names(empty, folder["ID"]) == []


def test_a_folder_is_copied_however_deep_it_is(empty, folder):
    depth, inner = 1_200, folder["ID"]
    for start in range(0, depth, 50):
        commands = {
            f"f{n}": "disk.folder.addSubFolder?data[NAME]=in&id="
            + (str(inner) if n == start else f"$result[f{n - 1}][ID]")
            for n in range(start, start + 50)
        }
        inner = empty.result("batch", {"cmd": commands})["result"][f"f{start + 49}"]["ID"]
    upload(empty, inner, "deepest.txt")
    beside = {"id": folder["PARENT_ID"], "data": {"NAME": "copies of the deep one"}}
    copies = empty.result("disk.folder.addSubFolder", beside)
    target = {"id": folder["ID"], "targetFolderId": copies["ID"]}
    top = empty.result("disk.folder.copyTo", target)["ID"]
    below, seen = empty.result("disk.folder.getChildren", {"id": top}), 0
    while below[0]["TYPE"] == "folder":
        assert len(below) == 1
        below, seen = empty.result("disk.folder.getChildren", {"id": below[0]["ID"]}), seen + 1
    assert (seen, below[0]["NAME"]) == (depth, "deepest.txt")
    empty.result("disk.folder.deleteTree", {"id": copies["ID"]})
