"""Tasks: their statuses, who sees them, and what hangs on them."""

import pytest


@pytest.fixture
def me(colleague):
    return int(colleague.result("profile")["ID"])


def task(client, responsible=1, title="To do", **fields):
    fields = {"TITLE": title, "RESPONSIBLE_ID": responsible, **fields}
    return int(client.result("tasks.task.add", {"fields": fields})["task"]["id"])


def status(client, number):
    return client.result("tasks.task.get", {"taskId": number})["task"]["status"]


def test_statuses_follow_the_actions(empty, refused):
    number = task(empty)
    for action, expected in (
        ("start", "3"),
        ("pause", "2"),
        ("defer", "6"),
        ("start", "3"),
        ("complete", "5"),
        ("renew", "2"),
    ):
        after = empty.result(f"tasks.task.{action}", {"taskId": number})["task"]
        assert after["status"] == expected, action
    for action, code in (("pause", "1048582"), ("renew", "1048582"), ("approve", "1048582")):
        answer = empty.call(f"tasks.task.{action}", {"taskId": number})
        assert refused(answer) == (400, code), action


def test_completing_closes_and_renewing_opens(empty, refused):
    number = task(empty)
    done = empty.result("tasks.task.complete", {"taskId": number})["task"]
    assert (done["closedBy"], bool(done["closedDate"])) == ("1", True)
    assert refused(empty.call("tasks.task.complete", {"taskId": number})) == (400, "0")
    again = empty.result("tasks.task.renew", {"taskId": number})["task"]
    assert again["closedDate"] is None
    by_update = {"taskId": number, "fields": {"STATUS": 5}}
    assert empty.result("tasks.task.update", by_update)["task"]["closedBy"] == "1"


def test_a_controlled_task_waits_for_its_maker(empty, colleague, me):
    number = task(empty, me, TASK_CONTROL="Y")
    assert colleague.result("tasks.task.complete", {"taskId": number})["task"]["status"] == "4"
    assert empty.result("tasks.task.disapprove", {"taskId": number})["task"]["status"] == "2"
    colleague.result("tasks.task.complete", {"taskId": number})
    answer = colleague.call("tasks.task.approve", {"taskId": number})
    assert (answer.status_code, answer.json()["error"]) == (400, "1048582")
    assert empty.result("tasks.task.approve", {"taskId": number})["task"]["status"] == "5"


def test_delegating_leaves_the_former_as_observer(empty, colleague, me, refused):
    number = task(empty)
    moved = empty.result("tasks.task.delegate", {"taskId": number, "userId": me})["task"]
    assert (moved["responsibleId"], moved["auditors"]) == (str(me), ["1"])
    assert status(colleague, number) == "2"
    assert refused(empty.call("tasks.task.delegate", {"taskId": number})) == (400, "100")
    nobody = {"taskId": number, "userId": 99999}
    assert refused(empty.call("tasks.task.delegate", nobody)) == (400, "0")


def test_a_task_is_seen_by_those_who_take_part(empty, colleague, me, refused):
    hidden = task(empty)
    seen = {
        task(empty, me),
        task(empty, ACCOMPLICES=[me]),
        task(empty, AUDITORS=[str(me)]),
        task(colleague, 1),
    }
    listed = colleague.result("tasks.task.list", {"select": ["ID"]})["tasks"]
    numbers = {int(row["id"]) for row in listed}
    assert seen <= numbers
    assert hidden not in numbers
    assert refused(colleague.call("tasks.task.get", {"taskId": hidden})) == (400, "ERROR_CORE")
    for method, code in (("update", "0"), ("delete", "1048582"), ("start", "0")):
        params = {"taskId": hidden, "fields": {"TITLE": "x"}}
        assert refused(colleague.call(f"tasks.task.{method}", params)) == (400, code)
    allowed = empty.result("tasks.task.getaccess", {"taskId": hidden, "users": [1, me]})
    actions = allowed["allowedActions"]
    assert actions["1"]["START"] and actions["1"]["READ"]
    assert not actions[str(me)]["READ"]


@pytest.mark.parametrize(
    ("method", "params", "code"),
    [
        ("add", {"fields": {"TITLE": "x"}}, "ERROR_CORE"),
        ("add", {"fields": {"RESPONSIBLE_ID": 1}}, "ERROR_CORE"),
        ("add", {"fields": {"TITLE": "x", "RESPONSIBLE_ID": 99999}}, "ERROR_CORE"),
        ("add", {"fields": {"TITLE": "x", "RESPONSIBLE_ID": 1, "PARENT_ID": 99999}}, "ERROR_CORE"),
        ("add", {"fields": {"TITLE": "x", "RESPONSIBLE_ID": 1, "STATUS": 9}}, "ERROR_CORE"),
        ("add", {}, "100"),
        ("get", {}, "100"),
        ("get", {"taskId": "x"}, "0"),
        ("get", {"taskId": 99999}, "ERROR_CORE"),
        ("start", {}, "100"),
        ("delete", {"taskId": 99999}, "1048582"),
        ("getaccess", {"taskId": 1, "users": "x"}, "100"),
        ("list", {"order": {"NONSENSE": "asc"}}, "0"),
    ],
)
def test_errors_have_the_documented_codes(empty, refused, method, params, code):
    assert refused(empty.call(f"tasks.task.{method}", params)) == (400, code)


def test_a_task_cannot_end_before_it_starts_nor_be_its_own_part(empty, refused):
    number = task(empty)
    plan = {"START_DATE_PLAN": "2026-05-02T10:00:00", "END_DATE_PLAN": "2026-05-01T10:00:00"}
    for fields in (plan, {"PARENT_ID": number}):
        answer = empty.call("tasks.task.update", {"taskId": number, "fields": fields})
        assert refused(answer) == (400, "ERROR_CORE")


def test_tasks_are_found_by_their_deal(empty):
    number = task(empty, UF_CRM_TASK=["D_4711", "CO_12"])
    found = empty.result("tasks.task.list", {"filter": {"UF_CRM_TASK": ["D_4711"]}})["tasks"]
    assert [int(row["id"]) for row in found] == [number]
    assert found[0]["ufCrmTask"] == ["D_4711", "CO_12"]


def test_files_of_the_disk_are_attached(empty, colleague, me, refused):
    number = task(empty, me)
    root = empty.result("disk.storage.getList", {"filter": {"ENTITY_ID": "1"}})[0]
    params = {"id": root["ROOT_OBJECT_ID"], "data": {"NAME": "task.txt"}}
    file = empty.result("disk.folder.uploadFile", {**params, "fileContent": ["x", "aGk="]})["ID"]
    attach = {"taskId": number, "fileId": file}
    assert refused(colleague.call("tasks.task.files.attach", attach)) == (400, "ERROR_CORE")
    assert empty.result("tasks.task.files.attach", attach)["attachmentId"] == file
    shown = empty.result("tasks.task.get", {"taskId": number, "select": ["UF_TASK_WEBDAV_FILES"]})
    assert shown["task"]["ufTaskWebdavFiles"] == [f"n{file}"]


@pytest.mark.parametrize(
    ("family", "first", "second", "name"),
    [
        ("commentitem", {"POST_MESSAGE": "One"}, {"POST_MESSAGE": "Two"}, "POST_MESSAGE"),
        ("checklistitem", {"TITLE": "One"}, {"TITLE": "Two"}, "TITLE"),
        ("elapseditem", {"SECONDS": 600}, {"SECONDS": 1200}, "SECONDS"),
    ],
)
def test_items_of_a_task_by_name_and_by_place(empty, refused, family, first, second, name):
    number = task(empty)
    family = f"task.{family}"
    item = empty.result(f"{family}.add", {"TASKID": number, "FIELDS": first})
    other = empty.result(f"{family}.add", {"0": number, "1": second})
    row = empty.result(f"{family}.get", {"TASKID": number, "ITEMID": item})
    assert (row["ID"], row[name]) == (str(item), str(first[name]))
    listed = empty.result(f"{family}.getlist", {"TASKID": number, "ORDER": {"ID": "desc"}})
    assert [r["ID"] for r in listed] == [str(other), str(item)]
    only = {"TASKID": number, "ORDER": {}, "FILTER": {"ID": item}}
    assert [r["ID"] for r in empty.result(f"{family}.getlist", only)] == [str(item)]
    change = {"TASKID": number, "ITEMID": item, "FIELDS": second}
    assert empty.result(f"{family}.update", change) is True
    row = empty.result(f"{family}.get", {"0": number, "1": item})
    assert row[name] == str(second[name])
    assert empty.result(f"{family}.delete", {"TASKID": number, "ITEMID": item}) is True
    for params in ({"TASKID": number, "ITEMID": item}, {"TASKID": "x"}, {"TASKID": 99999}):
        answer = empty.call(f"{family}.get", params)
        assert refused(answer) == (400, "ERROR_CORE")
    assert refused(empty.call(f"{family}.add", {"TASKID": number})) == (400, "ERROR_CORE")


def test_points_are_ticked_and_time_counts_minutes(empty):
    number = task(empty)
    point = empty.result("task.checklistitem.add", {"TASKID": number, "FIELDS": {"TITLE": "A"}})
    key = {"TASKID": number, "ITEMID": point}
    empty.result("task.checklistitem.complete", key)
    ticked = empty.result("task.checklistitem.get", key)
    assert (ticked["IS_COMPLETE"], ticked["TOGGLED_BY"]) == ("Y", "1")
    empty.result("task.checklistitem.renew", key)
    assert empty.result("task.checklistitem.get", key)["IS_COMPLETE"] == "N"
    fields = {"SECONDS": 3600, "COMMENT_TEXT": "Calls"}
    entry = empty.result("task.elapseditem.add", {"TASKID": number, "FIELDS": fields})
    row = empty.result("task.elapseditem.get", {"TASKID": number, "ITEMID": entry})
    assert (row["MINUTES"], row["USER_ID"], row["SOURCE"]) == ("60", "1", "2")


def test_comments_of_others_are_read_and_not_changed(empty, colleague, me, refused):
    number = task(empty, me)
    comment = empty.result(
        "task.commentitem.add", {"TASKID": number, "FIELDS": {"POST_MESSAGE": "Mine"}}
    )
    key = {"TASKID": number, "ITEMID": comment}
    assert colleague.result("task.commentitem.get", key)["AUTHOR_ID"] == "1"
    answer = colleague.call("task.commentitem.delete", key)
    assert refused(answer) == (400, "ERROR_CORE")
    hidden = task(empty)
    answer = colleague.call("task.commentitem.getlist", {"TASKID": hidden})
    assert refused(answer) == (400, "ERROR_CORE")
