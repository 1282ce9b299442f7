"""What is trusted and what is not, by references that were drawn."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hrtem_lab.analysis.fringes import measure_fringes
from hrtem_lab.analysis.image_statistics import STATISTICS, describe_statistic, measure_image
from hrtem_lab.analysis.output_statistics import measure_outputs
from hrtem_lab.analysis.quality import REFERENCE, Quality, QualityReference, shorter_side_nm, weights_fingerprint
from hrtem_lab.analysis.quality_fit import MeasuredImages, count_flagged, fit_reference, score_held_out
from hrtem_lab.micrograph import InputError, Micrograph
from hrtem_lab.segmentation.preprocessing import Preprocessing
from tests.models import save_model

PREPROCESSING = Preprocessing()
PIXEL_NM = 0.04


def field(seed: int, **kinds: bool) -> Micrograph:
    """Film, as filtered noise, under shot noise; `streaked`: it moved along rows, `saturated`: half of it is white."""
    rng = np.random.default_rng(seed)
    film = np.fft.ifft2(np.fft.fft2(rng.normal(size=(200, 200))) / (1 + (np.hypot(*frequencies()) / 1.5) ** 2)).real
    if kinds.get("streaked"):
        film = np.mean([np.roll(film, shift, axis=1) for shift in range(20)], axis=0)
    image = 100 * (1 + 0.1 * film / film.std()) + rng.normal(0, 5, film.shape)
    if kinds.get("saturated"):
        image[:, 100:] = image.max()
    return Micrograph(image=image.astype(np.float32), pixel_size_nm=PIXEL_NM * rng.uniform(0.9, 1.1), name="field")


def frequencies() -> tuple[np.ndarray, np.ndarray]:
    f = np.fft.fftfreq(200, PIXEL_NM)
    return f[:, None] * np.ones(200), f[None, :] * np.ones((200, 1))


def outputs(seed: int, level: float = 0.02) -> np.ndarray:
    """A network that is sure that there is nothing."""
    return np.random.default_rng(seed).uniform(0, 2 * level, (2, 50, 50)).astype(np.float32)


@pytest.fixture(scope="module")
def images() -> MeasuredImages:
    """60 plain fields and 30 that moved."""
    micrographs = [field(seed) for seed in range(60)] + [field(seed, streaked=True) for seed in range(100, 130)]
    return MeasuredImages(
        statistics=np.array([measure_image(m, PREPROCESSING(m), PREPROCESSING) for m in micrographs]),
        network=np.array([measure_outputs(outputs(seed)) for seed in range(90)]),
        kinds=np.array(["good"] * 60 + ["drift"] * 30),
        specimens=np.arange(90),
        pixel_sizes_nm=np.array([m.pixel_size_nm for m in micrographs]),
        sides_nm=np.array([shorter_side_nm(m) for m in micrographs]),
    )


@pytest.fixture(scope="module")
def reference(images: MeasuredImages) -> QualityReference:
    return fit_reference(images, score_held_out(images), [2.0, 2.5], "", {"made": "in a test"})


def judge(reference: QualityReference, micrograph: Micrograph, level: float = 0.02) -> Quality:
    return reference.judge(micrograph, PREPROCESSING, outputs(1000, level))


def test_new_fields_of_the_same_kind_are_good(reference: QualityReference):
    verdicts = [judge(reference, field(seed)).value for seed in range(200, 230)]
    assert verdicts.count("good") >= 26


def test_a_field_that_moved_is_said_to_have_drifted(reference: QualityReference):
    verdicts = [judge(reference, field(seed, streaked=True)) for seed in range(200, 210)]
    assert all(verdict.value == "doubtful" for verdict in verdicts)
    assert "drifted" in verdicts[0].reason
    assert verdicts[0].fault_score > 1


def test_what_was_in_no_training_is_unlike_it(reference: QualityReference):
    verdict = judge(reference, field(300, saturated=True))
    assert verdict.image_distance > 1
    assert "unlike those of the training" in verdict.reason


def test_a_network_that_answers_unusually_is_noticed(reference: QualityReference):
    verdict = judge(reference, field(200), level=0.4)
    assert verdict.network_distance > 1
    assert "network" in verdict.reason


@pytest.mark.parametrize("factor", [0.1, 0.5, 2.0])
def test_a_pixel_size_outside_the_range_of_training_is_said(reference: QualityReference, factor: float):
    micrograph = replace(field(200), pixel_size_nm=factor * PIXEL_NM)
    assert f"{factor * PIXEL_NM:.3g} nm is outside the range" in judge(reference, micrograph).reason


def test_a_field_that_is_too_small_to_be_judged_is_said_and_nothing_else(reference: QualityReference):
    small = replace(field(200), image=field(200).image[:100, :150])
    (reason,) = judge(reference, small).reasons
    assert reason == f"a field of {shorter_side_nm(small):.2g} nm is too small to be judged, expected 7.3 nm or more"


def test_every_statistic_has_words():
    assert all(describe_statistic(name) for name in STATISTICS)
    assert describe_statistic("lattice_in_100%") == "lattice over the field"


def coarse_field(seed: int, spacing_nm: float) -> Micrograph:
    """Dark discs of 20 nm under shot noise, said to have pixels of 0.3 nm; one of them shows fringes."""
    rng, row, column = np.random.default_rng(seed), *np.mgrid[:300, :300]
    inside = [np.hypot(row - top, column - left) < 33 for top, left in ((70, 90), (200, 180))]
    image = 100 - 20 * (inside[0] | inside[1]) + rng.normal(0, 5, row.shape)
    if spacing_nm:
        image += 6 * inside[0] * np.cos(2 * np.pi * 0.3 * (0.6 * row + 0.8 * column) / spacing_nm)
    return Micrograph(image=image.astype(np.float32), pixel_size_nm=0.3, name="coarse")


def test_a_coarse_micrograph_with_fringes_that_no_lattice_has_is_doubtful(reference: QualityReference):
    plain = [measure_fringes(coarse_field(seed, 0.0), PREPROCESSING) for seed in range(20)]
    reference = replace(reference, fringe_threshold=max(plain))
    verdict = reference.judge_coarse(coarse_field(30, 2.36), PREPROCESSING)
    assert verdict.value == "doubtful"
    assert "about a tenth as large" in verdict.reason
    values = [reference.judge_coarse(coarse_field(seed, 0.0), PREPROCESSING).value for seed in range(40, 60)]
    assert values.count("not judged") >= 17
    unknown = replace(reference, fringe_threshold=None)
    assert unknown.judge_coarse(coarse_field(30, 2.36), PREPROCESSING).value == "not judged"


def test_what_another_network_answered_is_judged_by_the_image_alone(reference: QualityReference):
    verdict = reference.judge(field(200), PREPROCESSING, None)
    assert np.isnan(verdict.network_distance)
    assert verdict.image_distance == judge(reference, field(200)).image_distance


def test_flagged_images_are_counted_by_kind(images: MeasuredImages, reference: QualityReference):
    table = count_flagged(images, score_held_out(images), reference).set_index("kind")
    assert table["images"].to_dict() == {"good": 60, "drift": 30}
    assert table.loc["good", "share"] <= 0.07
    assert table.loc["drift", "share"] >= 0.9
    assert (table["low"] <= table["share"]).all()
    assert (table["share"] <= table["high"]).all()


def test_a_reference_is_saved_and_read(reference: QualityReference, tmp_path: Path):
    save_model(tmp_path, forest=False)
    reference = replace(reference, weights=weights_fingerprint(tmp_path))
    reference.save(tmp_path)
    read = QualityReference.load_if_present(tmp_path)
    assert read is not None
    one, other = judge(reference, field(200, saturated=True)), judge(read, field(200, saturated=True))
    assert one.reasons == other.reasons
    assert other.image_distance == pytest.approx(one.image_distance, rel=1e-2)
    assert read.made == {"made": "in a test"}


def test_the_reference_of_another_network_judges_the_image_alone(reference: QualityReference, tmp_path: Path):
    save_model(tmp_path, forest=False)
    replace(reference, weights="0123456789abcdef").save(tmp_path)
    read = QualityReference.load_if_present(tmp_path)
    assert read is not None
    assert np.isnan(judge(read, field(200)).network_distance)


def test_a_model_without_a_reference_judges_nothing(tmp_path: Path):
    assert QualityReference.load_if_present(tmp_path) is None
    assert Quality(judged=False).columns()["quality"] == "not judged"


def test_a_damaged_reference_is_refused_in_a_line(tmp_path: Path):
    (tmp_path / REFERENCE).write_text("{}", encoding="utf-8")
    with pytest.raises(InputError, match=r"reference.json: cannot be read .* make it again"):
        QualityReference.load_if_present(tmp_path)


def test_statistics_do_not_depend_on_the_unit_of_the_image():
    micrograph = field(1)
    other = replace(micrograph, image=7 * micrograph.image)
    one, two = (measure_image(m, PREPROCESSING(m), PREPROCESSING) for m in (micrograph, other))
    assert len(one) == len(STATISTICS)
    assert one == pytest.approx(two, abs=0.02)


def test_a_turn_by_a_quarter_changes_no_statistic():
    micrograph = field(2)
    turned = replace(micrograph, image=np.rot90(micrograph.image).copy())
    one, two = (measure_image(m, PREPROCESSING(m), PREPROCESSING) for m in (micrograph, turned))
    assert np.delete(one, STATISTICS.index("equal_neighbours")) == pytest.approx(
        np.delete(two, STATISTICS.index("equal_neighbours")), abs=0.05
    )


@pytest.mark.parametrize("side", [1, 20, 70])
def test_small_images_have_statistics(side: int):
    micrograph = Micrograph(image=np.random.default_rng(0).normal(size=(side, side)).astype(np.float32),
                            pixel_size_nm=PIXEL_NM, name="small")  # fmt: skip
    assert np.isfinite(measure_image(micrograph, PREPROCESSING(micrograph), PREPROCESSING)).all()
