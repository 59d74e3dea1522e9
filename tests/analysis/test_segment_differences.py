"""Effect sizes against scipy, formulas worked by hand, and what must not change them."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import mannwhitneyu
from scipy.stats.contingency import association

from workbench.analysis import money
from workbench.analysis.segments import cliffs_delta, cramers_v, differences, size_of

numbers = st.lists(st.integers(-20, 20).map(float), min_size=2, max_size=40)


def test_cramers_v_by_hand():
    # 80 of 100 against 20 of 100: phi² = 0.36; corrected 0.36 - 1/199, sides 2 - 1/199.
    counts = np.array([[80.0, 20.0], [20.0, 80.0]])
    assert association(counts.astype(int), method="cramer", correction=False) == pytest.approx(0.6)
    assert cramers_v(counts) == pytest.approx(((0.36 - 1 / 199) / (1 - 1 / 199)) ** 0.5)


def test_without_a_difference_the_correction_leaves_nothing():
    assert cramers_v(np.array([[10.0, 10.0, 10.0], [20.0, 20.0, 20.0]])) == 0


def test_many_values_of_the_same_spread_are_no_difference():
    drawn = np.random.default_rng(5)
    counts = np.array([np.bincount(drawn.integers(0, 60, 300), minlength=60) for _ in range(2)])
    counts = counts[:, counts.sum(axis=0) > 0].astype(float)
    assert association(counts.astype(int), method="cramer") > 0.2
    assert cramers_v(counts) < 0.12


@given(numbers, numbers)
def test_cliffs_delta_is_that_of_all_pairs_and_of_scipy(first, second):
    pairs = [np.sign(a - b) for a in first for b in second]
    ours = cliffs_delta(pd.Series(first), pd.Series(second))
    assert ours == pytest.approx(np.mean(pairs))
    u = mannwhitneyu(first, second).statistic
    assert ours == pytest.approx(2 * u / (len(first) * len(second)) - 1)
    assert cliffs_delta(pd.Series(second), pd.Series(first)) == pytest.approx(-ours)


def frames() -> tuple[pd.DataFrame, pd.DataFrame]:
    drawn = np.random.default_rng(1)
    first = pd.DataFrame(
        {
            "source": drawn.choice(["Web", "Fair", None], 200, p=[0.7, 0.2, 0.1]),
            "amount": drawn.normal(100, 10, 200),
            "kind": "same",
            "rare": [1.0] * 5 + [np.nan] * 195,
        }
    )
    second = first.assign(source=drawn.choice(["Web", "Fair"], 200), amount=first["amount"] + 1)
    return first, second


KINDS = {"source": "text", "amount": "number", "kind": "text", "rare": "number"}


def test_the_largest_effect_comes_first_with_n_and_what_cannot_be_compared_is_named():
    found = differences(*frames(), KINDS)
    assert found.table["dimension"].tolist() == ["source", "amount"]
    assert found.skipped == ("kind", "rare")
    first = found.table.iloc[0]
    assert (first["n_a"], first["n_b"], first["measure"]) == (200, 200, "cramers_v")
    assert first["a"] == pytest.approx((frames()[0]["source"] == first["value"]).mean())


def test_renaming_values_and_moving_rows_change_nothing():
    first, second = frames()
    names = {"Web": "Zürich", "Fair": "Aix"}
    renamed = [frame.assign(source=frame["source"].replace(names)) for frame in (first, second)]
    shuffled = [frame.sample(frac=1, random_state=3) for frame in renamed]
    one, other = differences(first, second, KINDS), differences(*shuffled, KINDS)
    assert one.table["effect"].to_numpy() == pytest.approx(other.table["effect"].to_numpy())


@pytest.mark.parametrize(
    ("effect", "measure", "word"),
    [
        (0.09, "cramers_v", "negligible"),
        (0.3, "cramers_v", "medium"),
        (-0.5, "cliffs_delta", "large"),
        (0.2, "cliffs_delta", "small"),
    ],
)
def test_sizes_have_words(effect, measure, word):
    assert size_of(effect, measure) == word


@given(st.lists(st.integers(-(10**12), 10**12), max_size=200))
def test_amounts_add_up_to_the_cent(cents):
    assert money.total(pd.Series([c / 100 for c in cents], dtype=float)) == sum(cents) / 100


def test_rates_are_counted_where_an_amount_needs_one():
    deals = pd.DataFrame(
        {
            "amount": [10.0, 10.0, 0.0, None, 5.0],
            "amount_base": [11.0, None, None, None, 5.0],
            "rate_basis": ["later", None, None, None, "base"],
        }
    )
    assert money.rate_counts(deals) == {"later": 1, "none": 1}
