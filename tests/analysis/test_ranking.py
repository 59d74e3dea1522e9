"""Shrunken rates against draws whose truth is known."""

import numpy as np
import pandas as pd
import pytest

from workbench.analysis.ranking import CERTAIN, ranked, strength


def drawn(groups: int, alpha: float, beta: float, seed: int) -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = rng.beta(alpha, beta, groups)
    n = rng.integers(2, 200, groups)
    won = rng.binomial(n, truth)
    names = [f"g{i}" for i in range(groups)]
    return pd.DataFrame({"manager": names, "rate": won / n, "n": n}), truth


def test_the_strength_of_the_mean_is_found_again():
    found = []
    for seed in range(12):
        frame, _truth = drawn(400, 12, 18, seed)
        found.append(strength(frame["rate"] * frame["n"], frame["n"]))
    assert np.median(found) == pytest.approx(30, rel=0.15)


def test_shrunken_rates_are_nearer_to_the_truth_and_intervals_hold_it():
    frame, truth = drawn(400, 6, 9, 5)
    table = ranked(frame, "manager", "rate").set_index("manager")
    actual = pd.Series(truth, frame["manager"])[table.index]
    raw, drawn_in = (table["rate"] - actual) ** 2, (table["shrunken"] - actual) ** 2
    assert drawn_in.mean() < 0.75 * raw.mean()
    held = ((table["low"] <= actual) & (actual <= table["high"])).mean()
    assert 0.85 <= held <= 0.95


def test_two_wins_of_two_do_not_make_a_champion():
    rates = [1.0, 0.6, 0.55, 0.5, 0.5, 0.45, 0.4, 0.35]
    frame = pd.DataFrame({"manager": ["new", *"abcdefg"], "rate": rates, "n": [2] + [200] * 7})
    table = ranked(frame, "manager", "rate")
    assert table["manager"].iloc[0] == "a" and table["rank"].tolist() == list(range(1, 9))
    assert table.attrs["mean"] == pytest.approx((2 + 200 * sum(rates[1:])) / 1402)
    # By hand: the posterior's mean with the strength that was found.
    m, p = table.attrs["strength"], table.attrs["mean"]
    assert table.loc[table["manager"] == "new", "shrunken"].iloc[0] == pytest.approx(
        (2 + m * p) / (2 + m)
    )


def test_groups_that_only_chance_tells_apart_all_get_the_mean():
    frame = pd.DataFrame({"manager": list("abcd"), "rate": [0.5] * 4, "n": [10, 20, 30, 40]})
    table = ranked(frame, "manager", "rate")
    assert table.attrs["strength"] == CERTAIN and table["shrunken"].round(6).eq(0.5).all()
    assert strength(pd.Series([3]), pd.Series([5])) == CERTAIN
    assert strength(pd.Series([0, 0]), pd.Series([5, 9])) == CERTAIN
    assert ranked(frame.assign(n=0), "manager", "rate").empty
