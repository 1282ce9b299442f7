"""The table of all methods, and where to look next."""

from __future__ import annotations

from pathlib import Path
from shlex import quote

import pandas as pd
from rich import box
from rich.table import Table

from hrtem_lab.cli.progress import console

COLUMNS = {"dice": "Dice", "iou": "IoU", "object_f1": "Object F1"}


def comparison(summaries: dict[str, dict[str, float]], tests: dict[str, dict[str, float]]) -> pd.DataFrame:
    """All methods, the best first: every metric, and the U-Net's lead over each with its p value.

    Args:
        summaries: Method -> what `hrtem_lab.evaluation.summarise` gives.
        tests: Method -> what `hrtem_lab.evaluation.paired_dice_difference` gives for the U-Net against it.
    """
    table = pd.DataFrame(summaries).T.rename_axis("method")
    lead = pd.DataFrame(tests).T.add_prefix("unet_lead_") if tests else pd.DataFrame()
    return table.join(lead).sort_values("dice", ascending=False)


def show_methods(results: pd.DataFrame, what: str) -> None:
    """Print the table of methods on the micrographs that `what` names."""
    table = Table(title=f"{what}, with 95 % bootstrap intervals over specimens", box=box.SIMPLE)
    table.add_column("Method", no_wrap=True)
    for title in (*COLUMNS.values(), "U-Net's lead in Dice", "p"):
        table.add_column(title, justify="right")
    for name, row in results.iterrows():
        beaten = not pd.isna(row.get("unet_lead_p"))
        lead = [interval(row, "unet_lead_difference", "unet_lead"), f"{row['unet_lead_p']:.1g}"] if beaten else ["", ""]
        table.add_row(str(name), *(interval(row, column) for column in COLUMNS), *lead)
    console.print(table)


def show_forest(metrics: dict[str, float]) -> None:
    """Print what the forest reached, cross-validated and on test."""
    for stage, what in (("cv", "cross-validated by specimen"), ("test", "on the test micrographs")):
        row = pd.Series({k.removeprefix(f"forest/{stage}/"): v for k, v in metrics.items() if f"forest/{stage}/" in k})
        console.print(
            f"Forest, {what}: accuracy {interval(row, 'accuracy')} over {row['particles']:.0f} particles "
            f"(always the commonest class: {row['majority_accuracy']:.2f}), balanced accuracy "
            f"{row['balanced_accuracy']:.2f}, fault F1 {row['fault_f1']:.2f}"
        )


def show_next(folder: Path, uri: str) -> None:
    """Print where to look next."""
    for what, where in (
        ("Pictures and tables", folder),
        ("Compare runs", f"make ui   ({uri})"),
        ("Your own images", f"python -m hrtem_lab.predict input=FOLDER output=RESULTS model={quote(str(folder))}"),
    ):
        console.print(f"{what + ':':21}{where}", soft_wrap=True, highlight=False, markup=False)


def interval(row: pd.Series, column: str, bounds: str | None = None) -> str:
    """`0.912 (0.89, 0.93)`, without the brackets where there is no interval."""
    bounds = bounds or column
    text = f"{row[column]:.3f}"
    if f"{bounds}_low" in row and not pd.isna(row[f"{bounds}_low"]):
        text += f" ({row[f'{bounds}_low']:.2f}, {row[f'{bounds}_high']:.2f})"
    return text
