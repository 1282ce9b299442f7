"""A breakdown is the summary of each part, and nothing is counted twice or lost."""

import numpy as np
import pandas as pd
import pytest

from hrtem_lab.evaluation import breakdown, summarise
from hrtem_lab.evaluation.scores import score_masks
from hrtem_lab.micrograph import InputError, LabelledMicrograph

EDGES = {"dose": (0, 10, 100, 1000)}


@pytest.fixture
def scores():
    rng = np.random.default_rng(0)
    truth, found = [], []
    for i in range(20):
        mask = (rng.random((20, 20)) < 0.3).astype(np.int32)
        blank = np.zeros((20, 20), dtype=np.float32)
        truth.append(LabelledMicrograph(image=blank, pixel_size_nm=0.1, name=str(i), instances=mask, group=str(i)))
        found.append(np.where(rng.random((20, 20)) < 0.05 * i, 1 - mask, mask).astype(np.int32))
    return score_masks(found, truth)


def conditions(doses, materials="Au"):
    return pd.DataFrame({"material": materials, "dose": doses})


def test_each_part_is_summarised_by_itself(scores):
    doses = [5, 10, 20, 50, 99, 100, 500, 999, 1000, 1, 11, 101, 8, 9, 10, 600, 700, 12, 13, 14]
    materials = ["Au", "CdSe"] * 10
    table = breakdown(scores, conditions(doses, materials), EDGES)
    assert table["condition"].tolist() == ["material"] * 2 + ["dose"] * 3
    assert table["range"].tolist() == ["Au", "CdSe", "0 to 10", "10 to 100", "100 to 1000"]
    assert table["micrographs"].tolist() == [10, 10, 6, 8, 6]
    for row in table.itertuples():
        column = np.array(materials if row.condition == "material" else doses)
        low, _, high = row.range.partition(" to ")
        chosen = column == row.range if row.condition == "material" else (column > int(low)) & (column <= int(high))
        assert row.dice == summarise(scores[chosen])["dice"]
        assert row.dice_low <= row.dice <= row.dice_high


def test_what_lies_outside_or_is_unknown_is_left_out(scores):
    table = breakdown(scores, conditions([np.nan, 1e6, *[50] * 18]), EDGES)
    assert table[table["condition"] == "dose"]["micrographs"].tolist() == [18]


def test_no_micrographs_no_rows(scores):
    table = breakdown(scores.iloc[:0], conditions([]), EDGES)
    assert len(table) == 0
    assert "dice" in table


def test_another_number_of_conditions_is_refused(scores):
    with pytest.raises(InputError, match="3 conditions for 20 micrographs"):
        breakdown(scores, conditions([1, 2, 3]), EDGES)
