"""Pictures that say what their numbers say."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from matplotlib.patches import Circle
from PIL import Image

from hrtem_lab.analysis.analyser import Analysis
from hrtem_lab.analysis.quality import Quality
from hrtem_lab.figures import micrographs
from hrtem_lab.figures.fault_lines import SIDES
from hrtem_lab.figures.style import save
from hrtem_lab.micrograph import Micrograph
from hrtem_lab.particles import FaultLine
from hrtem_lab.particles.fault_lines import Spot


def analysis(micrograph: Micrograph, instances: np.ndarray, classes: dict[int, str]) -> Analysis:
    """Particles as they were found, of these classes."""
    table = pd.DataFrame({"class": classes})
    return Analysis(micrograph=micrograph, instances=instances, probability=np.float32(instances > 0), table=table)


@pytest.mark.parametrize(("rows", "columns"), [(900, 700), (1500, 4200), (40, 60)])
def test_an_overlay_shows_a_micrograph_of_any_size_with_its_particle_where_it_is(rows, columns, tmp_path):
    """A bright square on a dark field: in the picture it is as large and where it was, inside a coloured outline."""
    image, instances = np.zeros((rows, columns), np.float32), np.zeros((rows, columns), np.int32)
    box = slice(rows // 2, rows // 2 + rows // 4), slice(columns // 5, columns // 5 + columns // 4)
    image[box], instances[box] = 1, 7
    micrograph = Micrograph(image=image, pixel_size_nm=0.02, name="square")
    save(micrographs.overlay(analysis(micrograph, instances, {7: "fault"})), tmp_path / "overlay.png")
    with Image.open(tmp_path / "overlay.png") as picture:
        drawn = np.asarray(picture.convert("RGB"))
    assert 800 <= max(drawn.shape) <= 2048
    assert drawn.shape[1] / drawn.shape[0] == pytest.approx(columns / rows, rel=0.01)
    zoom = drawn.shape[0] / rows
    # left of the number, right of the outline; and as far outside it
    row, inside, outside = (round(zoom * place) for place in (0.7 * rows, 0.22 * columns, 0.17 * columns))
    assert drawn[row, inside].tolist() == [255] * 3
    assert drawn[row, outside].tolist() == [0] * 3
    edge = drawn[row, outside:inside].astype(int)
    orange = np.abs(edge - (0xD5, 0x5E, 0x00)).sum(axis=1)
    assert orange.min() < 60
    assert (outside + orange.argmin()) / zoom == pytest.approx(columns // 5, abs=3 / zoom + 1)


@pytest.mark.parametrize("side", [64, 300, 1500])
def test_a_warning_is_read_in_full(side):
    """Its lines are inside the picture, and the legend is elsewhere."""
    instances = np.zeros((side, side), np.int32)
    instances[side // 2 :] = 1
    micrograph = Micrograph(image=np.zeros((side, side), np.float32), pixel_size_nm=0.02, name="doubtful")
    quality = Quality(("the true pixel seems to be about twice as large as the one given", "something else " * 9))
    figure = micrographs.overlay(replace(analysis(micrograph, instances, {1: "no_fault"}), quality=quality))
    axes = figure.axes[0]
    figure.canvas.draw()
    picture, legend = axes.get_window_extent(), axes.get_legend().get_window_extent()
    (warning,) = (text for text in axes.texts if "twice as large" in text.get_text())
    lines = warning.get_bbox_patch().get_window_extent()
    assert picture.x0 <= warning.get_window_extent().x0
    assert warning.get_window_extent().x1 <= picture.x1
    assert not lines.overlaps(legend)


@pytest.mark.parametrize(("suffix", "beginning"), [(".png", b"\x89PNG"), (".svg", b"<?xml"), (".pdf", b"%PDF")])
def test_a_picture_has_the_format_of_its_suffix(suffix: str, beginning: bytes, tmp_path):
    instances = np.zeros((30, 40), np.int32)
    instances[10:20, 10:20] = 1
    micrograph = Micrograph(image=np.zeros(instances.shape, np.float32), pixel_size_nm=0.05, name="one")
    save(micrographs.overlay(analysis(micrograph, instances, {1: "fault"})), tmp_path / f"one{suffix}")
    assert (tmp_path / f"one{suffix}").read_bytes().startswith(beginning)


@pytest.mark.parametrize("corner", ["upper right", "upper left", "lower right"])
def test_the_legend_of_an_overlay_hides_no_particle_where_a_corner_is_free(corner):
    instances = np.zeros((90, 60), np.int32)
    instances[:25, 40:], instances[:25, :20], instances[65:, 40:] = 1, 2, 3
    instances[{"upper right": instances == 1, "upper left": instances == 2, "lower right": instances == 3}[corner]] = 0
    micrograph = Micrograph(image=np.zeros(instances.shape, np.float32), pixel_size_nm=0.05, name="corners")
    classes = {number: "no_fault" for number in (1, 2, 3) if number in instances}
    figure = micrographs.overlay(analysis(micrograph, instances, classes))
    figure.canvas.draw()
    axes = figure.axes[0]
    box = axes.get_legend().get_window_extent().transformed(axes.transData.inverted())
    assert {"right": box.x0 > 20, "left": box.x1 < 40}[corner.split()[1]]
    assert {"upper": max(box.y0, box.y1) < 45, "lower": min(box.y0, box.y1) > 45}[corner.split()[0]]


def test_centres_are_those_of_the_particles():
    instances = np.zeros((20, 30), np.int32)
    instances[2:5, 10:15], instances[8:10, 0], instances[15, 15] = 4, 2, 9
    assert micrographs._centroids(instances) == {4: (3, 12), 2: (8.5, 0), 9: (15, 15)}


def test_the_line_of_a_fault_is_drawn_where_it_is_with_the_spots_of_both_sides():
    """On a black field, the two colours lie on either side of the line, and the spots in a disc beside its end."""
    instances = np.zeros((400, 400), np.int32)
    instances[150:250, 150:250] = 3
    spots = (Spot(0.0, 4.2, "both"), Spot(4.0, 1.4, "left"), Spot(-4.0, 1.4, "right"))
    line = FaultLine("twin", 200.0, 200.0, 0.0, 0.0, 2.0, 0.9, spots)  # its normal along columns: it stands upright
    found = analysis(
        Micrograph(image=np.zeros(instances.shape, np.float32), pixel_size_nm=0.02, name="twin"),
        instances,
        {3: "fault"},
    )
    figure = micrographs.overlay(replace(found, fault_lines={3: line}))
    figure.canvas.draw()
    axes = figure.axes[0]
    upright = [drawn for drawn in axes.lines if np.ptp(drawn.get_xdata()) == 0 and drawn.get_color() in SIDES.values()]
    for side, is_aside in (("left", np.less), ("right", np.greater)):
        pieces = [drawn for drawn in upright if drawn.get_color() == SIDES[side]]
        rows = np.concatenate([drawn.get_ydata() for drawn in pieces])
        assert is_aside([drawn.get_xdata()[0] for drawn in pieces], 200.0).all()
        assert (rows.min(), rows.max()) == pytest.approx((130.0, 270.0))  # 0.4 nm beyond each end
    (disc,) = [patch for patch in axes.patches if isinstance(patch, Circle)]
    assert disc.center[0] == pytest.approx(200.0)
    assert abs(disc.center[1] - 200.0) > 70 + disc.radius
    dots = [dot for dot in axes.collections if len(dot.get_offsets()) == 1]
    assert len(dots) == 2 * len(spots) + 1
