"""The ledger: every proposal of a decision rule and what became of it.

SQLite in ``<home>/ledger.sqlite``. A proposal never changes what it proposes; only its status
moves, and each move is a line of its history with time (UTC), actor and detail:

    proposed → approved → applied → undone
             ↘ rejected  ↘ failed (can be approved again) · outdated (the record moved on)

An approved proposal belongs to the one process whose `claim` moved it, for `LEASE`: two approvers
cannot both act, and a proposal whose approver died can be approved again.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from workbench.errors import DecisionError
from workbench.i18n import _
from workbench.settings import private_file

Status = Literal["proposed", "approved", "applied", "undone", "rejected", "failed", "outdated"]

LEASE = timedelta(minutes=5)  # longer than any portal call with all its retries

SCHEMA = """
create table if not exists proposals (
    id text primary key,
    rule text not null,
    subject text not null,
    status text not null,
    action text not null,
    payload text not null,
    reason text not null,
    snapshot text not null,
    code_version text not null,
    rule_hash text not null,
    created_at text not null
);
create index if not exists proposals_by_subject on proposals (rule, subject, created_at);
create table if not exists history (
    proposal text not null references proposals (id),
    at text not null,
    status text not null,
    actor text not null,
    detail text not null
);
"""


@dataclass(frozen=True)
class Proposal:
    """One thing that a rule would do.

    ``subject`` is the record it is about (``deal:123``), ``payload`` the portal call's arguments,
    ``reason`` the figures that led to it, ``snapshot``, ``code_version`` and ``rule_hash`` what
    they were computed with.
    """

    id: str
    rule: str
    subject: str
    action: str
    payload: dict[str, Any]
    reason: dict[str, Any]
    snapshot: str
    code_version: str
    rule_hash: str
    status: Status = "proposed"
    created_at: datetime = field(default_factory=lambda: datetime.now(UTC))


class Ledger:
    """Proposals and their history, safe for several processes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        private_file(path)
        with self._open() as db:
            db.executescript(SCHEMA)

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        db = sqlite3.connect(self.path, timeout=30)
        db.row_factory = sqlite3.Row
        try:
            with db:  # one transaction
                yield db
        finally:
            db.close()

    def propose(self, proposal: Proposal, *, not_within: timedelta) -> bool:
        """Write a new proposal down; return False when its subject has had one recently.

        A subject with an undecided proposal of the same rule, or any within ``not_within``,
        gets no second one.
        """
        since = (proposal.created_at - not_within).isoformat()
        with self._open() as db:
            db.execute("begin immediate")
            known = db.execute(
                "select 1 from proposals where rule = ? and subject = ?"
                " and (status in ('proposed', 'approved') or created_at > ?) limit 1",
                (proposal.rule, proposal.subject, since),
            ).fetchone()
            if known:
                return False
            db.execute(
                "insert into proposals values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    proposal.id,
                    proposal.rule,
                    proposal.subject,
                    proposal.status,
                    proposal.action,
                    json.dumps(proposal.payload, ensure_ascii=False),
                    json.dumps(proposal.reason, ensure_ascii=False),
                    proposal.snapshot,
                    proposal.code_version,
                    proposal.rule_hash,
                    proposal.created_at.isoformat(),
                ),
            )
            self._note(db, proposal.id, "proposed", f"rule:{proposal.rule}", "")
        return True

    def claim(self, proposal_id: str, actor: str) -> Proposal:
        """Move a proposal to ``approved`` for the one caller that will act on it.

        Raises DecisionError when it is unknown or not open for approval. One whose approver died
        before the portal's answer can be claimed again after `LEASE`, so actions are idempotent.
        """
        expired = (datetime.now(UTC) - LEASE).isoformat()
        with self._open() as db:
            moved = db.execute(
                "update proposals set status = 'approved' where id = ?1 and"
                " (status in ('proposed', 'failed') or (status = 'approved' and not exists"
                " (select 1 from history where proposal = ?1 and at > ?2)))",
                (proposal_id, expired),
            ).rowcount
            if moved:
                self._note(db, proposal_id, "approved", actor, "")
        proposal = self.get(proposal_id)
        if not moved:
            raise DecisionError(
                _("Proposal {id} is already {status}.").format(
                    id=proposal_id, status=_(proposal.status)
                ),
                hint=_("See its history: workbench decisions show {id}").format(id=proposal_id),
            )
        return proposal

    def move(self, proposal_id: str, status: Status, actor: str, detail: str = "") -> None:
        """Record what became of a proposal."""
        with self._open() as db:
            db.execute("update proposals set status = ? where id = ?", (status, proposal_id))
            self._note(db, proposal_id, status, actor, detail)

    def reject(self, proposal_id: str, actor: str, detail: str = "") -> None:
        """Turn a proposal down; only one that nobody has decided yet."""
        self._settle(proposal_id, ("proposed", "failed"), "rejected", actor, detail)

    def undo(self, proposal_id: str, actor: str, detail: str = "") -> None:
        """Record that what a proposal did has been taken back; only of an applied one."""
        self._settle(proposal_id, ("applied",), "undone", actor, detail)

    def _settle(
        self, proposal_id: str, given: tuple[Status, ...], to: Status, actor: str, detail: str
    ) -> None:
        marks = ", ".join("?" for _status in given)
        with self._open() as db:
            moved = db.execute(
                f"update proposals set status = ? where id = ? and status in ({marks})",  # noqa: S608
                (to, proposal_id, *given),
            ).rowcount
            if moved:
                self._note(db, proposal_id, to, actor, detail)
        if not moved:
            status = self.get(proposal_id).status
            raise DecisionError(
                _("Proposal {id} is already {status}.").format(id=proposal_id, status=_(status))
                if status != "proposed"
                else _("Proposal {id} has not been applied.").format(id=proposal_id)
            )

    def get(self, proposal_id: str) -> Proposal:
        """Return one proposal; DecisionError when there is none of that id."""
        with self._open() as db:
            row = db.execute("select * from proposals where id = ?", (proposal_id,)).fetchone()
        if row is None:
            raise DecisionError(
                _("There is no proposal {id}.").format(id=proposal_id),
                hint=_("List them: workbench decisions list"),
            )
        return _proposal(row)

    def proposals(self, status: Status | None = None, rule: str | None = None) -> list[Proposal]:
        """Return proposals, oldest first."""
        with self._open() as db:
            rows = db.execute(
                "select * from proposals where (?1 is null or status = ?1)"
                " and (?2 is null or rule = ?2) order by created_at, id",
                (status, rule),
            ).fetchall()
        return [_proposal(row) for row in rows]

    def history(self, proposal_id: str) -> list[dict[str, str]]:
        """Return the moves of a proposal, oldest first: at, status, actor, detail."""
        with self._open() as db:
            rows = db.execute(
                "select at, status, actor, detail from history where proposal = ? order by rowid",
                (proposal_id,),
            ).fetchall()
        return [dict(row) for row in rows]

    @staticmethod
    def _note(db: sqlite3.Connection, proposal: str, status: str, actor: str, detail: str) -> None:
        db.execute(
            "insert into history values (?, ?, ?, ?, ?)",
            (proposal, datetime.now(UTC).isoformat(), status, actor, detail),
        )


def _proposal(row: sqlite3.Row) -> Proposal:
    values = dict(row)
    values["payload"] = json.loads(values["payload"])
    values["reason"] = json.loads(values["reason"])
    values["created_at"] = datetime.fromisoformat(values["created_at"])
    return Proposal(**values)
