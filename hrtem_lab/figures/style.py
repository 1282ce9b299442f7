"""Colours and sizes that all pictures share, and how a picture is written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from hrtem_lab.atomic_write import atomic_write
from hrtem_lab.micrograph import CLASSES, UNCERTAIN, UNRESOLVED, ParticleClass

PREDICTED_CLASSES = (*CLASSES, UNCERTAIN, UNRESOLVED)
"""Everything that a particle can be called, in the order of legends."""
# Okabe and Ito's colours, which the colour-blind can tell apart, violet for the uncertain; all stand out from grey
COLOURS: dict[str, str] = {
    ParticleClass.FAULT.value: "#D55E00",
    ParticleClass.NO_FAULT.value: "#56B4E9",
    ParticleClass.NO_FRINGE.value: "#F0E442",
    ParticleClass.AGGLOMERATE.value: "#CC79A7",
    ParticleClass.EMPTY.value: "#FFFFFF",
    UNCERTAIN: "#8A4FFF",
    UNRESOLVED: "#00E5FF",
}
SERIES_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
"""Colours of the series of a plot, Okabe and Ito's as well."""
TRUTH, BACKDROP, WARNING = "#009E73", "#AAAAAA", "#A34700"
OUTLINED = withStroke(linewidth=2, foreground="black")
DPI = 100
PNG_COMPRESSION = 2
"""Level of 1 to 9; at Pillow's 6, noisy grey in colours takes five times as long and half as much space again."""


def save(figure: Figure, path: Path, bbox_inches: str | None = None) -> None:
    """Write a figure as PNG, SVG or PDF.

    Args:
        figure: The figure.
        path: The file, whose suffix says the format.
        bbox_inches: `tight` to fit the picture to what is drawn; by default it has the size of the figure.

    Raises:
        InputError: The file cannot be written.
    """
    with atomic_write(path) as unfinished:
        # SVG and PDF take no options of Pillow, not even none
        options: dict[str, Any] = {"pil_kwargs": {"compress_level": PNG_COMPRESSION}} if path.suffix == ".png" else {}
        figure.savefig(unfinished, format=path.suffix[1:], dpi=DPI, bbox_inches=bbox_inches, **options)
