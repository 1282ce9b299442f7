"""A sheet of real particles with what the forest says of each, to be looked at one by one.

    python experiments/defects/real.py outputs/defects/sheet samples/labelled samples/bright_field

The folder for the sheets, then folders of images with a metadata.csv (`name`, `pixel_size_nm`). Writes a sheet of the
particles of each folder, each in a window of its own size with its outline, its class and the probability of a fault,
and particles.csv with the same.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from hrtem_lab.analysis.analyser import Analyser, Analysis
from hrtem_lab.figures.style import COLOURS, save

COLUMNS = 10
MARGIN_NM = 1.0


def main(output: Path, folders: list[Path]) -> None:
    """Draw the sheets and write the table."""
    analyser = Analyser.load()
    tables = []
    for folder in folders:
        images = pd.read_csv(folder / "metadata.csv").set_index("name")["pixel_size_nm"]
        analyses = {name: analyser(folder / f"{name}.png", pixel_size_nm) for name, pixel_size_nm in images.items()}
        table = pd.concat({name: each.table for name, each in analyses.items()}, names=["micrograph"])
        save(draw(analyses, table), output / f"{folder.name}.png")
        tables.append(table)
    shown = ["class", "p_fault", "p_no_fault", "p_no_fringe", "equivalent_diameter_nm", "touches_edge"]
    table = pd.concat(tables)[shown]
    table.round(3).to_csv(output / "particles.csv")
    print(table["class"].value_counts().to_string())


def draw(analyses: dict[str, Analysis], table: pd.DataFrame) -> Figure:
    """Draw all particles, numbered as in the table; those that the edge of the image cuts are marked."""
    rows = -(-len(table) // COLUMNS)
    figure = Figure(figsize=(1.9 * COLUMNS, 2.15 * rows), layout="constrained")
    grid = figure.subplots(rows, COLUMNS, squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    for axes, ((name, number), row) in zip(grid.flat, table.iterrows(), strict=False):
        analysis = analyses[str(name)]
        window = crop(analysis, int(number))
        axes.imshow(analysis.micrograph.image[window], cmap="gray", interpolation="bicubic")
        axes.contour(analysis.instances[window] == number, [0.5], colors=[COLOURS[row["class"]]], linewidths=1)
        size = f"{row['equivalent_diameter_nm']:.1f} nm{', cut' * row['touches_edge']}"
        title = f"{str(name).removeprefix('msa_au_train_')} {number}\n{row['class']} {row['p_fault']:.2f}, {size}"
        axes.set_title(title, fontsize=7)
    return figure


def crop(analysis: Analysis, number: int) -> tuple[slice, slice]:
    """Rows and columns of a particle with a margin."""
    margin = round(MARGIN_NM / analysis.micrograph.pixel_size_nm)
    rows, columns = np.nonzero(analysis.instances == number)
    return tuple(slice(max(each.min() - margin, 0), each.max() + margin + 1) for each in (rows, columns))


if __name__ == "__main__":
    main(Path(sys.argv[1]), [Path(folder) for folder in sys.argv[2:]])
