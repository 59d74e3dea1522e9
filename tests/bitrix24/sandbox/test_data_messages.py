"""Notifications, chats and messages."""

import pytest


@pytest.fixture
def me(colleague):
    return int(colleague.result("profile")["ID"])


def notified(client, **more):
    return client.result("im.notify.get", more)["notifications"]


def texts(client, dialog, **more):
    answer = client.result("im.dialog.messages.get", {"DIALOG_ID": dialog, **more})
    return [row["text"] for row in answer["messages"]]


def say(client, dialog, text, **more):
    return client.result("im.message.add", {"DIALOG_ID": dialog, "MESSAGE": text, **more})


def test_a_notification_reaches_its_user_with_trimmed_text(empty, colleague, me):
    sent = {"USER_ID": me, "MESSAGE": "  Look: [b]deal[/b]  "}
    number = empty.result("im.notify.personal.add", sent)
    system = empty.result("im.notify.system.add", {"USER_ID": me, "MESSAGE": "From nobody"})
    newest, first = notified(colleague)[:2]
    assert (newest["id"], newest["author_id"], newest["notify_type"]) == (system, 0, 4)
    assert (first["id"], first["author_id"], first["notify_type"]) == (number, 1, 2)
    assert first["text"] == "Look: [b]deal[/b]"
    assert first["notify_read"] == "N"
    assert all(row["id"] != number for row in notified(empty))


def test_a_tag_replaces_the_earlier_notification_of_the_same_application(empty, colleague, me):
    tagged = {"USER_ID": me, "TAG": "DEAL|1", "CLIENT_ID": "one"}
    old = empty.result("im.notify.system.add", {**tagged, "MESSAGE": "old"})
    other = empty.result("im.notify.system.add", {**tagged, "CLIENT_ID": "two", "MESSAGE": "other"})
    new = empty.result("im.notify", {**tagged, "TYPE": "SYSTEM", "MESSAGE": "new"})
    ids = [row["id"] for row in notified(colleague)]
    assert new in ids and other in ids and old not in ids


def test_notifications_are_deleted_by_id_tag_or_sub_tag(empty, colleague, me, refused):
    numbers = [
        empty.result(
            "im.notify.system.add",
            {"USER_ID": me, "MESSAGE": "x", "CLIENT_ID": "c", "TAG": tag, "SUB_TAG": "S"},
        )
        for tag in ("A", "B", "C")
    ]
    assert empty.result("im.notify.delete", {"TAG": "A", "CLIENT_ID": "other"}) is False
    assert empty.result("im.notify.delete", {"TAG": "A", "CLIENT_ID": "c"}) is True
    assert colleague.result("im.notify.delete", {"ID": numbers[1]}) is True
    assert empty.result("im.notify.delete", {"SUB_TAG": "S", "CLIENT_ID": "c"}) is True
    left = [row["id"] for row in notified(colleague)]
    assert not set(numbers) & set(left)
    assert refused(empty.call("im.notify.delete")) == (400, "PARAMS_ERROR")
    assert refused(empty.call("im.notify.delete", {"TAG": "A"})) == (403, "ACCESS_DENIED")


def test_nobody_deletes_what_is_neither_theirs_nor_by_them(empty, colleague):
    number = empty.result("im.notify.system.add", {"USER_ID": 1, "MESSAGE": "for the boss"})
    assert colleague.result("im.notify.delete", {"ID": number}) is False
    assert number in [row["id"] for row in notified(empty)]


def test_notifications_are_read_singly_and_all(empty, colleague, me):
    one, two = (
        empty.result("im.notify.system.add", {"USER_ID": me, "MESSAGE": "x"}) for _ in range(2)
    )

    def unread():
        return {row["id"] for row in notified(colleague) if row["notify_read"] == "N"}

    assert {one, two} <= unread()
    colleague.result("im.notify.read", {"ID": two, "ONLY_CURRENT": "Y"})
    assert one in unread() and two not in unread()
    colleague.result("im.notify.read.list", {"IDS": [two], "ACTION": "N"})
    assert two in unread()
    answer = colleague.result("im.notify.read.all")
    assert answer == {"result": True, "newCounter": 0}
    counted = colleague.result("im.notify.get")
    assert (unread(), counted["total_unread_count"]) == (set(), 0)


def test_notifications_go_on_after_the_last_of_a_page(empty, colleague, me):
    for n in range(3):
        empty.result("im.notify.system.add", {"USER_ID": me, "MESSAGE": f"page {n}"})
    first = notified(colleague, LIMIT=2)
    rest = notified(colleague, LIMIT=2, LAST_ID=first[-1]["id"], LAST_TYPE=2)
    assert [row["text"] for row in [*first, *rest]][:3] == ["page 2", "page 1", "page 0"]


@pytest.mark.parametrize(
    ("method", "params", "code"),
    [
        ("im.notify.system.add", {"MESSAGE": "x"}, "USER_ID_EMPTY"),
        ("im.notify.personal.add", {"USER_ID": 1, "MESSAGE": " "}, "MESSAGE_EMPTY"),
        ("im.notify", {"USER_ID": 1, "MESSAGE": "x", "ATTACH": "no json"}, "ATTACH_ERROR"),
        ("im.notify.get", {"LAST_ID": 5}, "LAST_ID_AND_LAST_TYPE"),
        ("im.notify.get", {"LAST_ID": "x", "LAST_TYPE": 2}, "LAST_ID_STRING"),
        ("im.notify.read.list", {}, "PARAMS_ERROR"),
        ("im.message.add", {"MESSAGE": "x"}, "DIALOG_ID_EMPTY"),
        ("im.message.add", {"DIALOG_ID": "nobody", "MESSAGE": "x"}, "DIALOG_ID_EMPTY"),
        ("im.message.add", {"DIALOG_ID": 99999, "MESSAGE": "x"}, "USER_NOT_FOUND"),
        ("im.message.add", {"DIALOG_ID": "chat99999", "MESSAGE": "x"}, "CHAT_ID"),
        ("im.message.add", {"DIALOG_ID": 1}, "MESSAGE_EMPTY"),
        ("im.message.update", {"MESSAGE_ID": 99999}, "MESSAGE_ID_ERROR"),
        ("im.message.delete", {}, "MESSAGE_ID_ERROR"),
        ("im.chat.user.list", {}, "CHAT_ID_EMPTY"),
        ("im.dialog.get", {}, "DIALOG_ID_EMPTY"),
        ("im.user.get", {"ID": 99999}, "USER_NOT_EXISTS"),
    ],
)
def test_errors_have_the_documented_codes(empty, refused, method, params, code):
    assert refused(empty.call(method, params)) == (400, code)


def test_a_user_who_does_not_exist_gets_no_notification(empty):
    sent = {"USER_ID": 99999, "MESSAGE": "x"}
    assert empty.result("im.notify.system.add", sent) is False


def test_two_users_talk_and_each_reads_the_same_dialog(empty, colleague, me):
    number = say(empty, me, "Hello")
    say(colleague, "1", "Hello boss")
    assert texts(empty, me)[:2] == texts(colleague, 1)[:2] == ["Hello boss", "Hello"]
    answer = colleague.result("im.dialog.messages.get", {"DIALOG_ID": 1})
    assert {row["id"] for row in answer["users"]} == {1, me}
    assert [row["unread"] for row in answer["messages"][:2]] == [False, True]
    assert texts(colleague, 1, FIRST_ID=number) == ["Hello boss"]
    assert "Hello boss" not in texts(colleague, 1, LAST_ID=number + 1)
    read = colleague.result("im.dialog.read", {"DIALOG_ID": 1})
    assert read["counter"] == 0
    assert colleague.result("im.dialog.get", {"DIALOG_ID": 1})["counter"] == 0


def test_a_chat_belongs_to_those_in_it(empty, colleague, me, refused):
    made = {"USERS": [], "TITLE": "Board", "MESSAGE": "Welcome", "COLOR": "PINK"}
    number = empty.result("im.chat.add", made)
    assert isinstance(number, int)
    dialog = f"chat{number}"
    for method in ("im.dialog.get", "im.dialog.messages.get", "im.dialog.users.list"):
        answer = colleague.call(method, {"DIALOG_ID": dialog})
        assert refused(answer) == (403, "ACCESS_ERROR")
    answer = colleague.call("im.message.add", {"DIALOG_ID": dialog, "MESSAGE": "x"})
    assert refused(answer) == (403, "ACCESS_ERROR")
    assert empty.result("im.chat.user.add", {"CHAT_ID": number, "USERS": [me]}) is True
    assert colleague.result("im.chat.user.list", {"CHAT_ID": number}) == [1, me]
    assert texts(colleague, dialog) == ["Welcome"]
    say(colleague, dialog, "Thanks", SYSTEM="Y")
    shown = empty.result("im.dialog.get", {"DIALOG_ID": dialog})
    assert (shown["name"], shown["type"], shown["user_counter"]) == ("Board", "chat", 2)
    assert (shown["message_count"], shown["counter"], shown["role"]) == (2, 1, "owner")
    kick = {"CHAT_ID": number, "USER_ID": 1}
    assert refused(colleague.call("im.chat.user.delete", kick)) == (403, "ACCESS_DENIED_KICK")
    assert empty.result("im.chat.user.delete", {"CHAT_ID": number, "USER_ID": me}) is True
    assert refused(colleague.call("im.dialog.get", {"DIALOG_ID": dialog})) == (403, "ACCESS_ERROR")


def test_a_chat_is_found_by_its_object(empty):
    of = {"ENTITY_TYPE": "CRM", "ENTITY_ID": "DEAL|77"}
    number = empty.result("im.chat.add", {**of, "TITLE": "Deal"})
    assert empty.result("im.chat.get", of) == {"ID": number}
    assert empty.result("im.chat.get", {**of, "ENTITY_ID": "DEAL|78"}) is None
    empty.result("im.chat.updateTitle", {"CHAT_ID": number, "TITLE": "Renamed"})
    assert empty.result("im.dialog.get", {"DIALOG_ID": f"chat{number}"})["name"] == "Renamed"


def test_one_changes_and_deletes_ones_own_messages_only(empty, colleague, me, refused):
    number = say(empty, me, "Tpyo")
    for method in ("update", "delete"):
        answer = colleague.call(f"im.message.{method}", {"MESSAGE_ID": number, "MESSAGE": "x"})
        assert refused(answer) == (403, "CANT_EDIT_MESSAGE")
    assert empty.result("im.message.update", {"MESSAGE_ID": number, "MESSAGE": "Typo"}) is True
    assert texts(empty, me)[0] == "Typo"
    assert empty.result("im.message.delete", {"MESSAGE_ID": number}) is True
    assert "Typo" not in texts(empty, me)


def test_a_reply_stays_in_its_chat(empty, me, refused):
    number = say(empty, me, "Question")
    assert isinstance(say(empty, me, "Answer", REPLY_ID=number), int)
    chat = empty.result("im.chat.add", {"TITLE": "Elsewhere"})
    params = {"DIALOG_ID": f"chat{chat}", "MESSAGE": "x", "REPLY_ID": number}
    answer = empty.call("im.message.add", params)
    assert refused(answer) == (400, "REPLY_FROM_OTHER_CHAT_ERROR")


def test_a_user_as_the_messenger_shows_them(colleague, me):
    shown = colleague.result("im.user.get")
    assert (shown["id"], shown["active"], shown["first_name"]) == (me, True, "Own")
    assert (shown["email"], shown["departments"]) == ("own@example.org", [1])
