"""Calls of a telephone exchange: registering, finishing, statistics, recordings, lines."""

import base64
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from listener import listening
from portal_application import add_application

PHONE = "+33 1 55 66 77 88"


@dataclass
class Exchange:
    """The application of a telephone exchange."""

    application: Any

    def call(self, method: str, params: Any = None) -> httpx.Response:
        given = {**(params or {}), "auth": self.application.access_token}
        return httpx.post(f"{self.application.base}/rest/{method}", json=given)

    def result(self, method: str, params: Any = None) -> Any:
        answer = self.call(method, params)
        assert answer.status_code == 200, answer.text
        return answer.json()["result"]


@pytest.fixture(scope="module")
def exchange(empty):
    with listening() as listener:
        application = add_application(empty, listener, SCOPE="telephony,crm")
    return Exchange(application)


def register(exchange, number=PHONE, **more):
    params = {"USER_ID": 1, "PHONE_NUMBER": number, "TYPE": 2, **more}
    return exchange.result("telephony.externalcall.register", params)


def test_a_call_of_a_known_number_becomes_statistics_and_an_activity(empty, exchange):
    fields = {"NAME": "Ada", "PHONE": [{"VALUE": "0155667788", "VALUE_TYPE": "WORK"}]}
    contact = empty.result("crm.contact.add", {"fields": fields})
    started = "2026-03-10T11:19:38+01:00"
    call = register(exchange, CALL_START_DATE=started, LINE_NUMBER="3", EXTERNAL_CALL_ID="x-1")
    assert (call["CRM_ENTITY_TYPE"], call["CRM_ENTITY_ID"]) == ("CONTACT", contact)
    assert (call["CRM_CREATED_LEAD"], call["CRM_CREATED_ENTITIES"]) == (None, [])
    shown = {"FILTER": {"CALL_ID": call["CALL_ID"]}}
    assert empty.result("voximplant.statistic.get", shown) == []
    params = {"CALL_ID": call["CALL_ID"], "USER_ID": 1, "DURATION": 95, "VOTE": 5}
    ended = exchange.result("telephony.externalCall.finish", params)
    assert (ended["CALL_STATUS"], ended["CALL_DURATION"], ended["INCOMING"]) == (1, 95, "2")
    (row,) = empty.result("voximplant.statistic.get", shown)
    assert row["ID"] == str(ended["ID"])
    assert (row["CALL_TYPE"], row["CALL_DURATION"], row["CALL_FAILED_CODE"]) == ("2", "95", "200")
    assert (row["CALL_START_DATE"], row["EXTERNAL_CALL_ID"]) == (started, "x-1")
    assert (row["CRM_ENTITY_TYPE"], row["CRM_ENTITY_ID"]) == ("CONTACT", str(contact))
    assert row["CRM_ACTIVITY_ID"] == str(ended["CRM_ACTIVITY_ID"])
    assert row["COST"] == "0.0000"
    activity = empty.result("crm.activity.get", {"id": ended["CRM_ACTIVITY_ID"]})
    assert (activity["TYPE_ID"], activity["PROVIDER_ID"]) == ("2", "VOXIMPLANT_CALL")
    assert (activity["OWNER_TYPE_ID"], activity["OWNER_ID"]) == ("3", str(contact))
    assert (activity["DIRECTION"], activity["COMPLETED"]) == ("1", "Y")
    assert activity["START_TIME"] == started


def test_a_missed_call_stays_to_be_done(empty, exchange):
    lead = empty.result("crm.lead.add", {"fields": {"TITLE": "Caller"}})
    call = register(exchange, "555-01", TYPE=1, CRM_ENTITY_TYPE="LEAD", CRM_ENTITY_ID=lead)
    params = {"CALL_ID": call["CALL_ID"], "USER_ID": 1, "STATUS_CODE": "304"}
    ended = exchange.result("telephony.externalCall.finish", params)
    assert (ended["CALL_STATUS"], ended["CALL_FAILED_CODE"]) == (0, "304")
    activity = empty.result("crm.activity.get", {"id": ended["CRM_ACTIVITY_ID"]})
    assert (activity["COMPLETED"], activity["DIRECTION"]) == ("N", "2")


def test_an_unknown_number_makes_a_lead_only_when_asked(empty, exchange):
    call = register(exchange, "+33 9 00 00 00 01")
    assert (call["CRM_ENTITY_TYPE"], call["CRM_CREATED_LEAD"]) == (None, None)
    params = {"CALL_ID": call["CALL_ID"], "USER_ID": 1}
    ended = exchange.result("telephony.externalCall.finish", params)
    assert ended["CRM_ACTIVITY_ID"] is None
    call = register(exchange, "+33 9 00 00 00 02", CRM_CREATE=1, CRM_SOURCE="CALL")
    number = call["CRM_CREATED_LEAD"]
    assert call["CRM_CREATED_ENTITIES"] == [{"ENTITY_TYPE": "LEAD", "ENTITY_ID": number}]
    lead = empty.result("crm.lead.get", {"id": number})
    assert (lead["SOURCE_ID"], lead["ASSIGNED_BY_ID"]) == ("CALL", "1")
    assert lead["PHONE"][0]["VALUE"] == "+33 9 00 00 00 02"
    again = register(exchange, "09 00 00 00 02")
    assert (again["CRM_ENTITY_TYPE"], again["CRM_ENTITY_ID"]) == ("LEAD", number)


def test_clients_are_found_by_number_with_the_responsible(empty, colleague, exchange):
    fields = {"TITLE": "Lamps", "PHONE": [{"VALUE": "+41 44 123 45 67"}]}
    company = empty.result("crm.company.add", {"fields": fields})
    number = {"PHONE_NUMBER": "0041441234567"}
    (found,) = empty.result("telephony.externalCall.searchCrmEntities", number)
    assert (found["CRM_ENTITY_TYPE"], found["CRM_ENTITY_ID"]) == ("COMPANY", company)
    assert (found["NAME"], found["ASSIGNED_BY_ID"]) == ("Lamps", 1)
    assert found["ASSIGNED_BY"]["ID"] == "1"
    assert colleague.result("telephony.externalCall.searchCrmEntities", number) == []


def test_a_user_sees_the_statistics_of_their_own_calls(empty, colleague, exchange):
    mine = int(colleague.result("profile")["ID"])
    call = register(exchange, "555-02", USER_ID=mine)
    params = {"CALL_ID": call["CALL_ID"], "USER_ID": mine}
    exchange.result("telephony.externalCall.finish", params)
    rows = colleague.result("voximplant.statistic.get", {"SORT": "CALL_START_DATE"})
    assert {row["PORTAL_USER_ID"] for row in rows} == {str(mine)}
    assert len(rows) < len(empty.result("voximplant.statistic.get"))


def test_webhooks_neither_register_nor_finish(empty, refused):
    for method in ("register", "finish"):
        answer = empty.call(f"telephony.externalCall.{method}", {"USER_ID": 1})
        assert refused(answer) == (403, "WRONG_AUTH_TYPE")


@pytest.mark.parametrize(
    ("method", "params", "code"),
    [
        ("register", {"PHONE_NUMBER": PHONE, "TYPE": 2}, "ERROR_CORE"),
        ("register", {"USER_ID": 1, "PHONE_NUMBER": PHONE, "TYPE": 9}, "ERROR_CORE"),
        ("register", {"USER_ID": 1, "PHONE_NUMBER": "x", "TYPE": 1}, "ERROR_CORE"),
        ("register", {"USER_ID": 9999, "PHONE_NUMBER": PHONE, "TYPE": 1}, "ERROR_CORE"),
        ("finish", {"CALL_ID": 5}, "INVALID_ARGUMENT"),
        ("finish", {"CALL_ID": "gone", "USER_ID": 1}, "ERROR_CORE"),
        ("attachRecord", {"CALL_ID": "gone"}, "ERROR_CORE"),
    ],
)
def test_errors_have_the_documented_codes(exchange, refused, method, params, code):
    assert refused(exchange.call(f"telephony.externalCall.{method}", params)) == (400, code)


def test_a_recording_is_attached_to_a_finished_call(empty, exchange, refused):
    call = register(exchange, "555-03")
    sound = base64.b64encode(b"RIFF").decode()
    params = {"CALL_ID": call["CALL_ID"], "FILENAME": "a.mp3", "FILE_CONTENT": sound}
    early = empty.call("telephony.externalCall.attachRecord", params)
    assert refused(early) == (400, "ERROR_CORE")
    ending = {"CALL_ID": call["CALL_ID"], "USER_ID": 1}
    exchange.result("telephony.externalCall.finish", ending)
    file = empty.result("telephony.externalCall.attachRecord", params)["FILE_ID"]
    url = empty.result("disk.file.get", {"id": file})["DOWNLOAD_URL"]
    assert empty.http.get(url).content == b"RIFF"
    (row,) = empty.result("voximplant.statistic.get", {"FILTER": {"CALL_ID": call["CALL_ID"]}})
    assert row["RECORD_FILE_ID"] == str(file)


def test_a_recording_is_not_replaced_by_who_does_not_see_the_call(
    empty, exchange, colleague, refused
):
    call = register(exchange, "555-09")
    ending = {"CALL_ID": call["CALL_ID"], "USER_ID": 1}
    exchange.result("telephony.externalCall.finish", ending)
    params = {"CALL_ID": call["CALL_ID"], "FILENAME": "a.mp3", "FILE_CONTENT": "YQ=="}
    file = empty.result("telephony.externalCall.attachRecord", params)["FILE_ID"]
    theirs = colleague.call("telephony.externalCall.attachRecord", params)
    assert refused(theirs) == (400, "ERROR_CORE")
    assert empty.call("disk.file.get", {"id": file}).status_code == 200


@pytest.fixture
def finished(exchange):
    """A call that has ended, with its contact's activity."""
    call = register(exchange, "555-04", CRM_CREATE=1)
    ending = {"CALL_ID": call["CALL_ID"], "USER_ID": 1}
    return exchange.result("telephony.externalCall.finish", ending)


def attach(client, call, **params):
    return client.result(
        "telephony.externalCall.attachRecord", {"CALL_ID": call["CALL_ID"], **params}
    )


def heard(client, call):
    """The recording that the statistics name, and the files of the call's activity."""
    filter = {"FILTER": {"CALL_ID": call["CALL_ID"]}}
    (row,) = client.result("voximplant.statistic.get", filter)
    file = client.result("disk.file.get", {"id": row["RECORD_FILE_ID"]})
    asked = {"filter": {"ID": call["CRM_ACTIVITY_ID"]}, "select": ["FILES"]}
    (activity,) = client.result("crm.activity.list", asked)
    return file, client.http.get(file["DOWNLOAD_URL"]).content, activity["FILES"]


def test_a_recording_comes_in_two_steps(empty, finished, refused):
    given = attach(empty, finished, FILENAME="two.wav")
    assert set(given) == {"uploadUrl", "fieldName"}
    assert given["uploadUrl"].startswith(f"{empty.base}/rest/upload.json?token=telephony%7C")
    part = {given["fieldName"]: ("anything.bin", b"RIFF-2")}
    sent = empty.http.post(given["uploadUrl"], files=part)
    assert sent.status_code == 200, sent.text
    file, content, files = heard(empty, finished)
    assert (file["NAME"], content) == ("two.wav", b"RIFF-2")
    assert sent.json()["result"] == {"FILE_ID": int(file["ID"])}
    assert [each["id"] for each in files] == [int(file["ID"])]
    nothing = empty.http.post(given["uploadUrl"], files={"file": ("a.wav", b"")})
    assert refused(nothing) == (400, "ERROR_CORE")
    assert refused(empty.http.post(given["uploadUrl"])) == (400, "ERROR_COULD_NOT_SAVE_FILE")


def test_an_address_for_recordings_serves_nothing_else(empty, finished, refused):
    url = attach(empty, finished, FILENAME="a.wav")["uploadUrl"]
    other = url.replace("telephony%7C", "disk%7C")
    part = {"file": ("a.wav", b"RIFF")}
    for wrong in (other, url[:-3] + "abc", url.replace("/rest/upload.json", "/rest/download.json")):
        verb = empty.http.get if "download" in wrong else empty.http.post
        answer = verb(wrong) if "download" in wrong else verb(wrong, files=part)
        assert refused(answer) == (401, "NO_AUTH_FOUND")


def test_a_later_recording_takes_the_place_of_the_earlier_one(empty, finished, refused):
    first, second = (
        attach(empty, finished, FILENAME="a.mp3", FILE_CONTENT=base64.b64encode(text).decode())
        for text in (b"one", b"two")
    )
    file, content, files = heard(empty, finished)
    assert (int(file["ID"]), content) == (second["FILE_ID"], b"two")
    assert [each["id"] for each in files] == [second["FILE_ID"]]
    gone = empty.call("disk.file.get", {"id": first["FILE_ID"]})
    assert refused(gone) == (400, "ERROR_NOT_FOUND")


@pytest.mark.parametrize(
    ("params", "text"),
    [
        ({}, "Required parameters are not set. Request should contain either URL or FILENAME"),
        ({"FILENAME": ""}, "File name is empty"),
        ({"FILENAME": "a.txt"}, "Wrong file extension. Only wav and mp3 are allowed"),
        ({"FILENAME": "a.mp3", "FILE_CONTENT": ""}, "File content is empty."),
        ({"FILENAME": "a.mp3", "FILE_CONTENT": "???"}, "File content is not properly encoded."),
    ],
)
def test_recordings_that_cannot_be_attached(empty, finished, params, text):
    answer = empty.call(
        "telephony.externalCall.attachRecord", {"CALL_ID": finished["CALL_ID"], **params}
    )
    assert (answer.status_code, answer.json()["error"]) == (400, "ERROR_CORE")
    assert answer.json()["error_description"].startswith(text)


def test_an_application_keeps_its_lines(exchange, empty, refused):
    line = {"NUMBER": "14151234567", "NAME": "Support", "CRM_AUTO_CREATE": "N"}
    number = exchange.result("telephony.externalLine.add", line)["ID"]
    assert isinstance(number, int)
    assert refused(exchange.call("telephony.externalLine.add", line)) == (400, "ERROR_CORE")
    assert exchange.result("telephony.externalLine.get") == [line]
    change = {"NUMBER": line["NUMBER"], "NAME": "Help"}
    assert exchange.result("telephony.externalLine.update", change) == {"ID": str(number)}
    assert exchange.result("telephony.externalLine.get") == [{**line, "NAME": "Help"}]
    assert exchange.result("telephony.externalLine.delete", {"NUMBER": line["NUMBER"]}) == []
    assert exchange.result("telephony.externalLine.get") == []
    assert refused(empty.call("telephony.externalLine.get")) == (403, "WRONG_AUTH_TYPE")


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("TYPE", 9, "Unknown TYPE"),
        ("TYPE", "call", "Unknown TYPE"),
        ("USER_ID", None, "USER_ID or USER_PHONE_INNER should be set"),
        ("USER_ID", 99_999, "User is not found or is not active"),
        ("PHONE_NUMBER", "nobody", "Unsupported phone number format"),
        ("CALL_START_DATE", "01.03.2026", "CALL_START_DATE should be in the ISO-8601 format"),
        ("CALL_START_DATE", "soon", "CALL_START_DATE should be in the ISO-8601 format"),
    ],
)
def test_a_call_that_cannot_be_registered_is_refused(empty, name, value, text):
    given = {"USER_ID": 1, "PHONE_NUMBER": "+33 1 40", "TYPE": 1, name: value}
    token = empty.application("telephony")["access_token"]
    url = f"{empty.base}/rest/telephony.externalcall.register"
    answer = empty.http.post(url, json={**given, "auth": token})
    assert (answer.status_code, answer.json()["error"]) == (400, "ERROR_CORE")
    assert answer.json()["error_description"].startswith(text)
