"""The pictures: micrographs with what was found in them, and the comparison of methods."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import cv2
import matplotlib.pyplot as plt
import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from skimage.measure import find_contours

from hrtem_lab.evaluation import ece
from hrtem_lab.files.write import atomic
from hrtem_lab.micrograph import CLASSES, UNCERTAIN, FloatArray, IntArray, LabelledMicrograph, Micrograph
from hrtem_lab.particles.crops import boxes

# Okabe and Ito's colours, which the colour-blind can tell apart, violet for the uncertain; all stand out from grey
ANSWERS = (*CLASSES, UNCERTAIN)
COLOURS = dict(zip(ANSWERS, ("#D55E00", "#56B4E9", "#F0E442", "#CC79A7", "#FFFFFF", "#8A4FFF"), strict=True))
TRUTH, BACKDROP = "#009E73", "#AAAAAA"
OUTLINED = withStroke(linewidth=2, foreground="black")
ROUND_NM = np.array([1, 2, 5, 10, 20, 50, 100, 200, 500])
SMALLEST_PX, LARGEST_PX, DPI = 800, 2048, 100


def save(figure: Figure, path: Path) -> None:
    """Write a figure as PNG and close it.

    Raises:
        InputError: The file cannot be written.
    """
    with atomic(path) as unfinished:
        figure.savefig(unfinished, format="png", dpi=DPI)
    plt.close(figure)


def overlay(micrograph: Micrograph, instances: IntArray, classes: pd.Series) -> Figure:
    """The micrograph with each particle's outline, number and class, and a scale bar.

    Args:
        micrograph: The image.
        instances: Particle numbers, of the image's shape.
        classes: Class per particle number; empty where no forest was asked.
    """
    rows, columns = micrograph.image.shape
    zoom = np.clip(1, SMALLEST_PX / max(rows, columns), LARGEST_PX / max(rows, columns))
    figure = plt.figure(figsize=(max(columns * zoom, 80) / DPI, max(rows * zoom, 80) / DPI), dpi=DPI)
    axes = figure.add_axes((0, 0, 1, 1))
    draw(axes, micrograph, instances, classes)
    if len(classes):
        corner = _emptiest_corner(instances)
        axes.legend(handles=_legend(set(classes)), loc=corner, fontsize=_points(axes), facecolor=BACKDROP)
    return figure


Corner = Literal["upper right", "upper left", "lower right"]


def _emptiest_corner(instances: IntArray) -> Corner:
    """The corner where a legend hides least of the particles; the lower left one is the scale bar's."""
    rows, columns = (-(-edge // 3) for edge in instances.shape)
    corners: dict[Corner, IntArray] = {
        "upper right": instances[:rows, -columns:],
        "upper left": instances[:rows, :columns],
        "lower right": instances[-rows:, -columns:],
    }
    return min(corners, key=lambda name: np.count_nonzero(corners[name]))


def draw(
    axes: Axes,
    micrograph: Micrograph,
    instances: IntArray,
    classes: pd.Series,
    numbers: bool = True,
    width: float = 1.5,
) -> None:
    """Image, outlines, numbers and scale bar in the given axes."""
    rows, columns = micrograph.image.shape
    axes.imshow(_grey(micrograph.image), interpolation="nearest", extent=(-0.5, columns - 0.5, rows - 0.5, -0.5))
    outlines(axes, instances, dict(classes.map(COLOURS)), width)
    if numbers:
        for number, (row, column) in _centres(instances).items():
            mark = f"{number}!" if classes.get(number) == "fault" else str(number)
            colour = COLOURS.get(classes.get(number, ""), "white")
            axes.text(column, row, mark, color=colour, fontsize=11, ha="center", va="center", path_effects=[OUTLINED])
    scale_bar(axes, micrograph)
    axes.set_axis_off()


def outlines(axes: Axes, instances: IntArray, colours: Mapping[Any, str], width: float = 1.5) -> None:
    """A closed line around every particle, at the border of its pixels."""
    for number, box in boxes(instances):
        alone = np.pad(instances[box] == number, 1).astype(float)
        for line in find_contours(alone, 0.5):
            rows, columns = line.T
            colour = colours.get(number, "white")
            axes.plot(columns + box[1].start - 1, rows + box[0].start - 1, color=colour, lw=width)


def scale_bar(axes: Axes, micrograph: Micrograph) -> None:
    """A bar of a round length near a fifth of the image's width, lower left."""
    rows, columns = micrograph.image.shape
    wanted = columns * micrograph.pixel_size_nm / 5
    length_nm = ROUND_NM[np.abs(np.log(ROUND_NM / wanted)).argmin()]
    left, bottom = 0.04 * columns, 0.95 * rows
    right = left + length_nm / micrograph.pixel_size_nm
    axes.plot([left, right], [bottom, bottom], color="white", lw=4, solid_capstyle="butt", path_effects=[OUTLINED])
    axes.text(
        (left + right) / 2, bottom - 0.015 * rows, f"{length_nm} nm", color="white", ha="center", va="bottom",
        fontsize=_points(axes), path_effects=[OUTLINED],
    )  # fmt: skip
    axes.set_xlim(-0.5, columns - 0.5)
    axes.set_ylim(rows - 0.5, -0.5)


def _points(axes: Axes) -> float:
    """Size of writing: a hundredth of the axes' larger side, for a large picture is looked at on the same screen."""
    box = axes.get_window_extent()
    return max(10.0, max(box.width, box.height) / 100)


def gallery(
    micrographs: Sequence[LabelledMicrograph], instances: Sequence[IntArray], classes: Sequence[pd.Series]
) -> Figure:
    """Micrographs with the truth dashed and the prediction drawn through, each coloured by its class."""
    columns = (len(micrographs) + 1) // 2
    figure, grid = plt.subplots(2, columns, figsize=(4 * columns, 9), squeeze=False, layout="constrained")
    for axes in grid.flat:
        axes.set_axis_off()
    for axes, micrograph, found, guess in zip(grid.flat, micrographs, instances, classes, strict=False):
        draw(axes, micrograph, found, guess, numbers=False)
        truth = micrograph.mask.astype(float)
        if truth.any() and not truth.all():
            axes.contour(truth, [0.5], colors=TRUTH, linewidths=1, linestyles="--")
        axes.set_title(f"{_taken(micrograph)}, {micrograph.pixel_size_nm:.3f} nm/px", fontsize=9)
    known = any(len(guess) for guess in classes)
    drawn = _legend(set(ANSWERS)) if known else [Line2D([], [], color="white", label="found")]
    handles = [*drawn, Line2D([], [], color=TRUTH, ls="--", label="true outline")]
    figure.legend(handles=handles, ncols=len(handles), loc="outside lower center", facecolor=BACKDROP)
    return figure


def _taken(micrograph: Micrograph) -> str:
    """How a micrograph was taken, or its name where that is not known."""
    taken = micrograph.metadata
    if not {"defocus_nm", "dose_e_per_nm2"} <= taken.keys():
        return micrograph.name
    return f"defocus {taken['defocus_nm']:.0f} nm, {taken['dose_e_per_nm2'] / 100:.0f} e/Å$^2$"


def breakdown(parts: pd.DataFrame, title: str) -> Figure:
    """Dice with its interval for every range of every condition, as from `hrtem_lab.evaluation.breakdown`."""
    places = np.arange(len(parts)) + 0.7 * pd.factorize(parts["condition"])[0]
    figure, axes = plt.subplots(figsize=(7, 1.5 + 0.27 * len(parts)), layout="constrained")
    away = [parts["dice"] - parts["dice_low"], parts["dice_high"] - parts["dice"]]
    axes.errorbar(parts["dice"], places, xerr=np.maximum(away, 0), fmt="o", color="black", capsize=3)
    names = parts["condition"].where(parts["condition"] != parts["condition"].shift(), "")
    labels = [f"{n}   {r}  (n={m})" for n, r, m in zip(names, parts["range"], parts["micrographs"], strict=True)]
    axes.set_yticks(places, labels, fontsize=8)
    axes.invert_yaxis()
    axes.set_xlim(None, 1)
    axes.set_xlabel("Dice per micrograph, 95 % interval")
    axes.set_title(title)
    axes.grid(axis="x", color=BACKDROP, lw=0.5)
    return figure


def contact_sheet(micrographs: Sequence[LabelledMicrograph], rows: int = 4, columns: int = 6) -> Figure:
    """Simulated micrographs in a grid with the true outlines, coloured by class, and the condition of each."""
    engine = ConstrainedLayoutEngine(w_pad=0.03, h_pad=0.03, wspace=0, hspace=0)
    figure = plt.figure(figsize=(columns * 3.6, rows * 3.83 + 0.4), layout=engine)
    grid = figure.subplots(rows, columns, squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    for axes, micrograph in zip(grid.flat, micrographs, strict=False):
        classes = micrograph.facts.get("label", pd.Series(dtype=object))
        draw(axes, micrograph, micrograph.instances, classes, numbers=False, width=0.9)
        axes.images[0].set_interpolation("auto")  # smooth where it is shrunk: fringes must not beat with the screen
        axes.set_title(_caption(micrograph), fontsize=9, pad=3)
    handles = _legend(set(CLASSES[:3]))
    figure.legend(handles=handles, ncols=3, loc="outside lower center", facecolor=BACKDROP)
    if not micrographs:
        figure.text(0.5, 0.5, "no specimens", ha="center", fontsize=24)
    return figure


def _caption(micrograph: LabelledMicrograph) -> str:
    condition, found = micrograph.metadata, micrograph.facts.get("material", pd.Series(dtype=object))
    what = ", ".join(sorted(found.unique())) or "no particle"
    focus, dose = round(condition["defocus_nm"]), condition["dose_e_per_nm2"] / 100
    return f"{what}, defocus {focus:+d} nm, {dose:.0f} e/Å$^2$, {micrograph.pixel_size_nm:.3f} nm/px"


def typical(scores: pd.DataFrame, number: int = 8) -> list[int]:
    """Rows spread evenly from the worst to the best Dice, so that a gallery flatters nobody."""
    order = scores["dice"].reset_index(drop=True).dropna().sort_values().index
    return [
        int(order[i]) for i in np.unique(np.linspace(0, len(order) - 1, min(number, len(order))).round().astype(int))
    ]


def comparison(dice: dict[str, npt.NDArray[np.float64]], results: pd.DataFrame) -> Figure:
    """Dice of every method: mean with its interval, and each test micrograph as a point."""
    figure, axes = plt.subplots(figsize=(1.6 + 1.3 * len(dice), 4.2))
    jitter = np.random.default_rng(0).uniform(-0.16, 0.16, max(map(len, dice.values()), default=0))
    for x, (name, row) in enumerate(results.iterrows()):
        values = dice[str(name)]
        axes.plot(x + jitter[: len(values)], values, ".", color="#999999", ms=5, zorder=1)
        bounds = np.nan_to_num([[row["dice"] - row["dice_low"]], [row["dice_high"] - row["dice"]]])
        axes.errorbar(x, row["dice"], yerr=bounds, fmt="o", color="#0072B2", capsize=5, zorder=2)
        axes.annotate(f"{row['dice']:.3f}", (x, row["dice"]), (10, 0), textcoords="offset points", va="center")
    axes.set_xticks(range(len(results)), [str(n) for n in results.index])
    axes.set_xlim(-0.5, len(results) - 0.3)
    axes.set_ylim(-0.03, 1.03)
    axes.set_ylabel("Dice of the particle class, per test micrograph")
    figure.tight_layout()
    return figure


def confusion(counts: pd.DataFrame, title: str) -> Figure:
    """Confusion matrix: counts, shaded by the share of the true class."""
    figure, axes = plt.subplots(figsize=(5.4, 4.8))
    share = counts.div(counts.sum(axis=1).replace(0, np.nan), axis=0).fillna(0).to_numpy()
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    for row, column in np.ndindex(*counts.shape):
        colour = "white" if share[row, column] > 0.6 else "black"
        axes.text(column, row, str(counts.iat[row, column]), ha="center", va="center", color=colour)
    names = [str(c).replace("_", " ") for c in counts.index]
    axes.set_xticks(range(len(names)), names, rotation=30, ha="right")
    axes.set_yticks(range(len(names)), names)
    axes.set_xlabel("predicted class")
    axes.set_ylabel("true class")
    axes.set_title(title)
    figure.tight_layout()
    return figure


def reliability(counts: pd.DataFrame) -> Figure:
    """Share of particle against the probability that was given, and below it how many pixels each point stands for.

    Args:
        counts: As from `hrtem_lab.evaluation.calibration_counts`, summed over micrographs.
    """
    figure, (above, below) = plt.subplots(
        2, 1, figsize=(4.8, 5.6), sharex=True, height_ratios=(3, 1), layout="constrained"
    )
    met = counts[counts["pixels"] > 0]
    above.plot([0, 1], [0, 1], color=BACKDROP, lw=1, label="calibrated")
    given, share = (met[column] / met["pixels"] for column in ("probability", "particle"))
    above.plot(given, share, "o-", color="#0072B2", label="U-Net")
    above.set_ylabel("share of particle")
    above.set_ylim(-0.03, 1.03)
    above.legend(loc="upper left")
    above.set_title(f"Expected calibration error {ece(counts):.3f}")
    width = 1 / len(counts)
    below.bar((counts.index + 0.5) * width, counts["pixels"], 0.9 * width, color=BACKDROP)
    below.set_yscale("log" if met["pixels"].sum() else "linear")
    below.set_ylabel("pixels")
    below.set_xlabel("probability of a particle")
    below.set_xlim(0, 1)
    return figure


def _legend(classes: set[str]) -> list[Line2D]:
    return [Line2D([], [], color=COLOURS[c], lw=2, label=c.replace("_", " ")) for c in ANSWERS if c in classes]


def _grey(image: FloatArray) -> npt.NDArray[np.uint8]:
    """The image as red, green and blue, (rows, columns, 3), stretched between its 0.2 % and 99.8 % quantiles.

    Averaged down to what a figure can show, and in bytes: drawing takes many times the memory of what it is given.
    """
    rows, columns = image.shape
    zoom = LARGEST_PX / max(rows, columns)
    if zoom < 1:
        size = max(round(columns * zoom), 1), max(round(rows * zoom), 1)
        image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), dtype=np.float32)
    low, high = np.quantile(image, [0.002, 0.998])
    grey = np.clip((image - low) / max(high - low, 1e-6), 0, 1)
    return np.repeat((255 * grey).round().astype(np.uint8)[..., None], 3, axis=2)


def _centres(instances: IntArray) -> dict[int, tuple[float, float]]:
    """Row and column of every particle's centroid."""
    found = {}
    for number, (rows, columns) in boxes(instances):
        row, column = np.argwhere(instances[rows, columns] == number).mean(axis=0)
        found[number] = (rows.start + row, columns.start + column)
    return found
