"""Deals: who sells what to whom, how each goes through its pipeline, and how it ends."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workbench.bitrix24.sandbox.seed import story
from workbench.bitrix24.sandbox.seed.clock import (
    DAY,
    OFFICE_DAY,
    OPENS,
    Clock,
    Moments,
    is_working,
    moments,
    positions,
)
from workbench.bitrix24.sandbox.seed.columns import draw
from workbench.bitrix24.sandbox.seed.history import Events, deal_stages, events
from workbench.bitrix24.sandbox.seed.leads import Leads, campaigns
from workbench.bitrix24.sandbox.seed.people import Customers, Staff
from workbench.bitrix24.sandbox.seed.story import CHANNELS, FAILING_CHANNEL, PIPELINES

KEY_ACCOUNT, RENEWAL = 1, 2  # places among the pipelines
LONGEST = max(len(p.stages) for p in PIPELINES)
WORKING = 5 / 7  # working days per calendar day
SKIPPED = 0.07  # chance that a deal passes over a stage
BACK = 0.025  # chance that a deal goes back one stage before it ends
DORMANT = 0.06  # chance that a deal of the last fifteen months is left where it is
DORMANT_DAYS = 457


@dataclass(frozen=True)
class Demand:
    """All deals in order of creation, before anything happens to them.

    ``pipeline`` and ``channel`` are places in the story's tuples (channel -1: no source),
    ``company`` an index into the customers, ``lead`` a place among the leads or -1.
    """

    created: Moments
    pipeline: NDArray[np.int64]
    channel: NDArray[np.int64]
    campaign: NDArray[np.int64]
    company: NDArray[np.int64]
    owner: NDArray[np.int64]
    lead: NDArray[np.int64]
    returning: NDArray[np.bool_]

    def part(self, start: int, stop: int) -> Demand:
        """Deals ``start`` to ``stop``."""
        return Demand(*(column[start:stop] for column in self.__dict__.values()))


def _companies(
    random: np.random.Generator,
    them: Customers,
    created: Moments,
    pipeline: NDArray[np.int64],
) -> NDArray[np.int64]:
    """A customer of that time: a new one, a regular one, or one who comes back ever less often."""
    count = len(created)
    known = them.known(created)
    renewal = pipeline == RENEWAL
    age = random.exponential(300.0, count) + 300.0 * renewal
    wanted = (created - age * DAY).astype(np.int64)
    index = np.searchsorted(them.created, wanted) - 1 + random.integers(-3, 4, count)
    anyone = (random.random(count) * known).astype(np.int64)
    index = np.where(index < 0, anyone, index)
    fresh = ~renewal & (random.random(count) < 0.25)
    index = np.where(fresh, known - 1 - random.integers(0, 6, count), index)
    regular = random.random(count) < 0.06
    few = (np.minimum(known, 120) * random.random(count) ** 2).astype(np.int64)
    index = np.where(regular, few, index)
    return np.clip(index, 0, known - 1)


def demand(
    random: np.random.Generator,
    size: story.Size,
    people: Staff,
    them: Customers,
    those: Leads,
    clock: Clock,
) -> Demand:
    """Draw the deals: one per converted lead, the others from customers directly."""
    lead = those.converted[: size.deals]
    direct = size.deals - len(lead)
    days, weights = story.demand(clock)
    when = days[draw(random, weights * is_working(days), direct)] * DAY + OPENS
    when = when + (random.random(direct) * OFFICE_DAY).astype(np.int64)
    from_lead = those.times[lead, 3].astype(np.int64)
    created = np.concatenate([when, from_lead])

    channel = draw(random, [c.direct for c in CHANNELS], direct)
    campaign = campaigns(random, channel)
    channel[random.random(direct) < 0.03] = -1
    campaign = np.where(channel < 0, -1, campaign)
    pipeline = np.concatenate(
        [
            draw(random, [p.share for p in PIPELINES], direct),
            np.where(random.random(len(lead)) < 0.07, KEY_ACCOUNT, 0),
        ]
    )
    company = np.concatenate(
        [_companies(random, them, when, pipeline[:direct]), those.company[lead]]
    )
    key = people.of(story.KEY_ACCOUNT_TEAM)
    sellers = np.concatenate([people.of(team) for team in story.SALES_TEAMS])
    own = them.owner[company]
    own[direct:] = those.owner[lead]
    other = random.random(size.deals) < 0.12
    owner = np.where(other, random.choice(sellers, size.deals), own)
    owner = np.where(pipeline == KEY_ACCOUNT, key[company % len(key)], owner)

    order = np.argsort(created, kind="stable")
    created, company = created[order], company[order]
    _, first = np.unique(company, return_index=True)
    returning = np.ones(size.deals, dtype=bool)
    returning[first] = False
    none = np.full(direct, -1)
    return Demand(
        created,
        pipeline[order],
        np.concatenate([channel, those.channel[lead]])[order],
        np.concatenate([campaign, those.campaign[lead]])[order],
        company,
        people.present(owner[order], created),
        np.concatenate([none, lead])[order],
        returning,
    )


@dataclass(frozen=True)
class Course:
    """What happened to some deals.

    ``stage`` indexes `history.deal_stages`; ``depth`` is the place of the stage in its pipeline;
    ``moved`` the wall time of the last entry; ``won``/``lost`` what has happened before the end.
    """

    happened: Events
    stage: NDArray[np.int64]
    depth: NDArray[np.int64]
    moved: Moments
    won: NDArray[np.bool_]
    lost: NDArray[np.bool_]


def _won(
    random: np.random.Generator, these: Demand, people: Staff, clock: Clock
) -> NDArray[np.bool_]:
    """Which deals end well."""
    count = len(these.created)
    base = np.array([p.won for p in PIPELINES])[these.pipeline]
    effect = np.array([c.logit for c in CHANNELS] + [0.0])[these.channel]  # -1 takes the last
    fallen = story.failing(these.created, clock) * (these.channel == FAILING_CHANNEL)
    strong = people.team[these.owner - 1] == story.STRONG_TEAM
    logit = (
        np.log(base / (1 - base))
        + effect
        + story.FAILING_LOGIT * fallen
        + story.STRONG_LOGIT * strong
        - 0.18 * ~strong
        + people.skill[these.owner - 1]
        + 0.15 * these.returning
        + random.normal(0.0, 0.25, count)
    )
    return random.random(count) < 1 / (1 + np.exp(-logit))


def _cycle(
    random: np.random.Generator,
    these: Demand,
    won: NDArray[np.bool_],
    people: Staff,
    clock: Clock,
) -> NDArray[np.float64]:
    """Working days from creation to the end."""
    median = np.array([p.cycle for p in PIPELINES])[these.pipeline] * np.where(won, 1.0, 0.85)
    days = median * random.lognormal(0.0, np.where(won, 0.5, 0.75))
    days = days * np.where(people.team[these.owner - 1] == story.STRONG_TEAM, story.STRONG_CYCLE, 1)
    slow = story.slowing(these.created, clock) * (these.pipeline == story.SLOWING_PIPELINE)
    return np.maximum(days * (1 + story.SLOWING_CYCLE * slow) * WORKING, 0.15)


def course(random: np.random.Generator, these: Demand, people: Staff, clock: Clock) -> Course:
    """Let the deals go through their pipelines until the end of the period."""
    count = len(these.created)
    labels, first = deal_stages()
    offset = np.array(first)[these.pipeline]
    length = np.array([len(p.stages) for p in PIPELINES])[these.pipeline]
    share = np.zeros((len(PIPELINES), LONGEST))
    losses = np.zeros((len(PIPELINES), LONGEST))
    for n, p in enumerate(PIPELINES):
        share[n, : len(p.stages)] = [s[2] for s in p.stages]
        losses[n, : len(p.stages)] = [s[3] for s in p.stages]

    won = _won(random, these, people, clock)
    cycle = _cycle(random, these, won, people, clock)
    cumulated = np.cumsum(losses, axis=1)
    cumulated /= cumulated[:, -1:]
    reached = (random.random((count, 1)) > cumulated[these.pipeline]).sum(axis=1)
    deepest = np.where(won, length - 1, np.minimum(reached, length - 1))

    place = np.arange(LONGEST)
    visited = place <= deepest[:, None]
    passed = random.random((count, LONGEST)) < np.where(place == 0, SKIPPED / 2, SKIPPED)
    visited &= ~passed | (place == deepest[:, None])
    weight = random.gamma(1.5, 1.0, (count, LONGEST)) * share[these.pipeline] * visited
    stay = weight / weight.sum(axis=1, keepdims=True) * cycle[:, None]
    begun = positions(these.created)
    entered = begun[:, None] + np.cumsum(stay, axis=1) - stay
    ended = begun + cycle

    recent = these.created > clock.ago(DORMANT_DAYS)
    dormant = recent & (random.random(count) < DORMANT)
    asleep = begun + cycle * random.uniform(0.1, 0.9, count)
    entered = np.where(dormant[:, None] & (entered > asleep[:, None]), np.inf, entered)
    ended = np.where(dormant, np.inf, ended)

    # Columns: the stages, one step back and again, the end.
    times = np.full((count, LONGEST + 3), np.inf)
    codes = np.zeros((count, LONGEST + 3), dtype=np.int64)
    times[:, :LONGEST] = np.where(visited, entered, np.inf)
    codes[:, :LONGEST] = offset[:, None] + place
    last = times[np.arange(count), deepest]
    earlier = np.where(visited & (place < deepest[:, None]), place, -1).max(axis=1)
    returns = (random.random(count) < BACK) & (earlier >= 0) & np.isfinite(ended)
    rest = ended[returns] - last[returns]
    times[returns, LONGEST] = last[returns] + rest / 3
    times[returns, LONGEST + 1] = last[returns] + rest * 2 / 3
    codes[:, LONGEST] = offset + np.maximum(earlier, 0)
    codes[:, LONGEST + 1] = offset + deepest
    times[:, -1] = ended
    ways = np.array([len(p.lost_stages) for p in PIPELINES])[these.pipeline]
    way = (random.random(count) ** 3 * ways).astype(np.int64)
    codes[:, -1] = offset + length + np.where(won, 0, 1 + way)

    finite = np.isfinite(times)
    walls = np.full_like(times, np.inf)
    walls[finite] = moments(times[finite])
    happened = events(walls, codes, labels, clock.end)
    so_far = np.where(walls < clock.end, walls, -1.0)
    column = so_far.shape[1] - 1 - np.argmax(so_far[:, ::-1], axis=1)  # of equal times the later
    stage = codes[np.arange(count), column]
    semantics = np.array([label.semantics for label in labels])[stage]
    return Course(
        happened,
        stage,
        stage - offset,
        so_far.max(axis=1).astype(np.int64),
        semantics == "S",
        semantics == "F",
    )
