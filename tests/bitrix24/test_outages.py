"""What a client does while a portal is away, or shows pages instead of answering."""

import time

import pytest
from answering import Answering, answering, fine

from workbench import errors
from workbench.bitrix24 import client
from workbench.bitrix24.client import Portal

LOGIN = b"<!DOCTYPE html><html><title>Authorization</title><form action='/auth/'></form></html>"
BAD_GATEWAY = b"<html><center><h1>502 Bad Gateway</h1></center><hr>nginx</html>"
UNFINISHED = b'{"result":[{"ID":"1","TITLE":"Aff'
PAGES = [
    (502, {}, BAD_GATEWAY),
    (503, {"Retry-After": "60"}, b"<html>Maintenance</html>"),
    (504, {}, b"<html>Gateway Time-out</html>"),
    (200, {}, LOGIN),
    (200, {}, UNFINISHED),
    (200, {}, b""),
    (403, {}, b"<html>Blocked by the firewall</html>"),
    (404, {}, b"<html>Not here</html>"),
    (200, {}, None),
]


@pytest.fixture
def server():
    with answering() as it:
        yield it


def reaching(server: Answering, *, patience: float = 60, background: bool = True) -> Portal:
    """Return the portal of a server, after its first answer."""
    portal = Portal(server.url, "unlimited", patience=patience, background=background)
    portal.call("profile")
    server.seen.clear()
    return portal


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "LONGEST_PAUSE", 0.02)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: f"{page[0]} {str(page[2])[:12]}")
def test_pages_instead_of_answers_are_waited_out_by_background_work(server, quick, page):
    with reaching(server) as portal:
        waits = []
        portal.waiting = lambda *each: waits.append(each)
        server.in_turn(*[page] * 12, fine([1]))
        assert portal.call("crm.deal.list") == [1]
        assert len(server.seen) == 13
        assert len(waits) == 12 and all("127.0.0.1" in reason for reason, _ in waits)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: f"{page[0]} {str(page[2])[:12]}")
def test_a_write_is_not_repeated_after_a_page_that_says_nothing_of_it(server, quick, page):
    with reaching(server) as portal:
        server.in_turn(page, fine(7))
        with pytest.raises(errors.PortalUnreachable):
            portal.call("crm.deal.add", {"fields": {}})
        assert len(server.seen) == 1


def test_waits_grow_and_end_with_the_patience_of_background_work(server):
    with reaching(server, patience=3) as portal:
        waits = []
        portal.waiting = lambda _reason, seconds: waits.append(seconds)
        server.say = lambda _path, _body: (502, {}, BAD_GATEWAY)
        started = time.monotonic()
        with pytest.raises(errors.PortalUnreachable, match="502"):
            portal.call("crm.deal.list")
        assert time.monotonic() - started < 3.5
        assert waits == [0.5, 1.0]  # the next would be 2 s more, and too late


def test_who_waits_at_the_screen_is_told_after_a_few_tries(server, quick):
    with reaching(server, background=False) as portal:
        server.say = lambda _path, _body: (502, {}, BAD_GATEWAY)
        with pytest.raises(errors.PortalUnreachable):
            portal.call("crm.deal.list")
        assert len(server.seen) == 1 + client.RETRIES


def test_a_page_before_the_first_answer_is_a_wrong_address_and_told_at_once(server):
    server.say = lambda _path, _body: (200, {}, LOGIN)
    with (
        Portal(server.url, "unlimited", patience=60, background=True) as portal,
        pytest.raises(errors.PortalUnreachable, match="200"),
    ):
        portal.call("profile")
    assert len(server.seen) == 1


def test_a_portal_that_is_closed_for_good_is_not_waited_for(server):
    with reaching(server) as portal:
        server.say = lambda _path, _body: (500, {}, {"error": "PORTAL_DELETED"})
        with pytest.raises(errors.PortalError) as caught:
            portal.call("crm.deal.list")
        assert len(server.seen) == 1 and not caught.value.may_pass


# Batches that take the portal too long


def answers_up_to(most: int, bad: str = ""):
    """Answer batches of at most so many commands, none of them ``bad``; others end in a page."""

    def say(_path: str, body: dict):
        commands = body.get("cmd", {})
        if bad in commands.values():
            return 500, {}, b""
        if len(commands) > most:
            return 504, {}, b"<html>Gateway Time-out</html>"
        done = {key: text.rpartition("=")[2] for key, text in commands.items()}
        return fine({"result": done or [], "result_error": [], "result_time": []})

    return say


def batches(server: Answering) -> list[int]:
    """Return how many commands each batch had that was sent."""
    return [len(body["cmd"]) for _path, body in server.seen if "cmd" in body]


def test_a_batch_that_is_too_much_for_one_request_is_sent_in_parts(server, quick):
    with reaching(server) as portal:
        server.say = answers_up_to(12)
        answers = portal.batch([("crm.deal.list", {"start": n}) for n in range(50)])
        assert [answer.result for answer in answers] == [str(n) for n in range(50)]
        assert batches(server) == [50, 50, 25, 25, 12, 12, 1, 12, 12, 1]
        server.seen.clear()
        portal.batch([("crm.deal.list", {"start": n}) for n in range(24)])
        assert batches(server) == [12, 12]  # what was learnt stays


def test_a_command_at_which_the_portal_fails_keeps_no_other_from_its_answer(server, quick):
    with reaching(server) as portal:
        server.say = answers_up_to(50, bad="crm.deal.list?start=7")
        answers = portal.batch([("crm.deal.list", {"start": n}) for n in range(50)])
        failed = [n for n, answer in enumerate(answers) if answer.error is not None]
        assert failed == [7] and "HTTP 500" in str(answers[7].error)
        assert not answers[7].error.may_pass  # that is one list's problem, not the portal's
        assert [a.result for a in answers if not a.error] == [str(n) for n in range(50) if n != 7]


def test_a_portal_that_is_away_is_not_taken_for_one_that_is_asked_too_much(server, quick):
    with reaching(server) as portal:
        server.in_turn(*[(504, {}, b"<html>")] * 15, fine({"result": [], "result_error": []}))
        portal.batch([("crm.deal.list", {"start": n}) for n in range(50)])
        assert set(batches(server)) == {50}


def test_a_command_that_refers_to_one_of_another_part_is_told_and_not_sent(server, quick):
    with reaching(server) as portal:
        server.say = answers_up_to(25)
        calls = [("crm.deal.list", {"filter": {">ID": 0}, "start": -1})]
        for n in range(49):
            low = f"$result[c{n}][49][ID]"
            calls.append(("crm.deal.list", {"filter": {">ID": low}, "start": -1}))
        answers = portal.batch(calls)
        assert [answer.error is None for answer in answers] == [True] * 25 + [False] * 25
        assert batches(server) == [50, 50, 25]
        assert set(server.seen[-1][1]["cmd"]) == {f"c{n}" for n in range(25)}


def test_a_batch_that_writes_is_never_sent_in_parts(server, quick):
    with reaching(server) as portal:
        server.say = answers_up_to(1)
        with pytest.raises(errors.PortalUnreachable):
            portal.batch([("crm.deal.update", {"id": n}) for n in range(4)])
        assert len(server.seen) == 1
