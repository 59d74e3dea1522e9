"""Leads: where they come from, who answers when, which become deals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workbench.bitrix24.sandbox.memory.columns import Columns
from workbench.bitrix24.sandbox.seed import names, story
from workbench.bitrix24.sandbox.seed.clock import (
    DAY,
    OFFICE_DAY,
    OPENS,
    Clock,
    Moments,
    day_of,
    is_working,
    moments,
    positions,
    unix,
)
from workbench.bitrix24.sandbox.seed.columns import draw, pick
from workbench.bitrix24.sandbox.seed.history import Events, events, lead_stages
from workbench.bitrix24.sandbox.seed.people import Customers, Staff, multiple, phone, word
from workbench.bitrix24.sandbox.seed.story import CHANNELS, FAILING_CHANNEL

NEVER_ANSWERED = 0.12
IDLE = 0.25  # demand of a day without work against a working day, online channels only
FAIR_MONTHS = (0.2, 0.3, 3.0, 0.4, 2.2, 0.6, 0.2, 0.1, 1.5, 3.0, 0.8, 0.1)
FAIRS = 2  # place of the trade shows among the channels
ODD_TITLES = ("", "Demande 🙂 \u202eéreisrevnI", "<b>Devis</b> urgent !!!")
NEW, IN_PROCESS, MEETING, CONVERTED, JUNK = range(5)


def channel_demand(clock: Clock) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Days of the period and the expected leads of each channel, as weights (channel, day)."""
    days, weights = story.demand(clock)
    closed = ~is_working(days)
    months = np.array([day_of(d).month - 1 for d in days.tolist()])
    table = np.empty((len(CHANNELS), len(days)))
    for n, channel in enumerate(CHANNELS):
        table[n] = channel.leads * weights * np.where(closed, IDLE * channel.online, 1.0)
        if n == FAIRS:
            table[n] *= np.array(FAIR_MONTHS)[months] / np.mean(FAIR_MONTHS)
    return days, table


@dataclass(frozen=True)
class Leads:
    """Leads in order of creation; wall times, infinite for what did not happen.

    ``times`` (n, 5) are the entries into the five stages. ``company`` is an index into the
    customers, -1 for a lead that has not become one.
    """

    created: Moments
    channel: NDArray[np.int64]
    campaign: NDArray[np.int64]
    owner: NDArray[np.int64]
    answered: NDArray[np.float64]
    times: NDArray[np.float64]
    stage: NDArray[np.int64]
    company: NDArray[np.int64]
    happened: Events

    @property
    def converted(self) -> NDArray[np.int64]:
        """Places of the leads that have become deals, in order of conversion."""
        places = np.flatnonzero(self.stage == CONVERTED)
        return places[np.argsort(self.times[places, CONVERTED], kind="stable")]


def campaigns(random: np.random.Generator, channel: NDArray[np.int64]) -> NDArray[np.int64]:
    """A campaign of the channel for each record, -1 where the channel has none."""
    several = np.array([len(c.campaigns) for c in CHANNELS])[channel]
    return np.where(several > 0, (random.random(len(channel)) * several).astype(np.int64), -1)


def utm(channel: NDArray[np.int64], campaign: NDArray[np.int64]) -> dict[str, list[str | None]]:
    """Columns UTM_SOURCE, UTM_MEDIUM and UTM_CAMPAIGN."""
    pairs = list(zip(channel.tolist(), campaign.tolist(), strict=True))
    return {
        "UTM_SOURCE": [CHANNELS[c].utm_source or None if k >= 0 else None for c, k in pairs],
        "UTM_MEDIUM": [CHANNELS[c].utm_medium or None if k >= 0 else None for c, k in pairs],
        "UTM_CAMPAIGN": [CHANNELS[c].campaigns[k] or None if k >= 0 else None for c, k in pairs],
    }


def leads(
    random: np.random.Generator, size: story.Size, people: Staff, them: Customers, clock: Clock
) -> Leads:
    """Draw the leads and their fate."""
    count = size.leads
    days, weights = channel_demand(clock)
    cell = draw(random, weights.ravel(), count)
    channel, day = np.divmod(cell, len(days))
    online = np.array([c.online for c in CHANNELS])[channel]
    clock_time = np.where(
        online,
        7 * 3600 + random.triangular(0, 0.35, 1, count) * 15 * 3600,
        OPENS + random.random(count) * OFFICE_DAY,
    )
    created = days[day] * DAY + clock_time.astype(np.int64)
    order = np.argsort(created, kind="stable")
    created, channel, online = created[order], channel[order], online[order]

    sellers = np.concatenate([people.of(team) for team in story.SALES_TEAMS])
    owner = people.present(random.choice(sellers, count), created)
    strong = people.team[owner - 1] == story.STRONG_TEAM

    begun = positions(created)
    wait = random.lognormal(np.log(np.where(online, 0.3, 0.12)), 0.9) * np.where(strong, 0.5, 1.0)
    ignored = random.random(count) < NEVER_ANSWERED
    answered = begun + wait
    closing = answered + random.lognormal(np.log(5.0), 0.8, count)
    rate = np.array([c.conversion for c in CHANNELS])[channel]
    fallen = story.failing(created, clock) * (channel == FAILING_CHANNEL)
    rate = rate * (1 - (1 - story.FAILING_CONVERSION) * fallen) * np.where(strong, 1.15, 0.97)
    wins = ~ignored & (random.random(count) < rate / (1 - NEVER_ANSWERED))
    # Half of the unanswered ones are swept out after two to four months.
    swept = ignored & (random.random(count) < 0.5)
    closing = np.where(ignored, begun + 40 + random.random(count) * 45, closing)
    meets = ~ignored & (random.random(count) < np.where(wins, 0.6, 0.18))
    parked = ~ignored & ~wins & (random.random(count) < 0.05)  # answered, then left open

    times = np.full((count, 5), np.inf)
    times[:, NEW] = created
    times[~ignored, IN_PROCESS] = moments(answered[~ignored])
    middle = answered + (closing - answered) * 0.5
    times[meets, MEETING] = moments(middle[meets])
    times[wins, CONVERTED] = moments(closing[wins])
    lost = (~wins & ~ignored & ~parked) | swept
    times[lost, JUNK] = moments(closing[lost])
    times[:, 1:] = np.maximum(times[:, 1:], created[:, None] + 60.0)

    labels = lead_stages()
    happened = events(times, np.tile(np.arange(5), (count, 1)), labels, clock.end)
    stage = np.where(times < clock.end, np.arange(5), -1).max(axis=1)
    closed = np.where(stage == CONVERTED, times[:, CONVERTED], 0).astype(np.int64)
    newest = them.known(np.maximum(closed, created)) - 1
    company = np.maximum(newest - random.integers(0, 4, count), 0)
    return Leads(
        created,
        channel,
        campaigns(random, channel),
        owner,
        np.where(ignored, np.inf, times[:, IN_PROCESS]),
        times,
        stage,
        np.where(stage == CONVERTED, company, -1),
        happened,
    )


def lead_rows(
    random: np.random.Generator,
    those: Leads,
    them: Customers,
    titles: list[str],
    last_activity: NDArray[np.int64],
    clock: Clock,
) -> Columns:
    """Rows of leads; ``titles`` are the customers', ``last_activity`` wall times."""
    count = len(those.created)
    labels = lead_stages()
    converted = those.company >= 0
    moved = np.where(those.times < clock.end, those.times, 0).max(axis=1).astype(np.int64)
    final = those.stage >= CONVERTED
    female = random.random(count) < 0.5
    number = random.integers(0, 28, count)
    first: list[str | None] = [
        (names.WOMEN if f else names.MEN)[n]
        for f, n in zip(female.tolist(), number.tolist(), strict=True)
    ]
    last = pick(names.FAMILIES, random.integers(0, len(names.FAMILIES), count))
    mails = [
        f"{word(f or '')}.{word(n)}@prospect{i + 1}.example"
        for i, (f, n) in enumerate(zip(first, last, strict=True))
    ]
    for place in np.flatnonzero(random.random(count) < 0.05).tolist():
        first[place], mails[place] = None, ""
    form = pick(names.FORMS, random.integers(0, len(names.FORMS), count))
    subject = pick(names.SUBJECTS, random.integers(0, len(names.SUBJECTS), count))
    named = [
        titles[c] if c >= 0 else f.format(n)
        for c, f, n in zip(those.company.tolist(), form, last, strict=True)
    ]
    title = [f"{s} – {c}" for s, c in zip(subject, named, strict=True)]
    for place, odd in zip(
        random.integers(0, count, 3), ODD_TITLES,
        strict=True,
    ):  # fmt: skip
        title[int(place)] = odd
    amount = np.round(random.lognormal(np.log(4500), 0.8, count), -1)
    amount[random.random(count) < 0.35] = 0.0
    owner = those.owner.tolist()
    company = them.identifier(those.company)
    contact = them.first_contact[np.maximum(those.company, 0)]
    phones = phone(random, count)
    return Columns(
        {
            "ID": list(range(1, count + 1)),
            "TITLE": title,
            "HONORIFIC": pick(("HNR_FR_2", "HNR_FR_1"), female.astype(np.int64)),
            "NAME": first,
            "LAST_NAME": last,
            "COMPANY_TITLE": named,
            "COMPANY_ID": [
                c if k else None for c, k in zip(company.tolist(), converted, strict=True)
            ],
            "CONTACT_ID": [
                c if k else None for c, k in zip(contact.tolist(), converted, strict=True)
            ],
            "IS_RETURN_CUSTOMER": "N",
            "SOURCE_ID": pick([c.source_id for c in CHANNELS], those.channel),
            "STATUS_ID": pick([s.stage_id for s in labels], those.stage),
            "CURRENCY_ID": "EUR",
            "OPPORTUNITY": amount.tolist(),
            "IS_MANUAL_OPPORTUNITY": "Y",
            "HAS_PHONE": "Y",
            "HAS_EMAIL": ["Y" if m else "N" for m in mails],
            "ASSIGNED_BY_ID": owner,
            "CREATED_BY_ID": 1,
            "MODIFY_BY_ID": owner,
            "DATE_CREATE": unix(those.created, clock.timezone).tolist(),
            "DATE_MODIFY": unix(np.maximum(moved, last_activity), clock.timezone).tolist(),
            "OPENED": "Y",
            "DATE_CLOSED": [
                m if f else None
                for m, f in zip(unix(moved, clock.timezone).tolist(), final.tolist(), strict=True)
            ],
            "STATUS_SEMANTIC_ID": pick([s.semantics for s in labels], those.stage),
            "MOVED_BY_ID": owner,
            "MOVED_TIME": unix(moved, clock.timezone).tolist(),
            "LAST_ACTIVITY_BY": owner,
            "LAST_ACTIVITY_TIME": unix(
                np.maximum(those.created, last_activity), clock.timezone
            ).tolist(),
            **utm(those.channel, those.campaign),
            "PHONE": multiple(phones),
            "EMAIL": multiple(mails),
        },
        count,
    )
