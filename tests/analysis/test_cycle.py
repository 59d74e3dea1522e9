"""The time to win against the estimate of statsmodels, and against a truth that is known."""

from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest
from statsmodels.duration.survfunc import SurvfuncRight

from workbench.analysis.cycle import days_to_win, not_yet_won, watched


def drawn(n: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    wins, ends = rng.exponential(30, n).round(1), rng.uniform(0, 60, n).round(1)
    return pd.DataFrame({"days": np.minimum(wins, ends), "won": wins <= ends})


@pytest.mark.parametrize("seed", range(5))
def test_the_curve_is_that_of_statsmodels(seed):
    times = drawn(300, seed)
    ours = not_yet_won(times)
    theirs = SurvfuncRight(times["days"], times["won"].astype(int))
    assert ours["share"].to_numpy() == pytest.approx(theirs.surv_prob)
    assert ours["days"].to_numpy() == pytest.approx(theirs.surv_times)
    assert ours["at_risk"].to_numpy() == pytest.approx(theirs.n_risk)
    assert days_to_win(times) == theirs.quantile(0.5)


def test_open_deals_make_the_time_longer_and_nearer_to_the_truth():
    times = drawn(4000, 9)
    truth = 30 * np.log(2)
    assert days_to_win(times) == pytest.approx(truth, rel=0.06)
    assert times.loc[times["won"], "days"].median() < 0.75 * truth


def test_four_deals_by_hand():
    times = pd.DataFrame({"days": [10, 20, 20, 30], "won": [True, True, False, True]})
    # 3/4 after 10 days; then 3 are watched and one is won: 3/4 × 2/3; then the last.
    assert not_yet_won(times)["share"].tolist() == [0.75, 0.5, 0]
    assert days_to_win(times) == 20 and days_to_win(times, 0.9) == 30
    never = times.assign(won=False)
    assert np.isnan(days_to_win(never)) and not_yet_won(never).empty


def test_a_deal_is_watched_on_the_portals_clock():
    moments = pd.to_datetime(["2026-03-28T12:00:00+01:00", "2026-03-28T12:00:00+01:00"], utc=True)
    created = pd.Series(moments).dt.tz_convert("Europe/Paris")
    closed = pd.Series([pd.Timestamp("2026-03-30T12:00:00+02:00"), pd.NaT])
    deals = pd.DataFrame(
        {
            "created_at": created,
            "closed_at": pd.to_datetime(closed, utc=True).dt.tz_convert("Europe/Paris"),
            "is_won": [True, False],
        }
    )
    times = watched(deals, datetime(2026, 4, 1, 10, tzinfo=UTC))
    assert times["days"].tolist() == [2, 4]  # the night of the change is a day like any other
