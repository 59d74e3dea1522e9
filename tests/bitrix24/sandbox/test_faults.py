"""Faults on demand, from the command line and by control calls, as clients see them."""

import time

import command_line
import httpx
import pytest


def statuses(client, method, n):
    return [client.call(method).status_code for _ in range(n)]


@pytest.fixture(autouse=True)
def no_faults_left(empty):
    yield
    empty.control("faults", None, "DELETE")


def test_every_kind_on_the_command_line_strikes_its_own_method(start_portal):
    portal = start_portal(
        *("--plan", "unlimited"),
        *("--fault", "503:method=profile,at=2"),
        *("--fault", "429:method=scope,times=1"),
        *("--fault", "500:method=server.time,every=2"),
        *("--fault", "expired_token:method=app.info,at=1"),
        *("--fault", "timeout:method=methods,seconds=0.3,times=1"),
        *("--fault", "cut:method=crm.deal.fields,at=1"),
        *("--fault", "delete:method=crm.lead.list,entity=leads,at=2"),
        *("--fault", "change:method=crm.lead.get,entity=leads,field=TITLE,value=moved,times=1"),
    )
    assert statuses(portal, "profile", 3) == [200, 503, 200]
    assert statuses(portal, "scope", 2) == [429, 200]
    assert statuses(portal, "server.time", 4) == [200, 500, 200, 500]
    refused = portal.call("app.info")
    assert (refused.status_code, refused.json()["error"]) == (401, "expired_token")
    began = time.monotonic()
    gateway = portal.call("methods")
    assert time.monotonic() - began >= 0.3
    assert gateway.status_code == 504
    assert "text/html" in gateway.headers["content-type"]
    with pytest.raises(httpx.RemoteProtocolError):
        portal.call("crm.deal.fields")
    first, second = (portal.result("crm.lead.add", {"fields": {"TITLE": t}}) for t in "ab")
    assert portal.result("crm.lead.get", {"id": first})["TITLE"] == "moved"
    assert len(portal.result("crm.lead.list")) == 2
    assert [row["ID"] for row in portal.result("crm.lead.list")] == [str(second)]
    told = portal.control("faults", None, "GET")["faults"]
    assert [rule["struck"] for rule in told] == [1, 1, 2, 1, 1, 1, 1, 1]


def test_a_client_with_a_shorter_patience_gives_up_before_the_portal(empty):
    empty.control("faults", "timeout:method=profile,seconds=20,times=1")
    with pytest.raises(httpx.ReadTimeout):
        empty.http.get(empty.url + "profile", timeout=0.2)
    assert empty.call("profile").status_code == 200


def test_a_rate_strikes_the_same_requests_for_the_same_seed(empty):
    def struck(spec):
        empty.control("faults", None, "DELETE")
        empty.control("faults", spec)
        return [status == 503 for status in statuses(empty, "profile", 60)]

    first = struck("503:method=profile,rate=0.3,seed=5")
    assert 8 <= sum(first) <= 30
    assert struck("503:method=profile,rate=0.3,seed=5") == first
    assert struck("503:method=profile,rate=0.3,seed=6") != first
    assert not any(struck("503:method=profile,rate=0"))
    assert all(struck("503:method=profile,rate=1"))


def test_several_rules_do_not_disturb_each_others_draws(empty):
    empty.control("faults", "503:method=profile,rate=0.3,seed=5")
    alone = statuses(empty, "profile", 30)
    empty.control("faults", None, "DELETE")
    empty.control("faults", ["500:method=scope,rate=0.5", "503:method=profile,rate=0.3,seed=5"])
    together = []
    for _ in range(30):
        empty.call("scope")
        together.append(empty.call("profile").status_code)
    assert together == alone


@pytest.mark.parametrize("fault", ["500", "cut", "timeout", "503"])
def test_after_lets_the_call_do_its_work_first(empty, fault):
    title = f"written before {fault}"
    empty.control(
        "faults",
        {"fault": fault, "method": "crm.deal.add", "times": 1, "after": True, "seconds": 0},
    )
    params = {"fields": {"TITLE": title}}
    if fault == "cut":
        with pytest.raises(httpx.RemoteProtocolError):
            empty.call("crm.deal.add", params)
    else:
        assert empty.call("crm.deal.add", params).status_code >= 500
    assert len(empty.result("crm.deal.list", {"filter": {"TITLE": title}})) == 1


def test_a_fault_before_a_write_leaves_nothing(empty):
    empty.control("faults", "500:method=crm.deal.add,times=1")
    empty.call("crm.deal.add", {"fields": {"TITLE": "never written"}})
    assert empty.result("crm.deal.list", {"filter": {"TITLE": "never written"}}) == []


def companies(client, n, title):
    return [client.result("crm.company.add", {"fields": {"TITLE": title}}) for _ in range(n)]


def test_a_record_deleted_between_two_pages_shifts_the_offsets(empty):
    numbers = companies(empty, 60, "shifted")
    ids = {"filter": {"TITLE": "shifted"}, "order": {"ID": "ASC"}}
    empty.control(
        "faults", f"delete:method=crm.company.list,at=2,entity=companies,ids={numbers[0]}"
    )
    seen = []
    for start in (0, 50):
        seen += [
            int(row["ID"]) for row in empty.result("crm.company.list", {**ids, "start": start})
        ]
    assert set(numbers) - set(seen) == {numbers[50]}, "a client that pages by offset loses this one"


def test_records_change_and_vanish_between_two_pages_of_one_batch(empty):
    numbers = companies(empty, 4, "in a batch")
    page = "crm.company.list?filter[TITLE]=in a batch&order[ID]=ASC&select[]=ID&select[]=TITLE"
    empty.control(
        "faults",
        [
            f"delete:method=crm.company.list,at=2,entity=companies,ids={numbers[0]}+{numbers[1]}",
            f"change:method=crm.company.list,at=3,entity=companies,ids={numbers[2]}"
            ",field=TITLE,value=elsewhere",
        ],
    )
    result = empty.result("batch", {"cmd": {"a": page, "b": page, "c": page}})["result"]
    assert [[int(row["ID"]) for row in result[key]] for key in "abc"] == [
        numbers,
        numbers[2:],
        numbers[3:],
    ]


def test_operating_time_runs_out_for_one_method_in_a_batch(empty):
    empty.control("faults", "429:method=crm.deal.list,at=2")
    answer = empty.call("batch", {"cmd": dict.fromkeys("abc", "crm.deal.list")})
    assert answer.status_code == 200
    result = answer.json()["result"]
    assert set(result["result"]) == {"a", "c"}
    assert result["result_error"]["b"]["error"] == "OPERATION_TIME_LIMIT"


def test_a_rule_for_batches_or_for_everything_counts_requests_only(empty):
    empty.control("faults", ["429:at=2", "503:method=batch,at=2"])
    batch = {"cmd": dict.fromkeys("abcdef", "profile")}
    assert [empty.call("batch", batch).status_code for _ in range(3)] == [200, 429, 200]


def test_changed_records_carry_a_new_time_of_change(empty):
    (number,) = companies(empty, 1, "touched")
    before = empty.result("crm.company.get", {"id": number})["DATE_MODIFY"]
    empty.control("clock", {"advance": 90})
    empty.control("faults", f"change:method=profile,times=1,entity=companies,ids={number}")
    empty.call("profile")
    assert empty.result("crm.company.get", {"id": number})["DATE_MODIFY"] > before


@pytest.mark.parametrize(
    ("entity", "method", "stage"),
    [
        ("deals", "crm.deal", {"STAGE_ID": "EXECUTING"}),
        ("leads", "crm.lead", {"STATUS_ID": "JUNK"}),
    ],
)
def test_records_change_to_a_stage_that_there_is(empty, entity, method, stage):
    number = empty.result(f"{method}.add", {"fields": {"TITLE": "moved"}})
    ((field, value),) = stage.items()
    rule = f"change:method=profile,times=1,entity={entity},ids={number},field={field},value={value}"
    empty.control("faults", rule)
    empty.call("profile")
    assert empty.result(f"{method}.get", {"id": number})[field] == value


def test_the_last_or_random_records_can_be_picked(empty):
    numbers = companies(empty, 6, "picked")
    empty.control("faults", "delete:method=profile,times=1,entity=companies,pick=last,n=2")
    empty.call("profile")
    left = {"filter": {"TITLE": "picked"}}
    assert len(empty.result("crm.company.list", left)) == 4
    assert str(numbers[-1]) not in {r["ID"] for r in empty.result("crm.company.list", left)}
    empty.control("faults", "delete:method=scope,times=1,entity=companies,pick=random,n=1,seed=3")
    total = empty.call("crm.company.list").json()["total"]
    empty.call("scope")
    assert empty.call("crm.company.list").json()["total"] == total - 1


def test_an_expired_token_ends_with_the_refresh(empty):
    empty.control("faults", "expired_token:method=profile,times=1")
    refused = empty.call("profile")
    assert (refused.status_code, refused.json()["error"]) == (401, "expired_token")
    assert empty.call("profile").status_code == 200


BAD = {
    "nonsense": "la panne est l’une de celles-ci",
    "503:rate=2": "rate va de 0 à 1",
    "503:rate=nan": "rate va de 0 à 1",
    "503:rate": "n’est pas de la forme clé=valeur",
    "503:at=1,rate=0.5": "une seule des clés at, every et rate",
    "503:at=1,at=2": "at est donné deux fois",
    "503:after=maybe": "after est l’une de ces valeurs",
    "503:method=crm.deals.list": "pas de méthode crm.deals.list",
    "503:method=": "pas de méthode",
    "cut:at=0": "at vaut 1 ou plus",
    "cut:at=three": "at est un nombre entier",
    "500:colour=red": "inconnu : colour",
    "timeout:seconds=-1": "seconds va de 0",
    "delete:entity=zebras": "pas d’entité zebras",
    "delete:ids=a+b": "chacun des ids est un nombre entier",
    "change:field=ID,value=7": "pas de champ ID à modifier",
    "change:field=OPPORTUNITY,value=much": "OPPORTUNITY",
    "change:entity=contacts,field=PHONE,value=1": "pas de champ PHONE à modifier",
    "change:field=STAGE_ID,value=NOPE": "STAGE_ID ne peut pas valoir 'NOPE', seulement l’une de",
    "change:field=STAGE_ID": "l’une de ces valeurs\u202f: NEW",
    "change:field=CATEGORY_ID,value=99": "CATEGORY_ID ne peut",
    "change:entity=leads,field=STATUS_ID,value=WON": "l’une de ces valeurs\u202f: NEW, IN_PROCESS",
    "change:field=NO_SUCH,value=7": "pas de champ NO_SUCH à modifier",
    "change:value=7": "value demande field",
    "delete:field=TITLE,value=7": "field ne vaut que pour change",
    "503:ids=3": "ids ne vaut que pour change, delete",
    "change:entity=tasks,field=TAGS,value=1": "pas de champ TAGS à modifier",
}


@pytest.mark.parametrize("spec", BAD)
def test_a_control_call_says_what_is_wrong_with_a_fault(empty, spec):
    answer = empty.http.post(f"{empty.base}/control/faults", json=["503:method=profile", spec])
    assert answer.status_code == 400
    assert BAD[spec] in answer.json()["error"]
    assert empty.control("faults", None, "GET") == {"faults": []}, "all or nothing"


@pytest.mark.parametrize("spec", ["nonsense", "503:rate=2", "delete:entity=zebras", ""])
def test_a_bad_fault_on_the_command_line_is_one_clear_line_and_exit_2(spec):
    done = command_line.workbench("sandbox", "start", "--port", "0", "--fault", spec, timeout=60)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    message, hint = done.stderr.strip().splitlines()
    assert message.startswith(f"--fault {spec}")
    assert "503:rate=0.1" in hint


def test_a_rule_that_the_portal_tells_can_be_given_again(empty):
    (told,) = empty.control("faults", "503:method=profile")["faults"]
    again = {key: value for key, value in told.items() if key not in ("seen", "struck")}
    assert empty.control("faults", again)["faults"][1] == told


def test_a_method_of_a_fault_is_a_text_that_some_method_matches(empty):
    for method in (["crm.deal.list"], 5, None):
        answer = empty.http.post(
            f"{empty.base}/control/faults", json={"fault": "503", "method": method}
        )
        assert answer.status_code == 400
    empty.control("faults", {"fault": "503", "method": "CRM.*.get", "times": 1})
    assert statuses(empty, "profile", 1) == [200]
    assert statuses(empty, "crm.deal.get", 1) == [503]


def test_a_page_of_another_site_controls_nothing(empty):
    url = f"{empty.base}/control/faults"
    for origin in ("https://elsewhere.example", "null"):
        answer = empty.http.post(url, content='["503"]', headers={"origin": origin})
        assert answer.status_code == 403
    assert empty.http.post(url, json=[], headers={"origin": empty.base}).status_code == 200
    assert empty.control("faults", None, "GET") == {"faults": []}
