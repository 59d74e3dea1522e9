"""Forecasts: against published errors, against truth by hand, and on series that make no sense."""

import time
from datetime import date

import numpy as np
import pandas as pd
import pytest

from workbench.analysis.forecast import METHODS, errors_by_horizon, forecast, seasonal_naive


def months(values, first="2023-01-01") -> pd.DataFrame:
    days = pd.date_range(first, periods=len(values), freq="MS")
    return pd.DataFrame({"period": days, "value": np.asarray(values, dtype=float)})


def company(n: int = 36, seed: int = 3) -> pd.DataFrame:
    """Growth, a season and noise of 8 %."""
    rng = np.random.default_rng(seed)
    t = np.arange(n)
    season = 1 + 0.3 * np.sin(2 * np.pi * t / 12)
    return months(100_000 * 1.015**t * season * rng.lognormal(0, 0.08, n))


@pytest.fixture(scope="module")
def tourism(shared_data) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    rows = pd.read_csv(shared_data / "forecast_benchmarks" / "tourism_monthly.csv.gz")
    rows = rows.sort_values(["series", "t"])
    parts = {
        name: {part: group["value"].to_numpy() for part, group in series.groupby("part")}
        for name, series in rows.groupby("series")
    }
    return {name: (part["train"], part["test"]) for name, part in parts.items()}


def mape(actual: np.ndarray, predicted: np.ndarray) -> float:
    """Mean absolute error in percent of the actual values."""
    return float(np.mean(np.abs(actual - predicted) / np.abs(actual)) * 100)


def test_seasonal_naive_reproduces_the_published_error_on_366_tourism_series(tourism):
    errors = [mape(test, seasonal_naive(train, len(test))[0]) for train, test in tourism.values()]
    assert len(errors) == 366
    assert round(float(np.mean(errors)), 2) == 22.56  # Athanasopoulos et al. 2011


def test_the_model_beats_the_baseline_on_tourism_and_its_interval_holds(tourism):
    sample = list(tourism.values())[::6]
    wape: dict[str, list[float]] = {name: [] for name in METHODS}
    held: dict[str, list[float]] = {name: [] for name in METHODS}
    for train, test in sample:
        seen, ahead = train[-48:], test[:3]
        for name, method in METHODS.items():
            value, low, high = method(seen, 3, 0.8)
            wape[name].append(np.abs(value - ahead).sum() / np.abs(ahead).sum())
            held[name].append(float(np.mean((ahead >= low) & (ahead <= high))))
    assert np.median(wape["ets"]) < np.median(wape["seasonal_naive"])
    assert 0.7 < np.mean(held["ets"]) < 0.9


def test_a_back_test_over_twelve_origins_takes_less_than_four_seconds():
    begun = time.process_time()
    result = forecast(company())
    assert time.process_time() - begun < 4
    assert result.backtest["origin"].nunique() == 12
    assert result.status == "ok"
    assert result.future["period"].dt.strftime("%Y-%m").tolist() == [
        "2026-01",
        "2026-02",
        "2026-03",
    ]
    assert (result.future["low"] < result.future["value"]).all()
    assert (result.future["high"] > result.future["value"]).all()


def test_growth_and_season_are_found_where_the_baseline_lags():
    result = forecast(company())
    assert result.method == "ets"
    assert result.errors["ets"]["wape"] < 0.15 < result.errors["seasonal_naive"]["wape"]
    assert result.errors["seasonal_naive"]["bias"] < -0.1  # a year behind the growth
    t = np.arange(36, 39)
    truth = 100_000 * 1.015**t * (1 + 0.3 * np.sin(2 * np.pi * t / 12))
    assert np.abs(result.future["value"] / truth - 1).max() < 0.15


def test_the_errors_are_those_of_the_back_test_by_hand():
    result = forecast(company())
    tried, errors = result.backtest, result.errors["ets"]
    error = tried["ets"] - tried["actual"]
    assert errors["wape"] == pytest.approx(error.abs().sum() / tried["actual"].sum())
    assert errors["bias"] == pytest.approx(error.sum() / tried["actual"].sum())
    values = company()["value"].to_numpy()
    change = np.abs(values[12:] - values[:-12]).mean()
    assert errors["mase"] == pytest.approx(error.abs().mean() / change)
    inside = (tried["actual"] >= tried["ets_low"]) & (tried["actual"] <= tried["ets_high"])
    assert errors["coverage"] == inside.mean() and errors["n"] == len(tried)


def test_the_errors_by_horizon_are_those_of_the_steps_by_hand():
    # Twice as much every year: the month of a year ago is half of it, the lower the further ahead.
    year = [10.0 + month for month in range(12)]
    series = months([*year, *(2 * v for v in year), *(4 * v for v in year)])
    found = errors_by_horizon(forecast(series, horizon=4)).set_index(["method", "step"])
    naive = found.loc["seasonal_naive"]
    assert naive.index.tolist() == [1, 2, 3, 4]
    assert naive["n"].tolist() == [12, 11, 10, 9]  # the last origins have fewer months ahead
    assert naive["wape"].tolist() == naive["bias"].abs().tolist() == [0.5, 0.5, 0.5, 0.5]
    # The changes over a year are 10..21 and 20..42: 23.25 on average. From 24 months on, the first
    # step meets 40..84 (62 on average), the fourth 52..84 (68): half of it is missing.
    assert naive["mase"].round(4).to_dict()[1] == round(31 / 23.25, 4)
    assert naive["mase"].round(4).to_dict()[4] == round(34 / 23.25, 4)
    again = forecast(series, horizon=4)
    ets = again.backtest[again.backtest["step"] == 3]
    inside = (ets["actual"] >= ets["ets_low"]) & (ets["actual"] <= ets["ets_high"])
    assert found.loc[("ets", 3), "coverage"] == inside.mean()


def test_nothing_tried_has_no_errors_by_horizon():
    found = errors_by_horizon(forecast(months([1.0, 2.0])))
    assert found.empty and list(found)[:2] == ["method", "step"]


def test_an_origin_sees_nothing_of_its_future():
    series = company()
    changed = series.copy()
    changed.loc[35, "value"] *= 50
    first, second = forecast(series).backtest, forecast(changed).backtest
    same = ["origin", "step", "ets", "ets_low", "ets_high", "seasonal_naive"]
    pd.testing.assert_frame_equal(first[same], second[same])


def test_the_baseline_is_the_month_of_a_year_ago():
    series = company()
    tried = forecast(series).backtest
    past = series.set_index("period")["value"]
    expected = [past[day - pd.DateOffset(years=1)] for day in tried["period"]]
    assert tried["seasonal_naive"].tolist() == expected


def test_the_worse_method_is_not_used():
    # Every year the same: nothing can beat last year's month.
    year = [5, 9, 4, 8, 3, 9, 2, 8, 4, 9, 5, 20]
    result = forecast(months(year * 3))
    assert result.errors["seasonal_naive"]["wape"] == 0
    assert result.future["value"].tolist() == [5, 9, 4]


def test_the_month_that_is_not_over_is_left_out():
    series = company(36)
    series.loc[36] = [pd.Timestamp("2026-01-01"), 10.0]
    result = forecast(series, as_of=date(2026, 1, 12))
    assert result.history["period"].max() == pd.Timestamp("2025-12-01")
    assert result.future["period"].iloc[0] == pd.Timestamp("2026-01-01")


def test_months_that_the_query_marked_as_incomplete_are_left_out():
    series = company(36).rename(columns={"value": "won_revenue"})
    series.attrs["marks"] = {"won_revenue": {"2023-01-01": "partial", "2025-12-01": "partial"}}
    result = forecast(series)
    assert len(result.history) == 34
    assert result.future["period"].iloc[0] == pd.Timestamp("2025-12-01")


@pytest.mark.parametrize("n", [0, 1, 2, 3])
def test_too_few_months_are_said_to_be_too_few(n):
    result = forecast(months([10.0, 20.0, 30.0][:n]))
    assert (result.status, result.method) == ("too short", "none")
    assert result.future.empty and result.errors == {}
    assert list(result.future) == ["period", "value", "low", "high"]


@pytest.mark.parametrize("n", [4, 5, 9, 10, 12, 13, 14, 23, 24, 25, 30])
def test_every_other_length_gives_a_finite_forecast(n):
    result = forecast(company(n))
    assert result.status == "ok" and len(result.future) == 3
    assert np.isfinite(result.future[["value", "low", "high"]].to_numpy()).all()
    assert len(result.backtest) > 0 and np.isfinite(result.errors["ets"]["wape"])


def test_a_constant_series_stays_constant():
    result = forecast(months([500.0] * 30))
    assert result.status == "constant"
    assert result.future[["value", "low", "high"]].to_numpy().tolist() == [[500.0] * 3] * 3


def test_a_gap_is_filled_and_told():
    series = company().drop(index=[10, 11])
    series.loc[20, "value"] = np.nan
    result = forecast(series)
    assert [day.isoformat() for day in result.filled] == ["2023-11-01", "2023-12-01", "2024-09-01"]
    assert len(result.history) == 36 and result.history["value"].notna().all()


@pytest.mark.parametrize(
    "values",
    [
        [0.0] * 20 + [1000.0] * 16,
        [0.0, 0.0, 500.0] * 12,
        [-5.0, 3.0, 8.0, -2.0] * 9,
        [1e-9, 1e12] * 18,
        [100.0] * 35 + [1e9],
        [0.0] * 35 + [1.0],
        list(range(36)),
        [np.nan, *range(1, 35), np.inf],
    ],
    ids=[
        "new product",
        "every quarter",
        "refunds",
        "extremes",
        "outlier",
        "first sale",
        "line",
        "nan",
    ],
)
def test_odd_series_give_a_finite_forecast_without_a_traceback(values):
    result = forecast(months(values))
    table = result.future[["value", "low", "high"]].to_numpy()
    assert result.status == "ok" and np.isfinite(table).all()
    assert (table[:, 1] <= table[:, 0]).all() and (table[:, 0] <= table[:, 2]).all()
    if min(v for v in values if np.isfinite(v)) >= 0:
        assert (table >= 0).all(), "what was never negative is not forecast negative"


def test_only_unknown_months_are_too_few():
    assert forecast(months([np.nan] * 12)).status == "too short"


def test_a_series_over_days_works_like_a_frame():
    frame = company()
    series = frame.set_index("period")["value"]
    pd.testing.assert_frame_equal(forecast(frame).future, forecast(series).future)


def test_scaling_the_money_scales_the_forecast():
    frame = company()
    scaled = frame.assign(value=frame["value"] * 1000)
    one, thousand = forecast(frame).future, forecast(scaled).future
    assert thousand["value"].to_numpy() == pytest.approx(one["value"].to_numpy() * 1000, rel=0.02)


@pytest.mark.parametrize(("horizon", "level"), [(0, 0.8), (25, 0.8), (3, 0), (3, 1), (3, 1.5)])
def test_impossible_questions_are_refused(horizon, level):
    with pytest.raises(ValueError, match="between"):
        forecast(company(), horizon=horizon, level=level)


def test_a_wider_level_is_a_wider_interval():
    narrow, wide = forecast(company(), level=0.5).future, forecast(company(), level=0.95).future
    assert ((wide["high"] - wide["low"]) > (narrow["high"] - narrow["low"])).all()
