"""Decision rules: figures → proposals → (a person approves) → one call on the portal.

A rule is a file of ``parameters/decisions/``. `propose` writes down what it would do and calls
nothing; `approve` looks at the record on the portal once more, acts, and writes down the answer.
"""

from __future__ import annotations

import hashlib
import string
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

import pandas as pd
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from workbench.analysis.stalled import stalled
from workbench.automation.ledger import Ledger, Proposal
from workbench.bitrix24.client import Portal
from workbench.errors import ConfigurationError, PortalError, RecordNotFound
from workbench.i18n import _, format_money, format_number, language
from workbench.i18n.directions import straight
from workbench.reports.record import code_version
from workbench.settings import settings
from workbench.warehouse import Snapshot, open_snapshot

PLACEHOLDERS = {"deal", "customer", "manager", "amount", "stage", "days", "usual_days"}


class Texts(BaseModel):
    """A text in both languages."""

    model_config = ConfigDict(extra="forbid")
    fr: str = Field(min_length=1)
    en: str = Field(min_length=1)

    def here(self) -> str:
        """Return it in the language of the moment."""
        return self.fr if language() == "fr" else self.en


class Rule(BaseModel):
    """A file of ``parameters/decisions/``; amounts in the portal's base currency."""

    model_config = ConfigDict(extra="forbid")
    name: str
    hash: str
    title: Texts
    about: Literal["stalled_deals"]
    min_amount: float = Field(0, ge=0)
    min_days: float = Field(0, ge=0)
    limit: int = Field(20, ge=1, le=500)
    not_within_days: float = Field(7, ge=0)
    action: Literal["notify_manager"]
    message: Texts

    @field_validator("message")
    @classmethod
    def _known_placeholders(cls, message: Texts) -> Texts:
        for text in (message.fr, message.en):
            try:
                names = {
                    name for _text, name, _spec, _conv in string.Formatter().parse(text) if name
                }
            except ValueError as error:
                raise ValueError(f"unbalanced braces: {error}") from None
            if names - PLACEHOLDERS:
                unknown, known = sorted(names - PLACEHOLDERS), sorted(PLACEHOLDERS)
                raise ValueError(f"unknown {', '.join(unknown)}; known: {', '.join(known)}")
        return message


def load_rule(path: Path) -> Rule:
    """Read and check a rule; ConfigurationError names file, key and what is allowed."""
    try:
        raw = path.read_bytes()
        content = yaml.safe_load(raw)
        if not isinstance(content, dict):
            raise ConfigurationError(_("{file}: not a rule file.").format(file=path.name))
        return Rule(name=path.stem, hash=hashlib.sha256(raw).hexdigest()[:12], **content)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        raise ConfigurationError(f"{path.name}: {key}: {first['msg']}") from None
    # a date such as 2026-02-30 is a ValueError, endless brackets are a RecursionError
    except (OSError, yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
        raise ConfigurationError(f"{path.name}: {error}") from None


def load_rules(name: str | None = None) -> list[Rule]:
    """Return the rules of ``parameters/decisions/``, or the one of that name."""
    files = sorted((settings().parameters_dir / "decisions").glob("*.yml"))
    wanted = [file for file in files if name in (None, file.stem)]
    if name and not wanted:
        known = ", ".join(file.stem for file in files) or "–"
        raise ConfigurationError(
            _("There is no decision rule {name}.").format(name=name),
            hint=_("Known rules: {names}").format(names=known),
        )
    return [load_rule(file) for file in wanted]


def ledger() -> Ledger:
    """Open this installation's ledger."""
    return Ledger(settings().home_dir / "ledger.sqlite")


def propose(rule: Rule, snapshot: Snapshot, book: Ledger) -> list[Proposal]:
    """Write down what ``rule`` would do on ``snapshot``; returns the new proposals.

    Calls nothing. At most ``rule.limit`` wait undecided at one time; a deal with an undecided or
    a recent proposal of the same rule gets no second.
    """
    return write_down(rule, judge(rule, snapshot), book)


def write_down(rule: Rule, found: Iterable[Proposal], book: Ledger) -> list[Proposal]:
    """Put what a rule has found into the ledger as `propose` says; returns the new proposals."""
    written: list[Proposal] = []
    room = rule.limit - len(book.proposals("proposed", rule.name))
    for proposal in found:
        if len(written) >= room:
            break
        if book.propose(proposal, not_within=timedelta(days=rule.not_within_days)):
            written.append(proposal)
    return written


def judge(rule: Rule, snapshot: Snapshot) -> Iterator[Proposal]:
    """Yield what ``rule`` finds on ``snapshot``, the largest amount first, written nowhere."""
    deals = snapshot.query("select * from deals where is_open")
    found = stalled(deals, snapshot.read("stage_limits"), snapshot.as_of)
    chosen = found[
        (found["amount_base"].astype(float) >= rule.min_amount)
        & (found["age_days"] >= rule.min_days)
        & found["manager_id"].notna()
    ].sort_values(["amount_base", "deal_id"], ascending=[False, True])
    for row in chosen.to_dict("records"):
        yield _proposal(rule, snapshot, row)


def judge_one(rule: Rule, snapshot: Snapshot, subject: str) -> Proposal | None:
    """Return what ``rule`` finds about one subject (``deal:7``), None if nothing."""
    return next((each for each in judge(rule, snapshot) if each.subject == subject), None)


def _proposal(rule: Rule, snapshot: Snapshot, row: dict[Any, Any]) -> Proposal:
    deal_id = int(row["deal_id"])
    title = plain(row["title"]) or f"#{deal_id}"
    address = f"{snapshot.portal_url}/crm/deal/details/{deal_id}/"
    message = rule.message.here().format(
        deal=f"[url={address}]{title}[/url]",
        customer=plain(row["customer"]),
        manager=plain(row["manager"]),
        amount=format_money(row["amount_base"], snapshot.base_currency),
        stage=plain(row["stage"]),
        days=format_number(row["age_days"]),
        usual_days=format_number(row["limit_days"]),
    )
    return Proposal(
        id=uuid.uuid4().hex[:10],
        rule=rule.name,
        subject=f"deal:{deal_id}",
        action=rule.action,
        payload={"user_id": int(row["manager_id"]), "message": message},
        reason={
            "deal": title,
            "stage_id": row["stage_id"],
            "stage": plain(row["stage"]),
            "manager": plain(row["manager"]),
            "amount_base": float(row["amount_base"]),
            "days_in_stage": round(float(row["age_days"]), 1),
            "usual_days": round(float(row["limit_days"]), 1),
        },
        snapshot=snapshot.id,
        code_version=code_version(),
        rule_hash=rule.hash,
    )


def plain(text: object) -> str:
    """Return CRM text as one line that is no BB code of Bitrix24 and turns no direction."""
    if text is None or pd.isna(text):
        return ""
    line = " ".join(straight(str(text)).split())
    return line.translate(str.maketrans("[]", "()"))


def approve(book: Ledger, proposal_id: str, portal: Portal, actor: str) -> Proposal:
    """Act on one proposal and return it with what became of it.

    The deal is read again first: gone, closed or in another stage → ``outdated``, nothing is
    sent. A refusal of the portal → ``failed``, with its reason; it can be approved again.
    Raises DecisionError when the proposal is not open for approval.
    """
    proposal = book.claim(proposal_id, actor)
    try:
        moved_on = _moved_on(proposal, portal)
        if moved_on:
            book.move(proposal.id, "outdated", actor, moved_on)
        else:
            answer = ACTIONS[proposal.action](proposal, portal)
            book.move(proposal.id, "applied", actor, answer)
    except PortalError as error:
        book.move(proposal.id, "failed", actor, str(error))
    return book.get(proposal.id)


def undo(book: Ledger, proposal_id: str, portal: Portal, actor: str) -> Proposal:
    """Take back what an applied proposal did and return it as ``undone``.

    Raises DecisionError when it is not applied, the `PortalError` family when the portal refuses;
    then nothing has changed and it can be tried again.
    """
    proposal = book.get(proposal_id)
    detail = UNDO[proposal.action](proposal, portal) if proposal.status == "applied" else ""
    book.undo(proposal.id, actor, detail)
    return book.get(proposal.id)


@dataclass(frozen=True)
class Replay:
    """A proposal judged once more: ``again`` is what comes out now, None if nothing does.

    ``differences`` maps a figure, or ``user_id``, to its values then and now.
    """

    proposal: Proposal
    again: Proposal | None
    same_rule: bool
    same_code: bool

    @property
    def differences(self) -> dict[str, tuple[Any, Any]]:
        """What came out otherwise; the message's language is no difference."""
        if self.again is None:
            return {}
        then = {**self.proposal.reason, "user_id": self.proposal.payload["user_id"]}
        now = {**self.again.reason, "user_id": self.again.payload["user_id"]}
        return {
            key: (then.get(key), now.get(key))
            for key in then.keys() | now.keys()
            if then.get(key) != now.get(key)
        }

    @property
    def same(self) -> bool:
        """Whether the same figures led to the same proposal."""
        return self.again is not None and not self.differences


def replay(proposal: Proposal) -> Replay:
    """Judge a proposal's snapshot again by the rule and code of today. Writes and sends nothing.

    Raises `NoSnapshot` when its snapshot is no longer kept, ConfigurationError when its rule is
    gone.
    """
    (rule,) = load_rules(proposal.rule)
    with open_snapshot(proposal.snapshot) as snapshot:
        again = judge_one(rule, snapshot, proposal.subject)
    return Replay(
        proposal,
        again,
        same_rule=rule.hash == proposal.rule_hash,
        same_code=code_version() == proposal.code_version,
    )


def _moved_on(proposal: Proposal, portal: Portal) -> str:
    deal_id = int(proposal.subject.removeprefix("deal:"))
    try:
        deal = portal.call("crm.deal.get", {"id": deal_id})
    except RecordNotFound:
        return _("The deal is no longer on the portal.")
    if deal["STAGE_ID"] != proposal.reason["stage_id"]:
        return _("The deal has left the stage {stage}.").format(stage=proposal.reason["stage"])
    return ""


def _notify_manager(proposal: Proposal, portal: Portal) -> str:
    # The tag makes a second send of the same proposal replace the first one on the portal.
    answer = portal.call(
        "im.notify.system.add",
        {
            "USER_ID": proposal.payload["user_id"],
            "MESSAGE": proposal.payload["message"],
            "TAG": f"WORKBENCH|{proposal.id}",
            "CLIENT_ID": "workbench",
        },
    )
    if not answer:
        raise PortalError(
            _("The portal did not take the notification."), method="im.notify.system.add"
        )
    return _("notification {id}").format(id=answer)


def _withdraw_notification(proposal: Proposal, portal: Portal) -> str:
    there = portal.call(
        "im.notify.delete", {"TAG": f"WORKBENCH|{proposal.id}", "CLIENT_ID": "workbench"}
    )
    return _("notification withdrawn") if there else _("the notification was no longer there")


ACTIONS: dict[str, Callable[[Proposal, Portal], str]] = {"notify_manager": _notify_manager}
UNDO: dict[str, Callable[[Proposal, Portal], str]] = {"notify_manager": _withdraw_notification}
