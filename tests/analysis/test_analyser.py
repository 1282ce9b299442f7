"""From Python: an image in, an analysis out."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import hrtem_lab
from hrtem_lab.defects import Forest
from hrtem_lab.particles import lattice_features, measure
from hrtem_lab.segmentation.network_segmenter import NetworkSegmenter
from hrtem_lab.segmentation.preprocessing import Preprocessing
from tests.models import Dark, save_model, save_onnx_model

PIXEL_NM = 0.05


@pytest.fixture
def discs() -> np.ndarray:
    """Two dark discs on noise, 3 and 2 nm wide."""
    row, column = np.mgrid[:160, :200]
    truth = (np.hypot(row - 60, column - 70) < 30) | (np.hypot(row - 110, column - 150) < 20)
    return (np.random.default_rng(0).normal(1000, 30, truth.shape) - 200 * truth).astype(np.float32)


@pytest.fixture
def analyser(tmp_path: Path) -> hrtem_lab.Analyser:
    """A segmenter whose answer is known, and a forest."""
    segmenter = NetworkSegmenter(net=Dark(), preprocessing=Preprocessing())
    return hrtem_lab.Analyser(segmenter, Forest.load_if_present(save_model(tmp_path)), lattice_features)


def test_an_array_is_found_measured_and_classified(discs: np.ndarray, analyser: hrtem_lab.Analyser):
    analysis = analyser(discs, pixel_size_nm=PIXEL_NM)
    assert sorted(analysis.table["equivalent_diameter_nm"]) == pytest.approx([2.0, 3.0], rel=0.1)
    assert analysis.instances.shape == analysis.probability.shape == discs.shape
    assert analysis.table.index.tolist() == [1, 2]
    assert analysis.table["class"].notna().all()
    again = measure(analysis.instances, PIXEL_NM)
    assert analysis.table["feret_min_nm"].tolist() == pytest.approx(again["feret_min_nm"].tolist(), rel=0.02)


def test_pixels_too_coarse_for_a_lattice_give_sizes_and_no_class(discs: np.ndarray, analyser: hrtem_lab.Analyser):
    segmenter = analyser.segmenter
    coarse = replace(segmenter, preprocessing=replace(segmenter.preprocessing, max_pixel_size_nm=1.0))
    analysis = replace(analyser, segmenter=coarse)(discs, pixel_size_nm=0.5)
    assert sorted(analysis.table["equivalent_diameter_nm"]) == pytest.approx([20.0, 30.0], rel=0.1)
    assert (analysis.table["class"] == "unresolved").all()
    assert analysis.table.filter(regex="^p_").isna().all(axis=None)
    assert "Nyquist" in analysis.micrograph.notes[-1]
    assert list(analysis.table.columns) == list(analyser(discs, PIXEL_NM).table.columns)


def test_a_coarse_micrograph_is_left_to_the_second_network(discs: np.ndarray, tmp_path: Path):
    """The first refuses it; the second takes the same settings."""
    folder = save_model(tmp_path)
    with pytest.raises(hrtem_lab.InputError, match=r"a pixel is 0\.5 nm"):
        hrtem_lab.load(folder)(discs, pixel_size_nm=0.5)
    (folder / "second").mkdir()
    save_onnx_model(folder / "second", max_pixel_size_nm=1.0)
    analyser = hrtem_lab.load(folder, min_diameter_nm=25.0)
    assert len(analyser(discs, pixel_size_nm=0.5).table) == 1


def test_without_a_forest_there_are_no_classes(discs: np.ndarray, analyser: hrtem_lab.Analyser):
    assert replace(analyser, forest=None)(discs, PIXEL_NM).classes.empty


def test_the_settings_of_a_model_can_be_overruled(tmp_path: Path):
    folder = save_model(tmp_path)
    analyser = hrtem_lab.load(folder, threshold=0.7, min_diameter_nm=2.5, tta=True)
    assert (analyser.segmenter.threshold, analyser.segmenter.min_diameter_nm, analyser.segmenter.tta) == (
        0.7,
        2.5,
        True,
    )
    assert analyser.model | {"threshold": 0.7, "min_diameter_nm": 2.5, "tta": True} == analyser.model
    as_trained = hrtem_lab.load(folder).segmenter
    assert (as_trained.threshold, as_trained.min_diameter_nm, as_trained.tta) == (0.5, 1.0, False)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        *(({"threshold": value}, f"threshold is {value}, expected a number above 0") for value in (0, 1, -0.5, np.nan)),
        *(({"min_diameter_nm": value}, f"min_diameter_nm is {value}, expected") for value in (-1, np.nan, np.inf)),
    ],
)
def test_a_setting_out_of_its_range_is_refused_in_a_line(settings: dict[str, float], message: str, tmp_path: Path):
    with pytest.raises(hrtem_lab.InputError, match=message):
        hrtem_lab.load(tmp_path, **settings)


def test_the_model_that_comes_along_finds_the_sample():
    """A real micrograph with one particle, which the edge cuts."""
    analysis = hrtem_lab.analyse(Path(__file__).parents[2] / "examples" / "lb_au10nm_114.tif")
    assert len(analysis.table) == 1
    assert analysis.uncut.empty
    figure = hrtem_lab.figures.overlay(analysis)
    assert figure.axes
