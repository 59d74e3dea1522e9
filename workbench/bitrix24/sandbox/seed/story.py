"""Parameters of the story that the seeded company tells."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from workbench.bitrix24.sandbox.seed.clock import DAY, Clock, day_of
from workbench.errors import UsageError
from workbench.i18n import _

TIMEZONE = "Europe/Paris"
BASE_CURRENCY = "EUR"
CHF_RATE = 1.06  # EUR per CHF


@dataclass(frozen=True)
class Size:
    """How many of each; users per department in the order of `DEPARTMENTS`."""

    deals: int
    leads: int
    companies: int
    users: tuple[int, ...]

    def with_deals(self, deals: int) -> Size:
        """Scale leads and companies with the number of deals; raises UsageError below 1."""
        if deals < 1:
            raise UsageError(_("A company needs at least one deal."))
        share = deals / self.deals
        return Size(
            deals,
            max(1, round(self.leads * share)),
            max(1, round(self.companies * share)),
            self.users,
        )


SIZES = {
    "demo": Size(20_000, 8_000, 5_000, (3, 10, 8, 8, 6, 5)),
    "small": Size(600, 250, 150, (1, 2, 2, 2, 2, 1)),
}

DEPARTMENTS = (
    "Atelier Lumen",
    "Ventes Paris",
    "Ventes Lyon",
    "Ventes Nantes",
    "Grands comptes",
    "Marketing et relation client",
)
SALES_TEAMS = (1, 2, 3)
KEY_ACCOUNT_TEAM = 4
STRONG_TEAM = 2

# Orders follow budgets: spring, June, and above all the autumn. (The company is closed for two
# weeks in August and after Christmas; that comes on top.)
SEASON = (0.92, 0.98, 1.14, 1.04, 0.9, 1.16, 0.86, 0.7, 1.22, 1.2, 1.14, 0.96)
GROWTH = 1.22  # deals and leads of one year against the year before

FAILING_DAYS = 274  # nine months
FAILING_RAMP_DAYS = 120  # the fall takes four months, then stays
FAILING_CONVERSION = 0.3  # what is left of the lead conversion
FAILING_COST = 1.1  # spend grows by this share while leads do not
FAILING_LOGIT = -1.4  # and deals of that channel are won less often

SLOWING_DAYS = 365
SLOWING_CYCLE = 0.9  # cycle of the slowing pipeline at the end: 1 + this

STRONG_LOGIT = 0.65
STRONG_CYCLE = 0.82


@dataclass(frozen=True)
class Channel:
    """Where leads come from.

    ``leads`` and ``direct`` are weights among all leads and among deals without a lead,
    ``conversion`` the share of leads that become a deal, ``cost`` EUR per lead (0 = unpaid),
    ``logit`` the effect on winning a deal.
    """

    source_id: str
    name: str
    leads: float
    direct: float
    conversion: float
    cost: float = 0.0
    clicks_per_lead: float = 0.0
    logit: float = 0.0
    online: bool = False
    utm_source: str = ""
    utm_medium: str = ""
    campaigns: tuple[str, ...] = ()


CHANNELS = (
    Channel("ADVERTISING", "Google Ads", .25, .06, .26, 504.0, 28.0, -.1, True, "google", "cpc",
            ("bureaux-idf", "eclairage-led", "mobilier-acoustique")),
    Channel("UC_LINKEDIN", "LinkedIn Ads", .19, .05, .24, 672.0, 17.0, -.05, True, "linkedin",
            "paid_social", ("directeurs-immobilier", "office-managers")),
    Channel("TRADE_SHOW", "Salons professionnels", .08, .06, .3, 1410.0, 0.0, .1),
    Channel("EMAIL", "Newsletter", .1, .04, .17, 186.0, 9.0, -.1, True, "newsletter", "email",
            ("lettre-mensuelle", "nouveautes-printemps")),
    Channel("WEB", "Site web", .19, .19, .22, logit=0.0, online=True, utm_source="site",
            utm_medium="organic", campaigns=("",)),
    Channel("CALL", "Appel entrant", .09, .21, .34, logit=.1),
    Channel("RECOMMENDATION", "Recommandation", .06, .22, .46, logit=.35),
    Channel("PARTNER", "Architectes partenaires", .04, .17, .36, logit=.25),
)  # fmt: skip
FAILING_CHANNEL = 1
SWISS_FAIR_MONTH = 5  # the Geneva fair is paid in CHF


@dataclass(frozen=True)
class Pipeline:
    """A deal pipeline.

    ``stages``: (code, name, share of the cycle, share of the lost deals that end there); then
    the final codes. ``cycle`` is the median of won deals in calendar days, ``amount`` the median
    in EUR.
    """

    category_id: int
    name: str
    share: float
    won: float
    cycle: float
    amount: float
    spread: float
    stages: tuple[tuple[str, str, float, float], ...]
    won_stage: tuple[str, str]
    lost_stages: tuple[tuple[str, str], ...]


PIPELINES = (
    Pipeline(0, "Ventes", .72, .33, 31.0, 4900.0, .8, (
        ("NEW", "Nouveau besoin", .12, .26),
        ("PREPARATION", "Qualification", .22, .28),
        ("PREPAYMENT_INVOICE", "Devis envoyé", .3, .26),
        ("EXECUTING", "Négociation", .24, .14),
        ("FINAL_INVOICE", "Commande à signer", .12, .06),
    ), ("WON", "Gagnée"), (("LOSE", "Perdue"), ("APOLOGY", "Sans suite"))),
    Pipeline(1, "Grands comptes", .1, .27, 72.0, 26000.0, .55, (
        ("NEW", "Appel d’offres reçu", .1, .22),
        ("UC_AUDIT", "Audit sur site", .16, .18),
        ("PREPARATION", "Étude d’éclairage", .22, .18),
        ("EXECUTING", "Maquette et showroom", .18, .17),
        ("UC_COMITE", "Comité d’achat", .22, .17),
        ("FINAL_INVOICE", "Contrat", .12, .08),
    ), ("WON", "Gagnée"), (("LOSE", "Perdue"),)),
    Pipeline(2, "Renouvellements", .18, .66, 22.0, 3900.0, .6, (
        ("NEW", "Échéance à venir", .4, .4),
        ("PREPARATION", "Proposition", .35, .35),
        ("EXECUTING", "Accord", .25, .25),
    ), ("WON", "Renouvelée"), (("LOSE", "Non renouvelée"),)),
)  # fmt: skip
SLOWING_PIPELINE = 1

LEAD_STAGES = (
    ("NEW", "Nouveau", ""),
    ("IN_PROCESS", "En qualification", ""),
    ("UC_RDV", "Rendez-vous fixé", ""),
    ("CONVERTED", "Converti", "S"),
    ("JUNK", "Non exploitable", "F"),
)
INVOICE_CATEGORY = 11
INVOICE_STAGES = (
    ("N", "Nouvelle", ""),
    ("S", "Envoyée", ""),
    ("P", "Payée", "S"),
    ("D", "Irrécouvrable", "F"),
)


def period(today: date) -> Clock:
    """Return the clock of the three years (36 whole months and the current one) up to ``today``.

    Raises UsageError outside the calendar of `clock.working_days`.
    """
    if not 2010 <= today.year <= 2090:
        raise UsageError(
            _("No company can be seeded for {day}.").format(day=today.isoformat()),
            hint=_("Choose a year from 2010 to 2090."),
        )
    return Clock(date(today.year - 3, today.month, 1), today, TIMEZONE)


def demand(clock: Clock) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Days of the period and their weight: season times growth, weekends as any other day."""
    days = np.arange(clock.start // DAY, clock.end // DAY, dtype=np.int64)
    months = np.array([day_of(d).month - 1 for d in days.tolist()])
    years = (days - days[0]) / 365.25 if len(days) else days.astype(np.float64)
    return days, np.array(SEASON)[months] * GROWTH**years


def failing(moments: NDArray[np.int64] | NDArray[np.float64], clock: Clock) -> NDArray[np.float64]:
    """How far the failing channel has fallen at each moment: 0 before, 1 after the ramp."""
    return np.clip((moments - clock.ago(FAILING_DAYS)) / (FAILING_RAMP_DAYS * DAY), 0.0, 1.0)


def slowing(moments: NDArray[np.int64], clock: Clock) -> NDArray[np.float64]:
    """How far the slowing pipeline has slowed: 0 before the last year, 1 at its end."""
    return np.clip((moments - clock.ago(SLOWING_DAYS)) / (SLOWING_DAYS * DAY), 0.0, 1.0)
