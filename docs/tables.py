"""Fill in the tables of the pages from the files that hold their numbers.

A table that appears on several pages is kept in one place: in a Markdown file, where it is found by its first heading,
or in the `comparison.csv` or `micrographs.csv` of a run. A page asks for it by

    <!-- table: models/default/README.md, au2p2 ex0 -->
    <!-- /table -->

and this script writes it between the two lines. Run it from anywhere, without arguments, after a number has changed:

    python docs/tables.py
"""

import re
from pathlib import Path

import pandas as pd

from hrtem_lab.figures.interval_text import interval_text

PROJECT = Path(__file__).resolve().parents[1]
PAGES = ("README.md", "docs/*.md", "experiments/*/README.md")
BLOCK = re.compile(r"(<!-- table: ([^,\n]+?)(?:, ([^\n]+?))? -->\n)(.*?)(<!-- /table -->)", re.DOTALL)
METHODS = {"unet": "U-Net", "bandpass": "band-pass", "otsu": "Otsu"}


def pages() -> list[Path]:
    """Every page that may ask for a table."""
    return sorted(page for pattern in PAGES for page in PROJECT.glob(pattern))


def fill(text: str) -> str:
    """The text of a page with every table as its source has it now."""
    return BLOCK.sub(lambda block: f"{block[1]}\n{table(PROJECT / block[2], block[3])}\n{block[5]}", text)


def table(source: Path, heading: str | None) -> str:
    """A table of a Markdown file by its first heading, or what a CSV file has of methods or of micrographs."""
    if source.suffix == ".csv":
        rows = pd.read_csv(source)
        return micrographs(rows) if "name" in rows else comparison(rows)
    lines = source.read_text(encoding="utf-8").splitlines()
    first = next(i for i, line in enumerate(lines) if line.startswith(f"| {heading} |"))
    rows = lines[first:]
    last = next((i for i, line in enumerate(rows) if not line.startswith("|")), len(rows))
    return "\n".join(rows[:last]) + "\n"


def comparison(methods: pd.DataFrame) -> str:
    """The methods of a training, as `comparison.csv` of its folder has them."""
    heads = ("method", "Dice per test micrograph (95 % interval)", "Dice, pixels pooled", "object F1 at IoU 0.5")
    heads = (*heads, "difference of the U-Net's Dice (95 % interval)", "p")
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for _, row in methods.iterrows():
        name, dice = METHODS.get(row["method"], row["method"]), interval_text(row, "dice", digits=3)
        cells = [name, dice, f"{row['dice_pooled']:.3f}", f"{row['object_f1']:.3f}", "", ""]
        if not pd.isna(row["lead_p"]):
            cells[4:] = [interval_text(row, "lead", bounds="lead_", digits=3), f"{row['lead_p']:.1g}"]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def micrographs(scores: pd.DataFrame) -> str:
    """The Dice of each micrograph and the mean, as `evaluate` prints them, from the `micrographs.csv` of one method."""
    heads, cells = [*scores["name"], "mean"], [f"{dice:.3f}" for dice in (*scores["dice"], scores["dice"].mean())]
    return "".join(f"| {' | '.join(row)} |\n" for row in (heads, ["---"] * len(heads), cells))


def main() -> None:
    """Rewrite the pages whose tables are out of date."""
    for page in pages():
        text = page.read_text(encoding="utf-8")
        if (filled := fill(text)) != text:
            page.write_text(filled, encoding="utf-8")
            print(f"updated {page.relative_to(PROJECT)}")


if __name__ == "__main__":
    main()
