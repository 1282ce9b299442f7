"""Settings under several seeds: means, intervals by hand, pairs of equal seeds, order."""

import numpy as np
import pandas as pd
import pytest

from hrtem_lab.search.seed_comparison import compare_over_seeds, describe_best

NAN = float("nan")


def trials(*rows: tuple[str, int, float]) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=["net", "seed", "dice"])
    return table.assign(state=np.where(table["dice"].isna(), "fail", "complete"))


SOME = trials(
    ("a", 0, 0.5), ("b", 0, 0.6), ("a", 1, 0.7), ("b", 1, 0.9), ("a", 2, 0.6), ("b", 2, NAN), ("c", 0, 0.99)
)  # fmt: skip


def test_means_and_pairs():
    comparison = compare_over_seeds(SOME, "dice", ["net"])
    assert list(comparison["net"]) == ["b", "a"]  # one trial of c is no repeat
    assert list(comparison["seeds"]) == [2, 3]
    assert list(comparison["mean"]) == pytest.approx([0.75, 0.6])
    # Student: 4.303 deviations of the mean with two degrees of freedom
    assert comparison["high"][1] - comparison["mean"][1] == pytest.approx(4.303 * 0.1 / np.sqrt(3), rel=1e-3)
    assert list(comparison["behind"]) == pytest.approx([0, 0.15])  # over the seeds 0 and 1, which both have
    assert comparison["behind_high"][1] - 0.15 == pytest.approx(12.706 * 0.05 * np.sqrt(2) / np.sqrt(2), rel=1e-3)


def test_the_best_mean_is_described():
    assert (
        describe_best("dice", compare_over_seeds(SOME, "dice", ["net"]))
        == "net=b, dice 0.75 (-1.156 to 2.656) over 2 seeds"
    )


@pytest.mark.parametrize(("maximize", "first"), [(True, True), (False, False)])
def test_a_switch_is_a_setting_as_any_other(maximize: bool, first: bool):
    table = trials((True, 0, 0.9), (True, 1, 0.92), (False, 0, 0.8), (False, 1, 0.82))
    comparison = compare_over_seeds(table, "dice", ["net"], maximize)
    assert list(comparison["net"]) == [first, not first]


def test_null_is_a_setting_as_any_other():
    table = trials((1.5, 0, 0.1), (1.5, 1, 0.2), (NAN, 0, 0.8), (NAN, 1, 0.82))
    assert describe_best("dice", compare_over_seeds(table, "dice", ["net"])).startswith("net=null, dice 0.81 (")


def test_low_values_can_be_the_good_ones():
    comparison = compare_over_seeds(SOME, "dice", ["net"], maximize=False)
    assert list(comparison["net"]) == ["a", "b"]
    assert comparison["behind"][1] == pytest.approx(-0.15)


def test_settings_of_several_paths_and_of_none_at_all():
    table = trials(("a", 0, 0.5), ("a", 1, 0.6), ("a", 0, 0.1), ("a", 1, 0.2)).assign(ema=[None, None, "x", "x"])
    comparison = compare_over_seeds(table, "dice", ["net", "ema"])
    assert [tuple(row) for row in comparison[["net", "ema"]].fillna("").to_numpy()] == [("a", ""), ("a", "x")]
    assert len(compare_over_seeds(SOME.drop(columns="seed"), "dice", ["net"])) == 0
    assert len(compare_over_seeds(SOME, "dice", [])) == 0
    assert len(compare_over_seeds(trials(("a", 0, NAN)), "dice", ["net"])) == 0


def test_many_settings_that_never_come_twice():
    rng = np.random.default_rng(0)
    paths = [f"path{number}" for number in range(8)]
    table = pd.DataFrame(rng.random((60, 8)), columns=paths).assign(seed=range(60), dice=0.5, state="complete")
    assert len(compare_over_seeds(table, "dice", paths)) == 0  # 60^8 combinations of values, and 60 of them were tried
