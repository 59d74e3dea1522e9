"""The designer over HTTP: its forms are what applications have registered, whatever that is."""

import httpx
import pytest
from designer_forms import Designer
from listener import wait_until
from portal_application import webhook_call
from process_calls import activity, called, ended, new_deal, stage, start

pytestmark = pytest.mark.timeout(60)

EVERY_TYPE = {
    "CODE": "every.type",
    "NAME": {"en": "Everything & <more>", "fr": "Tout & <plus>"},
    "DESCRIPTION": {"en": "Takes <i>all</i>", "fr": "Prend tout"},
    "PROPERTIES": {
        "word": {"Name": {"en": "Word", "fr": "Mot"}, "Type": "string", "Default": 'say "hi"'},
        "number": {"Name": "Number", "Type": "double", "Required": "Y", "Default": "1.5"},
        "count": {"Name": "Count", "Type": "int", "Default": "{=Document:ID}"},
        "kind": {
            "Name": "Kind",
            "Type": "select",
            "Required": "Y",
            "Options": {"a": "First", "b": "Second <b>"},
            "Default": "b",
        },
        "kinds": {"Name": "Kinds", "Type": "select", "Multiple": "Y", "Options": ["x", "y", "z"]},
        "lines": {"Name": "Lines", "Type": "string", "Multiple": "Y"},
        "flag": {"Name": "Flag", "Type": "bool", "Default": "N"},
        "day": {"Name": "Day", "Type": "date"},
        "moment": {"Name": "Moment", "Type": "datetime"},
        "who": {"Name": "Who", "Type": "user"},
        "story": {"Name": "Story", "Type": "text"},
        "odd": {"Name": "Odd", "Type": "UF:address"},
    },
    "RETURN_PROPERTIES": {
        "score": {"Name": {"en": "Score", "fr": "Note"}, "Type": "double"},
        "word": {"Name": "Word back", "Type": "string"},
    },
}


@pytest.fixture(scope="module")
def every(application, listener) -> dict:
    assert application.call("bizproc.activity.add", activity(listener, **EVERY_TYPE))[1]["result"]
    return EVERY_TYPE


@pytest.fixture
def designer(portal, every) -> Designer:
    return Designer(portal.base)


def new(designer: Designer, changes: dict | None = None, title: str = "Trial") -> str:
    return designer.add(changes or {}, title=title, action="every.type")


def test_the_form_is_made_of_the_registered_properties(portal, designer):
    designer.get("/step", title="T", action="every.type")
    own = {"step[wait]", "step[number]", "step[unit]"}
    registered = {f"properties[{key}]" for key in EVERY_TYPE["PROPERTIES"]}
    assert designer.fields.keys() == own | registered
    field = {name[11:-1]: one for name, one in designer.fields.items()}
    assert field["word"]["value"] == 'say "hi"'
    assert field["kind"]["options"] == {"a": "First", "b": "Second <b>"}
    assert field["kind"]["chosen"] == ["b"]
    assert "required" in field["kind"]
    assert "required" not in field["word"]
    assert field["kinds"]["options"] == {"x": "x", "y": "y", "z": "z"}
    assert "multiple" in field["kinds"]
    assert field["flag"]["options"] == {"": "—", "Y": "Yes", "N": "No"}
    assert field["day"]["type"] == "date"
    assert field["moment"]["type"] == "datetime-local"
    assert field["count"]["value"] == "{=Document:ID}"
    assert "user_1" in field["who"]["options"]
    assert field["lines"]["tag"] == field["story"]["tag"] == "textarea"
    assert designer.labels["properties[word]"] == "Word"
    french = Designer(portal.base, "fr")
    french.get("/step", title="T", action="every.type")
    assert french.labels["properties[word]"] == "Mot"
    assert "Prend tout" in french.text
    assert "Note" in french.text
    # What an application has registered is text, never HTML.
    assert "Takes &lt;i&gt;all&lt;/i&gt;" in httpx.get(
        f"{portal.base}/sandbox/designer/step",
        params={"lang": "en", "title": "T", "action": "every.type"},
    ).text  # fmt: skip


def test_a_designed_process_posts_the_settings_and_goes_by_the_answer(
    portal, application, designer, listener
):
    given = {
        "properties[word]": "deal {=Document:TITLE}",
        "properties[number]": "2,5",
        "properties[kind]": "a",
        "properties[kinds]": ["x", "z"],
        "properties[lines]": "one\r\n\r\n two \r\n",
        "properties[day]": "2026-11-30",
        "properties[who]": "user_1",
        "step[number]": "2",
        "step[unit]": "hours",
    }
    number = new(designer, given)
    condition = {
        "step[result]": "action1:score",
        "step[comparison]": "at_least",
        "step[value]": "7,5",
        "step[then]": "PREPARATION",
        "step[otherwise]": "EXECUTING",
    }
    assert designer.add(condition, process=number, kind="condition") == number
    assert designer.add({"step[message]": "good {=action1:word}"}, process=number, kind="log")
    deals = [new_deal(portal, TITLE="Lamps") for _ in range(2)]
    runs = [start(portal, number, deal) for deal in deals]
    for run, score in zip(runs, ("7.5", "7.4"), strict=True):
        post = called(listener, run)
        sent = {name: value for name, value in post.items() if name.startswith("properties")}
        assert sent["properties[word]"] == "deal Lamps"
        assert sent["properties[number]"] == "2,5"
        assert sent["properties[kind]"] == "a"
        assert (sent["properties[kinds][0]"], sent["properties[kinds][1]"]) == ("x", "z")
        assert (sent["properties[lines][0]"], sent["properties[lines][1]"]) == ("one", "two")
        assert sent["properties[day]"] == "2026-11-30"
        assert sent["properties[count]"] == post["document_id[2]"].removeprefix("DEAL_")
        assert post["timeout_duration"] == "7200"
        answer = {"score": score, "word": "bye"}
        token = {"EVENT_TOKEN": post["event_token"], "RETURN_VALUES": answer}
        assert application.call("bizproc.event.send", token)[1]["result"] is True
    logs = [ended(portal, run)["LOG"] for run in runs]
    assert [stage(portal, deal) for deal in deals] == ["PREPARATION", "EXECUTING"]
    (case,) = (line["data"]["title"] for line in logs[0] if line["kind"] == "case")
    assert case["en"] == "Everything & <more> · Score is at least 7,5"
    assert case["fr"] == "Tout & <plus> · Note est au moins 7,5"
    assert [line["data"]["message"] for line in logs[0] if line["kind"] == "message"] == [
        "good bye"
    ]
    # And the page says what was designed, in words.
    shown = designer.get(f"/{number}").text
    for words in ("First", "2 h", "Score is at least 7,5", "good {=action1:word}"):
        assert words in shown
    assert "<more>" not in shown


def test_a_step_is_changed_moved_and_removed(portal, designer):
    number = new(designer)
    designer.add({"step[message]": "second"}, process=number, kind="log")
    designer.get("/step", process=number, at=0)
    assert designer.filled()["properties[number]"] == "1.5"
    designer.add({"properties[number]": "9"}, process=number, at=0)
    designer.get("/step", process=number, at=0)
    assert designer.filled()["properties[number]"] == "9"
    designer.get(f"/{number}")
    seen = designer.filled()["seen"]
    moved = designer.post(f"/{number}", {"seen": seen, "at": "1", "do": "up"})
    assert moved.status_code == 303
    designer.get("/step", process=number, at=0)
    assert designer.filled()["step[message]"] == "second"
    # What another window still shows is not written over.
    stale = designer.post(f"/{number}", {"seen": seen, "at": "0", "do": "remove"})
    assert stale.status_code == 409
    for _ in range(2):  # the last step stays
        designer.get(f"/{number}")
        seen = designer.filled()["seen"]
        designer.post(f"/{number}", {"seen": seen, "at": "0", "do": "remove"})
    shown = designer.get(f"/{number}").text
    assert "second" not in shown
    assert "Everything &amp; &lt;more&gt;" in shown
    designer.post(f"/{number}", {"seen": designer.filled()["seen"], "do": "delete"})
    assert designer.get(f"/{number}").status_code == 404


def test_a_designed_process_starts_by_itself_on_a_stage(portal, designer):
    number = new(designer)
    designer.get(f"/{number}")
    stages = designer.fields["stage"]["options"]
    assert stages[""] == "by hand only"
    assert stages["FINAL_INVOICE"].startswith("Ventes · ")
    given = {"seen": designer.filled()["seen"], "stage": "FINAL_INVOICE", "do": "start"}
    assert designer.post(f"/{number}", given).status_code == 303
    deal = new_deal(portal)
    webhook_call(
        portal.url, "crm.deal.update", {"id": deal, "fields": {"STAGE_ID": "FINAL_INVOICE"}}
    )
    asked = {"SELECT": ["ID", "TEMPLATE_ID"], "FILTER": {"DOCUMENT_ID": f"DEAL_{deal}"}}

    def running() -> list[dict]:
        return webhook_call(portal.url, "bizproc.workflow.instances", asked)[1]["result"]

    wait_until(running)
    assert [row["TEMPLATE_ID"] for row in running()] == [number]
    assert "starts by itself" in designer.get().text
    designer.get(f"/{number}")
    designer.post(f"/{number}", {"seen": designer.filled()["seen"], "do": "delete"})


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"properties[number]": ""}, "“Number” needs a value."),
        ({"properties[number]": "many"}, "“Number” is a number"),
        ({"properties[number]": "NaN"}, "“Number” is a number"),
        ({"properties[count]": "1.5"}, "“Count” is a whole number"),
        ({"properties[kind]": "c"}, "“Kind” has no such choice."),
        ({"properties[kind]": "{=Document:ID}"}, "“Kind” has no such choice."),
        ({"properties[kinds]": ["x", "no"]}, "“Kinds” has no such choice."),
        ({"properties[day]": "tomorrow"}, "“Day” is a date"),
        ({"properties[who]": "user_99999"}, "“Who” has no such choice."),
        ({"properties[word]": "x" * 10_001}, "“Word” is too long."),
        ({"properties[lines]": "x\n" * 101}, "“Lines” is too long."),
        ({"step[number]": "-1"}, "Between 0 and 365 days."),
        ({"step[number]": "366", "step[unit]": "days"}, "Between 0 and 365 days."),
        ({"step[number]": "1e400"}, "Between 0 and 365 days."),
        ({"step[number]": "{=Document:ID}"}, "Between 0 and 365 days."),
        ({"step[unit]": "years"}, "“Unit” has no such choice."),
    ],
)
def test_what_is_wrong_is_said_at_its_field_and_nothing_is_saved(designer, changes, words):
    before = designer.get().text.count("<li>")
    params = {"title": "Never", "action": "every.type"}
    designer.get("/step", **params)
    answer = designer.post("/step", {**designer.filled(), **changes}, **params)
    assert answer.status_code == 200
    assert words in answer.text
    name, value = next(iter(changes.items()))
    if isinstance(value, str) and designer.fields[name]["tag"] == "input":
        assert designer.fields[name].get("value") == value  # nothing has to be typed again
    assert designer.get().text.count("<li>") == before


@pytest.mark.parametrize(
    ("path", "params", "status"),
    [
        ("/step", {"action": "every.type"}, 400),  # no title
        ("/step", {"title": "T", "action": "unknown"}, 404),
        ("/step", {"title": "T", "kind": "fire"}, 404),
        ("/step", {"title": "T"}, 404),
        ("/step", {"process": "x", "action": "every.type"}, 404),
        ("/step", {"process": "9" * 30, "action": "every.type"}, 404),
        ("/step", {"process": "٣", "action": "every.type"}, 404),
        ("/999", {}, 404),
        ("/1e3", {}, 404),
        ("/99999999999999999999999", {}, 404),
    ],
)
def test_what_is_not_there_is_said(designer, path, params, status):
    assert designer.get(path, **params).status_code == status


def test_foreign_sites_change_nothing(portal, designer):
    number = new(designer)
    designer.get(f"/{number}")
    form = {"seen": designer.filled()["seen"], "do": "delete"}
    url = f"{portal.base}/sandbox/designer"
    foreign = {"Origin": "http://elsewhere.example"}
    assert httpx.post(f"{url}/{number}", data=form, headers=foreign).status_code == 403
    step = {"title": "T", "action": "every.type"}
    assert httpx.post(f"{url}/step", params=step, headers=foreign).status_code == 403
    host = {"Host": "elsewhere.example"}
    for path in ("", "/step", f"/{number}"):
        assert httpx.get(url + path, params=step, headers=host).status_code == 404
    assert designer.get(f"/{number}").status_code == 200


def test_a_registration_that_is_no_form_still_gives_one(portal, application, designer, listener):
    odd = activity(
        listener,
        CODE="odd",
        NAME="Odd",
        PROPERTIES={
            "a": {"Name": {"xx": "Only this"}, "Type": {"no": "type"}, "Default": {"0": "d"}},
            "b": {"Name": "B", "Type": "select", "Options": "none", "Multiple": "Y"},
            "c": {"Name": "C", "Type": "select", "Options": {"1": {"en": "One"}}, "Default": 1},
            "d": {"Name": "D", "Type": "date", "Default": "{=Document:CLOSEDATE}"},
            "e": {"Name": "</label><script>x</script>", "Type": "string", "Required": ["Y"]},
        },
        USE_SUBSCRIPTION="N",
    )
    assert application.call("bizproc.activity.add", odd)[1]["result"] is True
    answer = designer.get("/step", title="T", action="odd")
    assert answer.status_code == 200
    assert "<script" not in answer.text
    assert designer.fields["properties[c]"]["options"]["1"] == "One"
    assert designer.fields["properties[d]"].get("type") is None  # no calendar takes an expression
    assert not [name for name in designer.fields if name.startswith("step[")]  # nothing to wait for
    number = designer.add({}, title="T", action="odd")
    assert "Odd" in designer.get(f"/{number}").text
    # The application goes, or its action: the process stays, and says what it lacks.
    application.call("bizproc.activity.delete", {"CODE": "odd"})
    shown = designer.get(f"/{number}")
    assert shown.status_code == 200
    assert "No application has registered this action." in shown.text
    assert designer.get("/step", process=number, at=0).status_code == 404


@pytest.mark.parametrize(
    ("rules", "offered"),
    [
        ({"INCLUDE": [["crm", "CCrmDocumentDeal"]]}, True),
        ({"INCLUDE": [["crm"]]}, True),
        ({"INCLUDE": ["b24"]}, True),
        ({"INCLUDE": [["crm", "CCrmDocumentLead"]]}, False),
        ({"INCLUDE": ["box"]}, False),
        ({"EXCLUDE": ["box"]}, True),
        ({"EXCLUDE": ["b24"]}, False),
        ({"INCLUDE": [["crm"]], "EXCLUDE": [["crm", "CCrmDocumentDeal", "DEAL"]]}, False),
        ({"INCLUDE": 5}, False),
        ({}, True),
    ],
)
def test_an_actions_filter_says_where_it_is_offered(
    portal, application, designer, listener, rules, offered
):
    given = activity(listener, CODE="limited", NAME="Limited", FILTER=rules)
    assert application.call("bizproc.robot.add", given)[1]["result"] is True
    assert ("Limited" in designer.get().text) is offered
    status = designer.get("/step", title="T", action="limited").status_code
    assert status == (200 if offered else 404)
    application.call("bizproc.robot.delete", {"CODE": "limited"})
