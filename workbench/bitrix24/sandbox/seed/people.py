"""Users in their departments, companies and their contacts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workbench.bitrix24.sandbox.memory.columns import Columns, Row
from workbench.bitrix24.sandbox.seed import names, story
from workbench.bitrix24.sandbox.seed.clock import DAY, Clock, Moments, moments, positions, unix
from workbench.bitrix24.sandbox.seed.columns import draw, pick, yes
from workbench.bitrix24.sandbox.seed.directories import EMPLOYEES, INDUSTRIES

LEFT_AGO = (150, 420)  # days since the two people who have left the firm did so
SWISS_SHARE = 0.08
OLD_SHARE = 0.36  # companies that were customers before the period
MY_COMPANY = 1  # identifier of Atelier Lumen itself among the companies


def word(text: str) -> str:
    """Letters of an address: no accent, no space."""
    return text.translate(names.ACCENTS).lower()


@dataclass(frozen=True)
class Staff:
    """Who works where. ``team[u]`` is the department (0-based) of user ``u + 1``."""

    team: NDArray[np.int64]
    skill: NDArray[np.float64]
    left: NDArray[np.float64]  # moment of leaving, infinity for those who stay

    def of(self, team: int) -> NDArray[np.int64]:
        """User identifiers of a department, its head first."""
        return np.flatnonzero(self.team == team) + 1

    @property
    def heads(self) -> list[int]:
        """User identifiers of the heads, one per department."""
        return [int(self.of(team)[0]) for team in range(len(story.DEPARTMENTS))]

    def present(self, users: NDArray[np.int64], at: Moments) -> NDArray[np.int64]:
        """Replace those who had left at that moment by the head of their department."""
        gone = self.left[users - 1] <= at
        heads = np.array(self.heads)[self.team[users - 1]]
        return np.where(gone, heads, users)


def staff(random: np.random.Generator, size: story.Size, clock: Clock) -> Staff:
    """Draw the users; in the big teams two people have left during the period."""
    team = np.repeat(np.arange(len(size.users)), size.users)
    skill = random.normal(0.0, 0.2, len(team))
    left = np.full(len(team), np.inf)
    for ago, department in zip(LEFT_AGO, (1, 3), strict=True):
        members = np.flatnonzero(team == department)
        if len(members) > 4:
            left[members[-1]] = clock.ago(ago)
    return Staff(team, skill, left)


def users(random: np.random.Generator, people: Staff, clock: Clock) -> Columns:
    """Rows of user.get; user 1 is the administrator whose webhook the sandbox prints."""
    count = len(people.team)
    female = random.random(count) < 0.5
    first = [
        (names.WOMEN if f else names.MEN)[i % 28]
        for i, f in enumerate(female.tolist())
    ]  # fmt: skip
    last = [names.FAMILIES[i] for i in random.permutation(len(names.FAMILIES))[:count]]
    first[0], last[0], female[0] = "Claire", "Lumen", True
    hired = unix(
        (clock.start - random.integers(60, 2500, count) * DAY) // DAY * DAY + 9 * 3600,
        clock.timezone,
    )
    gone = np.isfinite(people.left)
    login = np.where(gone, np.where(gone, people.left, 0), clock.end - 14 * 3600).astype(np.int64)
    heads = set(people.heads)
    position = [
        "Présidente" if n == 1
        else "Directeur commercial" if n in heads and story.DEPARTMENTS[t].startswith("Ventes")
        else "Responsable d’équipe" if n in heads
        else "Chargé de marketing" if t == len(story.DEPARTMENTS) - 1
        else "Assistante de direction" if t == 0
        else "Commercial"
        for n, t in enumerate(people.team.tolist(), 1)
    ]  # fmt: skip
    return Columns(
        {
            "ID": list(range(1, count + 1)),
            "ACTIVE": yes(~gone),
            "NAME": first,
            "LAST_NAME": last,
            "EMAIL": [
                f"{word(f)}.{word(n)}@atelier-lumen.example"
                for f, n in zip(first, last, strict=True)
            ],
            "LAST_LOGIN": unix(login, clock.timezone).tolist(),
            "DATE_REGISTER": hired.tolist(),
            "TIME_ZONE": "",
            "PERSONAL_GENDER": pick(("M", "F"), female.astype(np.int64)),
            "WORK_POSITION": position,
            "UF_DEPARTMENT": [[t + 1] for t in people.team.tolist()],
            "USER_TYPE": "employee",
            "IS_ADMIN": yes(np.arange(count) == 0),
        },
        count,
    )


@dataclass(frozen=True)
class Customers:
    """Companies in order of creation; index ``i`` is company ``i + 2`` (1 is Atelier Lumen).

    ``created`` are wall times, ``owner`` user identifiers, ``first_contact`` the identifier of
    the company's first contact.
    """

    created: Moments
    owner: NDArray[np.int64]
    swiss: NDArray[np.bool_]
    contacts: NDArray[np.int64]
    first_contact: NDArray[np.int64]

    def known(self, at: Moments) -> NDArray[np.int64]:
        """How many companies existed at each moment (at least one)."""
        return np.maximum(np.searchsorted(self.created, at, side="right"), 1)

    def identifier(self, index: NDArray[np.int64]) -> NDArray[np.int64]:
        """Company identifiers."""
        return index + MY_COMPANY + 1


def customers(
    random: np.random.Generator, size: story.Size, people: Staff, clock: Clock
) -> Customers:
    """Draw the companies: a stock from before the period, then growth with the seasons."""
    old = max(1, round(size.companies * OLD_SHARE))
    start = float(positions(np.array([clock.start]))[0])
    before = start - random.random(old) ** 1.5 * 4 * 260
    days, weights = story.demand(clock)
    when = days[draw(random, weights, size.companies - old)] * DAY + DAY // 2
    later = np.floor(positions(when)) + random.random(len(when))
    later = np.where(later < clock.end_position, later, later - 1)
    created = np.sort(moments(np.concatenate([before, later])))
    created[0] = min(created[0], clock.start - 900 * DAY)  # every deal finds a customer
    sellers = np.concatenate([people.of(team) for team in story.SALES_TEAMS])
    contacts = 1 + draw(random, (0.68, 0.24, 0.08), size.companies)
    return Customers(
        created,
        random.choice(sellers, size.companies),
        random.random(size.companies) < SWISS_SHARE,
        contacts,
        1 + np.concatenate([[0], np.cumsum(contacts)[:-1]]),
    )


def phone(random: np.random.Generator, count: int) -> list[str]:
    """French numbers of the range that the regulator keeps for fiction (01 99 00 …)."""
    return [f"+3319900{n:04}" for n in random.integers(0, 10_000, count).tolist()]


def multiple(values: list[str]) -> list[list[Row] | None]:
    """Telephones or addresses as multiple fields, one WORK value each; None where there is none."""
    return [[{"VALUE": value, "VALUE_TYPE": "WORK"}] if value else None for value in values]


def own_company(them: Customers, clock: Clock) -> list[Row]:
    """The row of Atelier Lumen itself."""
    founded = int(unix(them.created[:1], clock.timezone)[0]) - 300 * DAY
    return [
        {
            "ID": MY_COMPANY, "TITLE": "Atelier Lumen", "IS_MY_COMPANY": "Y", "ASSIGNED_BY_ID": 1,
            "CREATED_BY_ID": 1, "MODIFY_BY_ID": 1, "DATE_CREATE": founded, "DATE_MODIFY": founded,
            "OPENED": "Y", "HAS_PHONE": "N", "HAS_EMAIL": "N", "CURRENCY_ID": "EUR",
            "ADDRESS_CITY": "Lyon", "ADDRESS_COUNTRY": "France",
        }
    ]  # fmt: skip


def company_rows(random: np.random.Generator, them: Customers, clock: Clock) -> Columns:
    """Rows of the customers; a few titles are empty, odd or hostile."""
    count = len(them.created)
    families = pick(names.FAMILIES, random.integers(0, len(names.FAMILIES), count))
    forms = pick(names.FORMS, random.integers(0, len(names.FORMS), count))
    french = pick(names.FRENCH_CITIES, draw(random, 1 / np.arange(1, 31) ** 0.7, count))
    swiss = pick(names.SWISS_CITIES, random.integers(0, 6, count))
    city = [s if is_swiss else f for f, s, is_swiss in zip(french, swiss, them.swiss, strict=True)]
    title = [f"{form.format(n)} {c}" for form, n, c in zip(forms, families, city, strict=True)]
    for place, odd in zip(random.integers(0, count, 4), (
        "  Espace  Double  ", "Société “Ⓛumière” 💡", "مكتب الضوء", "R&D <b>Bureaux</b>",
    ), strict=True):  # fmt: skip
        title[int(place)] = odd
    created = unix(them.created, clock.timezone)
    industry = [code for code, _ in INDUSTRIES]
    staffing = [code for code, _ in EMPLOYEES]
    headcount = draw(random, (0.5, 0.32, 0.12, 0.06), count)
    no_industry = random.random(count) < 0.04
    return Columns(
        {
            "ID": them.identifier(np.arange(count)).tolist(),
            "COMPANY_TYPE": "CUSTOMER",
            "TITLE": title,
            "HAS_PHONE": "Y",
            "HAS_EMAIL": "N",
            "ASSIGNED_BY_ID": them.owner.tolist(),
            "CREATED_BY_ID": them.owner.tolist(),
            "MODIFY_BY_ID": them.owner.tolist(),
            "DATE_CREATE": created.tolist(),
            "DATE_MODIFY": created.tolist(),
            "OPENED": "Y",
            "INDUSTRY": [
                "" if missing else code
                for code, missing in zip(
                    pick(industry, draw(random, np.linspace(2, 1, len(industry)), count)),
                    no_industry.tolist(),
                    strict=True,
                )
            ],
            "REVENUE": np.round(random.lognormal(15.2, 1.1, count), -3).tolist(),
            "CURRENCY_ID": pick(("EUR", "CHF"), them.swiss.astype(np.int64)),
            "EMPLOYEES": pick(staffing, headcount),
            "IS_MY_COMPANY": "N",
            "ADDRESS_CITY": city,
            "ADDRESS_COUNTRY": pick(("France", "Suisse"), them.swiss.astype(np.int64)),
            "ADDRESS_COUNTRY_CODE": pick(("FR", "CH"), them.swiss.astype(np.int64)),
            "LAST_ACTIVITY_BY": them.owner.tolist(),
            "LAST_ACTIVITY_TIME": created.tolist(),
            "PHONE": multiple(phone(random, count)),
        },
        count,
    )


def contact_rows(random: np.random.Generator, them: Customers, clock: Clock) -> Columns:
    """One to three contacts per company; some lack a name, a telephone or an address."""
    company = np.repeat(np.arange(len(them.created)), them.contacts)
    count = len(company)
    female = random.random(count) < 0.5
    number = random.integers(0, 28, count)
    first = [
        (names.WOMEN if f else names.MEN)[n]
        for f, n in zip(female.tolist(), number.tolist(), strict=True)
    ]
    last = pick(names.FAMILIES, random.integers(0, len(names.FAMILIES), count))
    for place in np.flatnonzero(random.random(count) < 0.01).tolist():
        last[place] = ""
    created = unix(them.created[company] + 60, clock.timezone)
    owner = them.owner[company].tolist()
    no_mail = random.random(count) < 0.12
    mails = [
        "" if missing else f"{word(f)}.{word(n) or 'contact'}@client{c + 2}.example"
        for f, n, c, missing in zip(first, last, company.tolist(), no_mail.tolist(), strict=True)
    ]
    phones = phone(random, count)
    for place in np.flatnonzero(random.random(count) < 0.08).tolist():
        phones[place] = ""
    return Columns(
        {
            "ID": list(range(1, count + 1)),
            "HONORIFIC": pick(("HNR_FR_2", "HNR_FR_1"), female.astype(np.int64)),
            "NAME": first,
            "LAST_NAME": last,
            "POST": pick(names.POSTS, random.integers(0, len(names.POSTS), count)),
            "TYPE_ID": "CLIENT",
            "COMPANY_ID": them.identifier(company).tolist(),
            "EXPORT": "Y",
            "HAS_PHONE": ["Y" if p else "N" for p in phones],
            "HAS_EMAIL": ["Y" if m else "N" for m in mails],
            "ASSIGNED_BY_ID": owner,
            "CREATED_BY_ID": owner,
            "MODIFY_BY_ID": owner,
            "DATE_CREATE": created.tolist(),
            "DATE_MODIFY": created.tolist(),
            "OPENED": "Y",
            "LAST_ACTIVITY_BY": owner,
            "LAST_ACTIVITY_TIME": created.tolist(),
            "PHONE": multiple(phones),
            "EMAIL": multiple(mails),
        },
        count,
    )
