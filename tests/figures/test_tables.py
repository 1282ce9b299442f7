"""Tables and lines of a training's results."""

import io
import math
from pathlib import Path

import pandas as pd
from rich.console import Console

from hrtem_lab.figures import tables

SUMMARY = {"dice": 0.9123, "dice_low": 0.8967, "dice_high": 0.925, "iou": 0.8, "object_f1": 0.7}
TEST = {"difference": 0.0512, "low": 0.0123, "high": 0.09, "p": 0.0021, "effect": 0.9}


def test_the_best_method_is_first_and_the_lead_stands_beside_the_others() -> None:
    worse = SUMMARY | {"dice": 0.8611, "dice_low": math.nan, "dice_high": math.nan}
    comparison = tables.comparison_table({"otsu": worse, "unet": SUMMARY}, {"otsu": TEST})
    assert comparison.index.tolist() == ["unet", "otsu"]
    console = Console(width=140, record=True, file=io.StringIO())
    console.print(
        tables.methods_table(comparison, "Test micrographs, with 95 % bootstrap intervals over specimens", "unet")
    )
    text = console.export_text()
    assert "Lead of unet in Dice" in text
    assert "Test micrographs, with 95 % bootstrap intervals over specimens" in text
    rows = {line.split()[0]: line for line in text.splitlines() if line.strip()}
    assert "0.912 (0.90 to 0.93)" in rows["unet"]
    assert "0.051 (0.01 to 0.09)      0.002" in rows["otsu"]
    assert "0.861   " in rows["otsu"]


def test_the_dice_of_each_micrograph_and_the_mean_of_those_that_have_one() -> None:
    dice = pd.DataFrame({"unet": [0.9, math.nan], "otsu": [0.5, 0.25]}, index=["a", "b"])
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(tables.micrographs_table(dice, "test micrographs"))
    rows = [line.split() for line in console.export_text().splitlines() if line.strip()]
    assert [row for row in rows if row[0] in ("a", "b", "mean")] == [
        ["a", "0.900", "0.500"],
        ["b", "0.250"],
        ["mean", "0.900", "0.375"],
    ]


def test_a_line_for_each_stage_of_a_forest() -> None:
    scores = {"accuracy": 0.75, "particles": 40.0, "majority_accuracy": 0.5, "balanced_accuracy": 0.7, "fault_f1": 0.6}
    lines = tables.forest_lines({f"forest/{stage}/{name}": x for stage in ("cv", "test") for name, x in scores.items()})
    assert lines[1] == (
        "Forest, on the test micrographs: accuracy 0.750 over 40 particles (always the commonest class: 0.50), "
        "balanced accuracy 0.70, fault F1 0.60"
    )


def test_the_next_step_can_be_copied_into_a_shell() -> None:
    assert tables.next_steps(Path("/a b"), "uri")[-1].endswith("model='/a b'")
