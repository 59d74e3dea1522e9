"""Activities: calls, letters, meetings and to-dos of leads and deals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workbench.bitrix24.sandbox.memory.columns import Columns
from workbench.bitrix24.sandbox.seed.clock import DAY, Clock, moments, positions, unix
from workbench.bitrix24.sandbox.seed.columns import draw, pick, yes
from workbench.bitrix24.sandbox.seed.leads import Leads
from workbench.bitrix24.sandbox.seed.story import CHANNELS

LEAD, DEAL = 1, 2
MEETING, CALL, EMAIL, TODO = 1, 2, 4, 6
INCOMING, OUTGOING = 1, 2
# Kind, direction, weight, minutes, provider, provider type, subject.
KINDS = (
    (CALL, OUTGOING, 0.4, 9, "VOXIMPLANT_CALL", "CALL", "Appel sortant"),
    (CALL, INCOMING, 0.1, 7, "VOXIMPLANT_CALL", "CALL", "Appel entrant"),
    (EMAIL, OUTGOING, 0.26, 4, "CRM_EMAIL", "EMAIL", "Envoi du devis"),
    (EMAIL, INCOMING, 0.1, 2, "CRM_EMAIL", "EMAIL", "Réponse du client"),
    (MEETING, 0, 0.14, 75, "CRM_MEETING", "MEETING", "Rendez-vous sur site"),
    (TODO, 0, 0.0, 15, "CRM_TODO", "TODO", "Relancer le client"),
)
CALL_OUT, CALL_IN, MAIL_OUT, MAIL_IN, _, TO_DO = range(len(KINDS))
PER_PIPELINE = (2.0, 5.0, 1.2)  # expected activities of a deal


@dataclass(frozen=True)
class Contacts:
    """Activities in order of time: place of their record, wall time, kind, whether still open."""

    record: NDArray[np.int64]
    at: NDArray[np.int64]
    kind: NDArray[np.int64]
    open: NDArray[np.bool_]

    def latest(self, count: int) -> NDArray[np.int64]:
        """Wall time of the last activity of each of ``count`` records, 0 where there is none."""
        last = np.zeros(count, dtype=np.int64)
        np.maximum.at(last, self.record, self.at)
        return last


def _in_order(
    record: NDArray[np.int64],
    at: NDArray[np.int64],
    kind: NDArray[np.int64],
    open_: NDArray[np.bool_],
    clock: Clock,
) -> Contacts:
    order = clock.past(at)
    return Contacts(record[order], at[order], kind[order], open_[order])


def _between(
    random: np.random.Generator,
    begin: NDArray[np.int64],
    until: NDArray[np.int64],
    number: NDArray[np.int64],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """``number`` moments in office time for each record: (place, wall time)."""
    record = np.repeat(np.arange(len(begin)), number)
    low, high = positions(begin), positions(until)
    at = low[record] + random.random(len(record)) * np.maximum(high - low, 0.02)[record]
    return record, moments(at)


def deal_contacts(
    random: np.random.Generator,
    created: NDArray[np.int64],
    pipeline: NDArray[np.int64],
    moved: NDArray[np.int64],
    closed: NDArray[np.bool_],
    clock: Clock,
) -> Contacts:
    """Contacts while a deal is worked on; a dormant deal has none after its last step."""
    number = random.poisson(np.array(PER_PIPELINE)[pipeline])
    until = np.where(closed, moved, np.minimum(moved + 12 * DAY, clock.end))
    record, at = _between(random, created, until, number)
    kind = draw(random, [k[2] for k in KINDS], len(record))
    # One to-do in three open deals: due soon, or long overdue where nobody came back.
    planned = np.flatnonzero(~closed & (random.random(len(created)) < 0.35))
    record = np.concatenate([record, planned])
    at = np.concatenate([at, moved[planned] + 300])
    kind = np.concatenate([kind, np.full(len(planned), TO_DO)])
    open_ = np.zeros(len(record), dtype=bool)
    open_[len(record) - len(planned) :] = True
    return _in_order(record, at, kind, open_, clock)


def lead_contacts(random: np.random.Generator, those: Leads, clock: Clock) -> Contacts:
    """Contacts of leads: what came in, the first answer, what followed. Some are never answered."""
    count = len(those.created)
    by_phone = np.array([c.source_id == "CALL" for c in CHANNELS])[those.channel]
    by_mail = np.array([c.source_id == "EMAIL" for c in CHANNELS])[those.channel]
    came = np.flatnonzero(by_phone | by_mail)
    answered = np.flatnonzero(those.answered < clock.end)
    ended = np.where(those.times[:, 3:] < clock.end, those.times[:, 3:], 0).max(axis=1)
    until = np.where(ended > 0, ended, np.minimum(those.created + 15 * DAY, clock.end))
    begin = np.where(np.isfinite(those.answered), those.answered, 0).astype(np.int64)
    number = np.zeros(count, dtype=np.int64)
    number[answered] = random.poisson(0.9, len(answered))
    follow, at = _between(random, begin, np.maximum(until.astype(np.int64), begin), number)
    record = np.concatenate([came, answered, follow])
    when = np.concatenate([those.created[came], begin[answered], at])
    kind = np.concatenate(
        [
            np.where(by_phone[came], CALL_IN, MAIL_IN),
            np.where(random.random(len(answered)) < 0.6, CALL_OUT, MAIL_OUT),
            draw(random, [k[2] for k in KINDS], len(follow)),
        ]
    )
    return _in_order(record, when, kind, np.zeros(len(record), dtype=bool), clock)


def activity_rows(
    random: np.random.Generator,
    those: Contacts,
    owner_type: int,
    identifiers: NDArray[np.int64],
    responsible: NDArray[np.int64],
    first_id: int,
    clock: Clock,
) -> Columns:
    """Rows of crm.activity.list; ``identifiers`` and ``responsible`` belong to the records."""
    count = len(those.record)
    minutes = np.array([k[3] for k in KINDS])[those.kind]
    lasting = np.maximum(60, (minutes * 60 * random.lognormal(0.0, 0.5, count)).astype(np.int64))
    due = np.where(those.open, those.at + random.integers(1, 12, count) * DAY, those.at)
    at = unix(those.at, clock.timezone).tolist()
    deadline = unix(due, clock.timezone).tolist()
    who = responsible[those.record].tolist()
    return Columns(
        {
            "ID": list(range(first_id, first_id + count)),
            "OWNER_ID": identifiers[those.record].tolist(),
            "OWNER_TYPE_ID": owner_type,
            "TYPE_ID": pick([k[0] for k in KINDS], those.kind),
            "PROVIDER_ID": pick([k[4] for k in KINDS], those.kind),
            "PROVIDER_TYPE_ID": pick([k[5] for k in KINDS], those.kind),
            "ASSOCIATED_ENTITY_ID": 0,
            "SUBJECT": pick([k[6] for k in KINDS], those.kind),
            "CREATED": at,
            "LAST_UPDATED": at,
            "START_TIME": at,
            "END_TIME": (np.array(at, dtype=np.int64) + lasting).tolist(),
            "DEADLINE": deadline,
            "COMPLETED": yes(~those.open),
            "STATUS": pick((2, 1), those.open.astype(np.int64)),
            "RESPONSIBLE_ID": who,
            "PRIORITY": 2,
            "NOTIFY_TYPE": 0,
            "NOTIFY_VALUE": 0,
            "DESCRIPTION": "",
            "DESCRIPTION_TYPE": 1,
            "DIRECTION": pick([k[1] for k in KINDS], those.kind),
            "LOCATION": "",
            "AUTHOR_ID": who,
            "EDITOR_ID": who,
            "RESULT_MARK": 0,
        },
        count,
    )
