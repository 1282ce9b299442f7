"""Micrographs with the outlines and classes of their particles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import wrap
from typing import Any, Literal

import cv2
import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from skimage.measure import regionprops

from hrtem_lab.analysis.analyser import Analysis
from hrtem_lab.figures.fault_lines import fault_line_legend, plot_fault_lines
from hrtem_lab.figures.style import BACKDROP, COLOURS, DPI, OUTLINED, PREDICTED_CLASSES, TRUTH, WARNING
from hrtem_lab.image import rescale_intensity
from hrtem_lab.micrograph import FloatArray, IntArray, LabelledMicrograph, Micrograph, ParticleClass
from hrtem_lab.particles.closed_curves import contours
from hrtem_lab.particles.crops import boxes

BAR_LENGTHS_NM = np.array([1, 2, 5, 10, 20, 50, 100, 200, 500])
"""Lengths that a scale bar may have."""
LETTER_WIDTH = 0.6
"""Width of a letter in font sizes, on the safe side."""
AGAINST_TRUTH_PX = 480
"""Longer side of a picture of a micrograph against its truth."""
MIN_PICTURE_PX, MAX_PICTURE_PX = 800, 2048
"""Limits of the longer side of an overlay."""


def overlay(analysis: Analysis) -> Figure:
    """Draw an analysed micrograph with each particle's outline, number and class, lines of faults, and a scale bar."""
    micrograph, instances, classes = analysis.micrograph, analysis.instances, analysis.classes
    rows, columns = micrograph.image.shape
    zoom = np.clip(1, MIN_PICTURE_PX / max(rows, columns), MAX_PICTURE_PX / max(rows, columns))
    figure = Figure(figsize=(max(columns * zoom, 80) / DPI, max(rows * zoom, 80) / DPI), dpi=DPI)
    axes = figure.add_axes((0, 0, 1, 1))
    plot_micrograph(axes, micrograph, instances, classes)
    plot_fault_lines(axes, analysis.fault_lines, micrograph.pixel_size_nm)
    is_doubtful = bool(analysis.quality.reasons)
    if len(classes):
        corner = "lower right" if is_doubtful else _emptiest_corner(instances)
        handles = _legend(set(classes)) + (fault_line_legend() if analysis.fault_lines else [])
        axes.legend(handles=handles, loc=corner, fontsize=_font_size(axes), facecolor=BACKDROP)
    if is_doubtful:
        plot_badge(axes, f"{analysis.quality.value}: {analysis.quality.reason}")
    return figure


def plot_badge(axes: Axes, text: str) -> None:
    """Plot a warning across the top of a picture."""
    size = _font_size(axes)
    letters = int(axes.get_window_extent().width / (LETTER_WIDTH * size * DPI / 72))
    axes.text(
        0.5, 0.99, "\n".join(wrap(f"⚠ {text}", max(letters, 20))), transform=axes.transAxes, ha="center", va="top",
        color="white", fontsize=size, bbox={"facecolor": WARNING, "edgecolor": "none"},
    )  # fmt: skip


Corner = Literal["upper right", "upper left", "lower right"]


def _emptiest_corner(instances: IntArray) -> Corner:
    """The corner where a legend hides least of the particles; the lower left one holds the scale bar."""
    rows, columns = (-(-side // 3) for side in instances.shape)
    corners: dict[Corner, IntArray] = {
        "upper right": instances[:rows, -columns:],
        "upper left": instances[:rows, :columns],
        "lower right": instances[-rows:, -columns:],
    }
    return min(corners, key=lambda name: np.count_nonzero(corners[name]))


def plot_micrograph(
    axes: Axes,
    micrograph: Micrograph,
    instances: IntArray,
    classes: pd.Series,
    numbers: bool = True,
    width: float = 1.5,
) -> None:
    """Plot image, outlines, numbers and scale bar."""
    rows, columns = micrograph.image.shape
    axes.imshow(_to_rgb(micrograph.image), interpolation="nearest", extent=(-0.5, columns - 0.5, rows - 0.5, -0.5))
    plot_outlines(axes, instances, dict(classes.map(COLOURS)), width)
    if numbers:
        for number, (row, column) in _centroids(instances).items():
            mark = f"{number}!" if classes.get(number) == ParticleClass.FAULT else str(number)
            colour = COLOURS.get(classes.get(number, ""), "white")
            axes.text(column, row, mark, color=colour, fontsize=11, ha="center", va="center", path_effects=[OUTLINED])
    plot_scale_bar(axes, micrograph)
    axes.set_axis_off()


def plot_outlines(axes: Axes, instances: IntArray, colours: Mapping[Any, str], width: float = 1.5) -> None:
    """Plot a closed line around every particle, at the border of its pixels."""
    for number, box in boxes(instances):
        alone = np.pad(instances[box] == number, 1).astype(float)
        for line in contours(alone, 0.5):
            rows, columns = line.T
            colour = colours.get(number, "white")
            axes.plot(columns + box[1].start - 1, rows + box[0].start - 1, color=colour, lw=width)


def plot_scale_bar(axes: Axes, micrograph: Micrograph) -> None:
    """Plot a bar of a round length near a fifth of the image's width, lower left."""
    rows, columns = micrograph.image.shape
    ideal_nm = columns * micrograph.pixel_size_nm / 5
    length_nm = BAR_LENGTHS_NM[np.abs(np.log(BAR_LENGTHS_NM / ideal_nm)).argmin()]
    left, bottom = 0.04 * columns, 0.95 * rows
    right = left + length_nm / micrograph.pixel_size_nm
    axes.plot([left, right], [bottom, bottom], color="white", lw=4, solid_capstyle="butt", path_effects=[OUTLINED])
    axes.text(
        (left + right) / 2, bottom - 0.015 * rows, f"{length_nm} nm", color="white", ha="center", va="bottom",
        fontsize=_font_size(axes), path_effects=[OUTLINED],
    )  # fmt: skip
    axes.set_xlim(-0.5, columns - 0.5)
    axes.set_ylim(rows - 0.5, -0.5)


def _font_size(axes: Axes) -> float:
    """Font size in points: a hundredth of the longer side, since a large picture is looked at on the same screen."""
    box = axes.get_window_extent()
    return max(10.0, max(box.width, box.height) / 100)


def gallery(
    micrographs: Sequence[LabelledMicrograph],
    instances: Sequence[IntArray],
    classes: Sequence[pd.Series],
    titles: Sequence[str] | None = None,
    truth_name: str = "true outline",
) -> Figure:
    """Draw micrographs with the truth as dashed lines and the prediction as solid ones, coloured by its class.

    Args:
        micrographs: The micrographs.
        instances: Numbers of the particles found in each.
        classes: Class of each particle that was found.
        titles: Title of each; None for its conditions and its pixel size.
        truth_name: Name of the dashed lines in the legend.
    """
    columns = (len(micrographs) + 1) // 2
    figure = Figure(figsize=(4 * columns, 9), layout="constrained")
    grid = figure.subplots(2, columns, squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    titles = titles or [f"{_conditions(each)}, {each.pixel_size_nm:.3f} nm/px" for each in micrographs]
    for axes, micrograph, predicted, predicted_classes, title in zip(
        grid.flat, micrographs, instances, classes, titles, strict=False
    ):
        _plot_against_truth(axes, micrograph, predicted, predicted_classes)
        axes.set_title(title, fontsize=9)
    is_classified = any(len(predicted_classes) for predicted_classes in classes)
    lines = _legend(set(PREDICTED_CLASSES)) if is_classified else [Line2D([], [], color="white", label="found")]
    handles = [*lines, Line2D([], [], color=TRUTH, ls="--", label=truth_name)]
    figure.legend(handles=handles, ncols=len(handles), loc="outside lower center", facecolor=BACKDROP)
    return figure


def against_truth(micrograph: LabelledMicrograph, instances: IntArray) -> Figure:
    """Draw a micrograph with what was found as solid lines and the truth as dashed ones."""
    rows, columns = micrograph.image.shape
    side = AGAINST_TRUTH_PX / DPI / max(rows, columns)
    figure = Figure(figsize=(max(columns * side, 1), max(rows * side, 1)), dpi=DPI)
    _plot_against_truth(figure.add_axes((0, 0, 1, 1)), micrograph, instances, pd.Series(dtype=object))
    return figure


def _plot_against_truth(axes: Axes, micrograph: LabelledMicrograph, instances: IntArray, classes: pd.Series) -> None:
    """Plot a micrograph with the outlines of what was found, and the true ones dashed."""
    plot_micrograph(axes, micrograph, instances, classes, numbers=False)
    truth = micrograph.mask.astype(float)
    if truth.any() and not truth.all():
        axes.contour(truth, [0.5], colors=TRUTH, linewidths=1.5, linestyles="--")


def _conditions(micrograph: Micrograph) -> str:
    """Defocus and dose of a micrograph, or its name where they are not known."""
    metadata = micrograph.metadata
    if not {"defocus_nm", "dose_e_per_nm2"} <= metadata.keys():
        return micrograph.name
    return f"defocus {metadata['defocus_nm']:.0f} nm, {metadata['dose_e_per_nm2'] / 100:.0f} e/Å$^2$"


def contact_sheet(micrographs: Sequence[LabelledMicrograph], rows: int = 4, columns: int = 6) -> Figure:
    """Draw simulated micrographs in a grid with the true outlines, coloured by class, and the conditions of each."""
    engine = ConstrainedLayoutEngine(w_pad=0.03, h_pad=0.03, wspace=0, hspace=0)
    figure = Figure(figsize=(columns * 3.6, rows * 3.83 + 0.4), layout=engine)
    grid = figure.subplots(rows, columns, squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    for axes, micrograph in zip(grid.flat, micrographs, strict=False):
        classes = micrograph.ground_truth.get("label", pd.Series(dtype=object))
        plot_micrograph(axes, micrograph, micrograph.instances, classes, numbers=False, width=0.9)
        axes.images[0].set_interpolation("auto")  # smooth where it is shrunk: fringes must not beat with the screen
        axes.set_title(_caption(micrograph), fontsize=9, pad=3)
    handles = _legend({each for each in ParticleClass if each.is_particle})
    figure.legend(handles=handles, ncols=3, loc="outside lower center", facecolor=BACKDROP)
    if not micrographs:
        figure.text(0.5, 0.5, "no specimens", ha="center", fontsize=24)
    return figure


def _caption(micrograph: LabelledMicrograph) -> str:
    """Materials, defocus, dose and pixel size of a simulated micrograph."""
    metadata, materials = micrograph.metadata, micrograph.ground_truth.get("material", pd.Series(dtype=object))
    content = ", ".join(sorted(materials.unique())) or "no particle"
    defocus, dose = round(metadata["defocus_nm"]), metadata["dose_e_per_nm2"] / 100
    return f"{content}, defocus {defocus:+d} nm, {dose:.0f} e/Å$^2$, {micrograph.pixel_size_nm:.3f} nm/px"


def select_typical(scores: pd.DataFrame, number: int = 8) -> list[int]:
    """Select rows that are spread evenly from the worst to the best Dice, so that a gallery is representative."""
    order = scores["dice"].reset_index(drop=True).dropna().sort_values().index
    return [
        int(order[i]) for i in np.unique(np.linspace(0, len(order) - 1, min(number, len(order))).round().astype(int))
    ]


def select_extremes(scores: pd.DataFrame) -> dict[str, int]:
    """Select the rows of the lowest, the median and the highest Dice, as far as there are so many.

    Returns:
        `worst`, `median` and `best` -> number of the row.
    """
    rows = select_typical(scores, 3)
    names = {0: (), 1: ("median",), 2: ("worst", "best"), 3: ("worst", "median", "best")}[len(rows)]
    return dict(zip(names, rows, strict=True))


def _legend(classes: set[str]) -> list[Line2D]:
    """A line of the colour of each class, in the order of all legends."""
    return [
        Line2D([], [], color=COLOURS[c], lw=2, label=c.replace("_", " ")) for c in PREDICTED_CLASSES if c in classes
    ]


def _to_rgb(image: FloatArray) -> npt.NDArray[np.uint8]:
    """The image as red, green and blue bytes, (rows, columns, 3), stretched between its 0.2 % and 99.8 % quantiles.

    It is averaged down to the size of a figure, since drawing takes many times the memory of the array.
    """
    rows, columns = image.shape
    zoom = MAX_PICTURE_PX / max(rows, columns)
    if zoom < 1:
        size = max(round(columns * zoom), 1), max(round(rows * zoom), 1)
        image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), dtype=np.float32)
    return np.repeat((255 * rescale_intensity(image, 0.002)).round().astype(np.uint8)[..., None], 3, axis=2)


def _centroids(instances: IntArray) -> dict[int, tuple[float, float]]:
    """Row and column of every particle's centroid."""
    return {region.label: region.centroid for region in regionprops(instances)}
