"""What `hand_company` knows besides its deals: their ways, answers, plan, calls, accounting.

Written down as the warehouse would have them, each figure small enough to check by eye. Deal 2
skipped NEW, deal 1 was in OFFER three times.
"""

from collections.abc import Callable
from datetime import date
from typing import Any

Row = tuple[Any, ...]

SKIPPED = {(2, "NEW")}
ENTRIES = {(1, "OFFER"): 3}
# pipeline, stage, days from, closed, won, chance
CHANCES = [
    (1, "NEW", 0, 4, 3, 0.75),
    (1, "OFFER", 0, 4, 3, 0.75),
    (1, "OFFER", 30, 2, 1, 0.5),
    (2, "C2:NEW", 0, 2, 1, 0.5),
]
# pipeline, stage, what four of five won deals stayed within, their median, how many
LIMITS = [(1, "NEW", 13.0, 10.0, 3), (1, "OFFER", 57.0, 30.0, 3), (2, "C2:NEW", 60.0, 60.0, 1)]
# lead, answered on, hours on the clock, working hours, in time
RESPONSES = [
    (1, "2026-01-03", 3.0, 2.0, True),
    (2, "2026-01-10", 30.0, 9.0, False),
    (3, None, None, None, False),
    (4, "2026-02-05", 1.0, 1.0, True),
    (5, None, None, None, False),
]
# month, pipeline, manager, amount, due by the day of the data (11 of June's 22 working days)
TARGETS = [
    ("2026-01-01", 1, None, "2000", "2000"),
    ("2026-02-01", 1, None, "2000", "2000"),
    ("2026-03-01", 1, None, "2000", "2000"),
    ("2026-06-01", 1, 3, "3000", "1500"),
]
# id, kind, manager, created, done
ACTIVITIES = [
    (1, "call", 1, "2026-01-10", True),
    (2, "meeting", 3, "2026-02-01", False),
    (3, "e-mail", 3, "2026-04-05", True),
]
# id, direction, manager, started, seconds, answered
CALLS = [
    (1, "out", 1, "2026-01-11", 1800, True),
    (2, "in", 3, "2026-02-03", 0, False),
]
# number, kind, day, customer, amount with its sign
DOCUMENTS = [
    ("F1", "invoice", "2026-01-31", "Acme", "1000"),
    ("A1", "credit", "2026-02-15", "Acme", "-100"),
    ("P1", "payment", "2026-02-20", "Acme", "900"),
]
# invoice: due, ended
DUE = {1: ("2026-02-05", "2026-02-10"), 2: ("2026-03-22", None), 3: (None, "2026-04-15")}

TABLES = {
    "deal_stages": "deal_id BIGINT, pipeline_id INTEGER, pipeline VARCHAR, stage_id VARCHAR,"
    " stage VARCHAR, sort INTEGER, semantics VARCHAR, reached_on DATE, has_next BOOLEAN,"
    " next_on DATE, entries BIGINT, is_skipped BOOLEAN, days DOUBLE, left_on DATE,"
    " created_on DATE, is_first BOOLEAN",
    "deal_routes": "deal_id BIGINT, pipeline_id INTEGER, route VARCHAR, has_loops BOOLEAN,"
    " whole_route VARCHAR, is_first BOOLEAN",
    "stage_chances": "pipeline_id INTEGER, stage_id VARCHAR, days_from INTEGER, closed BIGINT,"
    " won BIGINT, chance DOUBLE",
    "stage_limits": "pipeline_id INTEGER, stage_id VARCHAR, limit_days DOUBLE, median_days DOUBLE,"
    " won_deals BIGINT",
    "lead_responses": "lead_id BIGINT, answered_on DATE, clock_hours DOUBLE,"
    " working_hours DOUBLE, is_in_time BOOLEAN",
    "targets": "month DATE, pipeline_id INTEGER, pipeline VARCHAR, manager_id BIGINT,"
    " manager VARCHAR, department_id BIGINT, department VARCHAR, amount_base DECIMAL(18,2),"
    " due_base DECIMAL(18,2)",
    "activities": "activity_id BIGINT, owner_type_id BIGINT, owner_id BIGINT, kind VARCHAR,"
    " direction BIGINT, created_on DATE, responsible_id BIGINT, manager VARCHAR,"
    " department_id BIGINT, department VARCHAR, completed BOOLEAN",
    "calls": "call_id BIGINT, direction VARCHAR, user_id BIGINT, manager VARCHAR,"
    " department_id BIGINT, department VARCHAR, started_on DATE, seconds BIGINT,"
    " is_answered BOOLEAN, owner_type_id BIGINT, owner_id BIGINT",
    "accounting_documents": "document_number VARCHAR, kind VARCHAR, booked_on DATE,"
    " customer VARCHAR, company_id BIGINT, signed_base DECIMAL(18,2), due_on DATE,"
    " settled_on DATE",
}


def stage_rows(
    stages: dict[str, Row],
    stays: list[Row],
    reached: list[Row],
    created: dict[int, str],
    day: Callable[[str | None], Any],
) -> list[Row]:
    """One row per stage that a deal reached, from its stays and its reach."""
    when = {(deal, stage): on for deal, _pipeline, stage, _sort, on in reached}
    rows: list[Row] = []
    for deal, pipeline, stage, sort, on in reached:
        later = [
            s for s, (p, _n, _t, n, kind) in stages.items()
            if p == pipeline and kind != "F" and n > sort
        ]  # fmt: skip
        mine = [stay for stay in stays if stay[:2] == (deal, stage)]
        skipped = (deal, stage) in SKIPPED or not mine
        gone = not skipped and all(stay[3] for stay in mine)
        days = sum((day(left) - day(entered)).days for _d, _s, entered, left in mine if left)
        rows.append(
            (deal, pipeline, stages[stage][1], stage, stages[stage][2], sort, stages[stage][4])
            + (on, bool(later), when.get((deal, later[0])) if later else None)
            + (0 if skipped else ENTRIES.get((deal, stage), 1), skipped)
            + (None if skipped else float(days), day(mine[-1][3]) if gone else None)
            + (day(created[deal]), deal not in [row[0] for row in rows])
        )
    return rows


def route_rows(stages: dict[str, Row], stays: list[Row]) -> list[Row]:
    """One row per deal: none was in two pipelines or twice in a stage."""
    rows = []
    for deal in sorted({stay[0] for stay in stays}):
        mine = [stages[stay[1]] for stay in stays if stay[0] == deal]
        route = " → ".join(stage[2] for stage in mine)
        rows.append((deal, mine[0][0], route, False, route, True))
    return rows


def way_rows(
    managers: dict[int, Row],
    stages: dict[str, Row],
    stays: list[Row],
    reached: list[Row],
    created: dict[int, str],
) -> dict[str, list[Row]]:
    """The rows of `TABLES`."""

    def day(text: str | None) -> date | None:
        return date.fromisoformat(text) if text else None

    names = {key: (name, *rest) for key, (name, *rest) in managers.items()}
    return {
        "deal_stages": stage_rows(stages, stays, reached, created, day),
        "deal_routes": route_rows(stages, stays),
        "stage_chances": list(CHANCES),
        "stage_limits": list(LIMITS),
        "lead_responses": [(lead, day(on), *rest) for lead, on, *rest in RESPONSES],
        "targets": [
            (day(month), pipeline, "Direct", who, *names.get(who, (None,) * 3), amount, due)
            for month, pipeline, who, amount, due in TARGETS
        ],
        "activities": [
            (key, 2, 1, kind, 2, day(on), who, *names[who], done)
            for key, kind, who, on, done in ACTIVITIES
        ],
        "calls": [
            (key, way, who, *names[who], day(on), seconds, answered, 2, 1)
            for key, way, who, on, seconds, answered in CALLS
        ],
        "accounting_documents": [
            (number, kind, day(on), customer, 10, amount, None, None)
            for number, kind, on, customer, amount in DOCUMENTS
        ],
    }


# The first quarter of 2026. Its cohort, deals 1 to 6, reached 12 stages, 9 of them with one after
# it, and 6 times that one. Stays ended: NEW 5 (deal 1), 24 (3), 15 (9); OFFER 15 (1), 30 (2), 75
# (9). Due: deals 1, 2, 3, 4 (closed two days late) and 9. On 31 March, invoice 2 is 9 days late,
# 3 has no due day. Acme bought in January, February and March; at the day of the data, five months
# since its first purchase are over.
FIRST_QUARTER = {
    "stage_reach": 6,
    "stage_entries": 7,
    "stage_to_pass": 9,
    "stage_passed": 6,
    "step_conversion": 6 / 9,
    "funnel_deals": 6,
    "cumulative_conversion": 1,
    "stage_skips": 1,
    "skip_rate": 1 / 6,
    "stage_reentries": 2,
    "reworked_deals": 1,
    "rework_rate": 1 / 6,
    "time_in_stage_mean": 164 / 6,
    "time_in_stage_median": 19.5,
    "time_in_stage_p80": 30,
    "overdue_deals": 0,
    "deals_due": 5,
    "due_amount": 0,
    "deals_slipped": 1,
    "slippage": 0.2,
    "weighted_pipeline": float("nan"),  # only today’s can be weighted
    "plan_amount": 6000,
    "plan_due": 6000,
    "plan_attainment": 5000.10 / 6000,
    "plan_pace": 5000.10 / 6000,
    "plan_gap": 999.90,
    "run_rate": 5000.10,
    "pipeline_coverage": 0,
    "repeat_customers": 1,
    "repeat_rate": 1,
    "regular_customers": 1,
    "lapsed_customers": 0,
    "churn_rate": 0,
    "cohort_customers": 1,
    "customers_active": 1,
    "retention_rate": 1,
    "cohort_revenue": 5000.10,
    "cohort_first_revenue": 5000,
    "revenue_retention": 5000.10 / 5000,
    "customer_value": 5000.10,
    "leads_answered": 3,
    "leads_answered_in_time": 2,
    "leads_unanswered": 1,
    "answered_in_time_rate": 0.5,
    "never_answered_rate": 0.25,
    "response_hours_median": 2,
    "response_hours_p90": 7.6,
    "response_clock_hours_p90": 24.6,
    "receivables": 4000.10,
    "receivables_not_due": 1000.10,
    "receivables_overdue": 3000,
    "receivables_1_30": 3000,
    "receivables_31_60": 0,
    "receivables_61_90": 0,
    "receivables_over_90": 0,
    "overdue_share": 3000 / 4000.10,
    "dso": 4000.10 / 4000 * 90,
    "invoices_paid": 1,
    "invoices_paid_late": 1,
    "late_payment_rate": 1,
    "days_to_pay_mean": 15,
    "booked_revenue": 900,
    "activities": 2,
    "activities_done": 1,
    "calls": 2,
    "calls_answered": 1,
    "call_answer_rate": 0.5,
    "call_hours": 0.5,
}
