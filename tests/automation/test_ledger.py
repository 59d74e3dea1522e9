from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from workbench.automation import ledger as ledger_module
from workbench.automation.ledger import Ledger, Proposal
from workbench.errors import DecisionError

WEEK = timedelta(days=7)


def proposal(number: int = 1, **changes) -> Proposal:
    base = Proposal(
        id=f"p{number}",
        rule="stalled_deals",
        subject=f"deal:{number}",
        action="notify_manager",
        payload={"user_id": 5, "message": "L’affaire « Café » [b]"},
        reason={"stage_id": "NEW", "amount_base": 1200.5},
        snapshot="20261102T000000Z-000001",
        code_version="0.1.0",
        rule_hash="abc",
    )
    return replace(base, **changes)


@pytest.fixture
def book(tmp_path) -> Ledger:
    return Ledger(tmp_path / "ledger.sqlite")


def test_a_proposal_is_read_back_as_it_was_written(book):
    written = proposal()
    assert book.propose(written, not_within=WEEK)
    assert book.get("p1") == written
    assert Ledger(book.path).proposals() == [written]


def test_an_undecided_subject_gets_no_second_proposal(book):
    old = datetime.now(UTC) - timedelta(days=30)
    assert book.propose(proposal(created_at=old), not_within=WEEK)
    assert not book.propose(proposal(id="p2", subject="deal:1"), not_within=WEEK)
    assert book.propose(proposal(id="p3", subject="deal:3"), not_within=WEEK)
    assert book.propose(proposal(id="p4", subject="deal:1", rule="other"), not_within=WEEK)


def test_a_decided_subject_rests_for_the_rule_s_time_and_no_longer(book):
    start = datetime(2026, 1, 1, tzinfo=UTC)
    book.propose(proposal(created_at=start), not_within=WEEK)
    book.reject("p1", "cli:ada")
    soon = proposal(id="p2", subject="deal:1", created_at=start + timedelta(days=6))
    later = replace(soon, created_at=start + timedelta(days=8))
    assert not book.propose(soon, not_within=WEEK)
    assert book.propose(later, not_within=WEEK)


def test_of_twenty_approvers_at_once_exactly_one_may_act(book):
    book.propose(proposal(), not_within=WEEK)

    def claim(number: int) -> bool:
        try:
            Ledger(book.path).claim("p1", f"cli:{number}")
        except DecisionError:
            return False
        return True

    with ThreadPoolExecutor(20) as pool:
        assert sum(pool.map(claim, range(20))) == 1
    assert [move["status"] for move in book.history("p1")] == ["proposed", "approved"]


def test_a_proposal_whose_approver_died_can_be_approved_again_after_the_lease(book, monkeypatch):
    book.propose(proposal(), not_within=WEEK)
    book.claim("p1", "cli:ada")
    with pytest.raises(DecisionError):
        book.claim("p1", "cli:bob")
    monkeypatch.setattr(ledger_module, "LEASE", timedelta(0))
    assert book.claim("p1", "cli:bob").status == "approved"


@pytest.mark.parametrize("final", ["applied", "rejected", "outdated"])
def test_what_is_decided_stays_decided(book, final):
    book.propose(proposal(), not_within=WEEK)
    if final == "rejected":
        book.reject("p1", "cli:ada", "no")
    else:
        book.claim("p1", "cli:ada")
        book.move("p1", final, "cli:ada", "notification 7")
    with pytest.raises(DecisionError, match="p1"):
        book.claim("p1", "cli:bob")
    with pytest.raises(DecisionError, match="p1"):
        book.reject("p1", "cli:bob")
    assert book.history("p1")[-1]["actor"] == "cli:ada"


def test_a_failed_one_can_be_approved_again(book):
    book.propose(proposal(), not_within=WEEK)
    book.claim("p1", "cli:ada")
    book.move("p1", "failed", "cli:ada", "portal down")
    assert book.claim("p1", "cli:ada").status == "approved"


def test_an_unknown_id_says_how_to_find_the_known_ones(book):
    with pytest.raises(DecisionError, match="workbench decisions list"):
        book.get("'; drop table proposals; --")
    assert book.proposals() == []
