"""Telephone calls, as the portal's telephony counts them: since it was connected, not before."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from workbench.bitrix24.sandbox.memory.columns import Columns
from workbench.bitrix24.sandbox.seed.clock import DAY, Clock, unix
from workbench.bitrix24.sandbox.seed.columns import draw, pick
from workbench.bitrix24.sandbox.seed.people import phone

CONNECTED_DAYS = 30  # since when the telephony counts calls
LINE = "+33199001000"
OUT, IN = 1, 2
UNANSWERED = 0.22  # attempts that came to nothing, as a share of the calls that did
FAILURES = (("304", "Missed call", 0.55), ("486", "Busy", 0.25), ("603-S", "Declined", 0.2))
PER_MINUTE = 0.02  # EUR


def call_rows(
    random: np.random.Generator,
    talks: Columns,
    entity_type: str,
    entity: Sequence[int | None],
    clock: Clock,
) -> Columns:
    """Rows of voximplant.statistic.get, without ID, for the telephone calls of some activities.

    ``entity`` is the identifier of the person called (``entity_type`` ``LEAD`` or ``CONTACT``) for
    each activity. Some calls were tried in vain shortly before.
    """
    since = int(unix(np.array([clock.end - CONNECTED_DAYS * DAY]), clock.timezone)[0])
    start = np.array(talks.columns["START_TIME"], dtype=np.int64)
    spoken = np.array([each == "VOXIMPLANT_CALL" for each in talks.columns["PROVIDER_ID"]], bool)
    place = np.flatnonzero(spoken & (start >= since))
    again = place[random.random(len(place)) < UNANSWERED]
    waited = random.integers(240, 5400, len(again))
    at = np.concatenate([start[place], np.maximum(start[again] - waited, since)])
    place = np.concatenate([place, again])
    vain = np.arange(len(place)) >= len(place) - len(again)
    order = np.argsort(at, kind="stable")
    at, place, vain = at[order], place[order], vain[order]
    count = len(place)

    ended = np.array(talks.columns["END_TIME"], dtype=np.int64)
    seconds = np.where(vain, 0, ended[place] - start[place])
    incoming = np.array(talks.columns["DIRECTION"], dtype=np.int64)[place] == 1
    why = draw(random, [share for _code, _reason, share in FAILURES], count)
    # One number for each activity: an attempt in vain was for the number of its call.
    phones = phone(random, len(start)) if count else []
    minutes = np.where(incoming, 0, -(-seconds // 60))
    return Columns(
        {
            "PORTAL_USER_ID": [talks.columns["RESPONSIBLE_ID"][n] for n in place.tolist()],
            "PORTAL_NUMBER": LINE,
            "PHONE_NUMBER": [phones[n] for n in place.tolist()],
            "CALL_ID": [random.bytes(16).hex() for _call in range(count)],
            "CALL_CATEGORY": "external",
            "CALL_DURATION": seconds.tolist(),
            "CALL_START_DATE": at.tolist(),
            "COST": np.round(minutes * PER_MINUTE, 4).tolist(),
            "COST_CURRENCY": "EUR",
            "CALL_FAILED_CODE": [
                FAILURES[n][0] if failed else "200"
                for n, failed in zip(why.tolist(), vain.tolist(), strict=True)
            ],
            "CALL_FAILED_REASON": [
                FAILURES[n][1] if failed else "Success call"
                for n, failed in zip(why.tolist(), vain.tolist(), strict=True)
            ],
            "CRM_ENTITY_TYPE": entity_type,
            "CRM_ENTITY_ID": [entity[n] for n in place.tolist()],
            "CRM_ACTIVITY_ID": [
                None if failed else talks.columns["ID"][n]
                for n, failed in zip(place.tolist(), vain.tolist(), strict=True)
            ],
            "CALL_TYPE": pick((OUT, IN), incoming.astype(np.int64)),
        },
        count,
    )
