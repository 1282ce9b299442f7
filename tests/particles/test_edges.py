"""Drawn particles whose edge is known: discs, spheres and polygons, with noise, fringes, rims and neighbours."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from scipy.special import expit, ndtr

from hrtem_lab.particles import closed_curves
from hrtem_lab.particles.half_contrast import half_contrast_edges
from hrtem_lab.particles.level_set import geometric_edges
from hrtem_lab.particles.measure import measure, measure_half_contrast

FIELD_NM = 9.0
OFFSET_NM = (0.013, -0.008)
"""Position of the particle between the pixels."""


def frame(pixel_nm, field_nm=FIELD_NM):
    """Row and column of every pixel in nm, from the middle of a particle."""
    size = round(field_nm / pixel_nm)
    return np.moveaxis((np.mgrid[:size, :size] - (size - 1) / 2) * pixel_nm, 0, -1) - OFFSET_NM


def disc(place, radius):
    """Signed distance from a circle."""
    return radius - np.hypot(*np.moveaxis(place, -1, 0))


def polygon(place, sides, inner_radius, turn=0.2):
    """Depth below the sides of a regular polygon, which is the signed distance from it but outside its corners."""
    angles = turn + 2 * np.pi * np.arange(sides) / sides
    return np.min([inner_radius - place @ [np.sin(a), np.cos(a)] for a in angles], axis=0)


def soft(distance, blur_nm=0.1):
    """A plateau of height 1 inside an edge that was blurred."""
    return ndtr(distance / blur_nm)


def measured(image, distance, pixel_nm, shift_nm=0.0, valid=None):
    """The row of a particle dark on bright, its outline given `shift_nm` too large."""
    level = (distance + shift_nm).astype(np.float32)
    instances = (level > 0).astype(np.int32)
    edges = geometric_edges(instances, level, pixel_nm)
    half = half_contrast_edges(image.astype(np.float32), instances, edges, pixel_nm, valid)
    return measure(instances, pixel_nm, valid, edges).join(measure_half_contrast(half, pixel_nm)).loc[1]


@pytest.mark.parametrize("pixel_nm", [0.02, 0.06, 0.25])
@pytest.mark.parametrize("radius_nm", [1.6, 2.5])
def test_the_geometric_edge_of_a_distance_map_is_exact(pixel_nm, radius_nm):
    found = measured(np.zeros(frame(pixel_nm).shape[:2]), disc(frame(pixel_nm), radius_nm), pixel_nm)
    for name in ("equivalent_diameter_nm", "feret_max_nm", "feret_min_nm"):
        assert found[name] == pytest.approx(2 * radius_nm, abs=0.08 * pixel_nm + 0.002), name
    assert found["half_contrast_reason"] == "no contrast"
    assert np.isnan(found["area_half_contrast_nm2"])


@pytest.mark.parametrize("shift_nm", [-0.3, 0.0, 0.3])
@pytest.mark.parametrize("pixel_nm", [0.02, 0.06])
def test_half_contrast_of_a_blurred_disc_wherever_the_outline_began(pixel_nm, shift_nm):
    distance = disc(frame(pixel_nm), 2.5)
    found = measured(100 - 30 * soft(distance), distance, pixel_nm, shift_nm)
    assert found["equivalent_diameter_half_contrast_nm"] == pytest.approx(5.0, abs=0.02)
    assert found["feret_min_half_contrast_nm"] == pytest.approx(5.0, abs=0.03)
    assert found["circularity_half_contrast"] > 0.99
    assert found["equivalent_diameter_nm"] == pytest.approx(5 + 2 * shift_nm, abs=0.005)


@pytest.mark.parametrize("sign", [-1, 1])
def test_a_sphere_is_half_as_thick_at_0_87_of_its_radius(sign):
    """The median of the inner half, at 0.35 of the radius, is 0.94 of the greatest; the Gaussian of 0.15 nm counts."""
    distance = disc(frame(0.03), 2.5)
    thickness = np.sqrt(np.clip(1 - ((2.5 - distance) / 2.5) ** 2, 0, None))
    found = measured(100 + sign * 30 * thickness, distance, 0.03)
    middle = len(thickness) // 2
    row = gaussian_filter(thickness, 0.15 / 0.03)[middle, middle:]
    radius = np.interp(-np.sqrt(1 - 0.5 / 4) / 2, -row, frame(0.03)[middle, middle:, 1])
    assert found["equivalent_diameter_half_contrast_nm"] == pytest.approx(2 * radius, abs=0.02)
    assert radius / 2.5 == pytest.approx(0.87, abs=0.01)


def test_lattice_fringes_do_not_count():
    place = frame(0.03)
    distance = disc(place, 2.5)
    fringes = 40 * np.sin(2 * np.pi * place @ [0.6, 0.8] / 0.2355) * (distance > 0)
    found = measured(100 - 30 * soft(distance) + fringes, distance, 0.03)
    assert found["equivalent_diameter_half_contrast_nm"] == pytest.approx(5.0, abs=0.02)


def test_a_bright_rim_moves_the_edge_by_what_the_gaussian_mixes_in():
    distance = disc(frame(0.03), 2.5)
    image = 100 - 30 * soft(distance) + 10 * np.exp(-(((distance + 0.5) / 0.15) ** 2))
    found = measured(image, distance, 0.03, 0.3)
    smooth = gaussian_filter(image, 0.15 / 0.03)
    middle = len(smooth) // 2
    row = smooth[middle, middle:]
    crossing = np.interp(85, row, frame(0.03)[middle, middle:, 1])
    assert found["equivalent_diameter_half_contrast_nm"] == pytest.approx(2 * crossing, abs=0.03)


def test_a_dark_rim_as_strong_as_the_particle_is_refused():
    distance = disc(frame(0.03), 2.0)
    image = 100 - 20 * soft(distance) + 25 * np.exp(-(((distance - 0.1) / 0.15) ** 2))
    image -= 25 * np.exp(-(((distance + 0.35) / 0.15) ** 2))
    assert "fringes" in measured(image, distance, 0.03)["half_contrast_reason"]


@pytest.mark.parametrize("sides", [4, 6])
def test_calipers_of_polygons(sides):
    place = frame(0.03)
    distance = polygon(place, sides, 2.0)
    found = measured(100 - 30 * soft(distance, 0.05), distance, 0.03)
    assert found["feret_min_nm"] == pytest.approx(4.0, abs=0.01)
    assert found["feret_min_half_contrast_nm"] == pytest.approx(4.0, abs=0.05)
    assert found["feret_max_half_contrast_nm"] == pytest.approx(4.0 / np.cos(np.pi / sides), abs=0.3)  # round corners


def test_a_neighbour_and_the_border_change_nothing_on_the_other_side():
    place = frame(0.03, 12.0)
    left, right = disc(place - [0, -2.0], 1.9), disc(place - [0, 2.0], 1.9)
    image = 100 - 30 * soft(left) - 60 * soft(right)
    instances = np.select([left > 0, right > 0], [1, 2]).astype(np.int32)
    edges = geometric_edges(instances, np.maximum(left, right).astype(np.float32), 0.03)
    table = measure_half_contrast(half_contrast_edges(image.astype(np.float32), instances, edges, 0.03), 0.03)
    assert table["half_contrast_reason"].isna().all()
    np.testing.assert_allclose(table["equivalent_diameter_half_contrast_nm"], 3.8, atol=0.05)


@pytest.mark.parametrize("steepness_per_nm", [-1.0, 0.0, 1e-6, 0.3, 20.0])
def test_an_edge_is_never_less_certain_than_anywhere_in_its_particle(steepness_per_nm: float):
    """A logistic edge deviates by pi / sqrt(3) over its steepness, an even one by its range over sqrt(3)."""
    radius_nm, pixel_nm = 2.0, 0.03
    distance = disc(frame(pixel_nm), radius_nm).astype(np.float32)
    probability = expit(steepness_per_nm * distance).astype(np.float32)
    edge = geometric_edges((distance > 0).astype(np.int32), distance, pixel_nm, probability)[1]
    logistic_nm = np.pi / np.sqrt(3) / steepness_per_nm if steepness_per_nm > 0 else np.inf
    assert edge.local_se_nm == pytest.approx(min(logistic_nm, radius_nm / np.sqrt(3)), rel=0.05)


def test_touching_particles_share_the_border_of_their_pixels():
    place = frame(0.05)
    level = (2.5 - np.hypot(*np.moveaxis(place, -1, 0))).astype(np.float32)
    instances = np.where(level > 0, 1 + (place[..., 1] > 0), 0).astype(np.int32)
    edges = geometric_edges(instances, level, 0.05)
    areas = [closed_curves.area(edge.curves) * 0.05**2 for edge in edges.values()]
    assert sum(areas) == pytest.approx(np.pi * 2.5**2, rel=0.005)
    np.testing.assert_array_equal(
        closed_curves.draw({n: e.curves for n, e in edges.items()}, instances.shape), instances
    )


def test_a_particle_that_the_border_cuts_keeps_the_border():
    distance = disc(frame(0.03)[150:], 2.5)
    instances = (distance > 0).astype(np.int32)
    edges = geometric_edges(instances, distance.astype(np.float32), 0.03)
    half = half_contrast_edges((100 - 30 * soft(distance)).astype(np.float32), instances, edges, 0.03)
    drawn = closed_curves.draw({1: half[1].curves}, instances.shape)
    assert (drawn[0] == instances[0]).mean() > 0.95
    assert np.count_nonzero(drawn) == pytest.approx(np.count_nonzero(instances), rel=0.02)


def test_what_is_not_valid_does_not_count():
    distance = disc(frame(0.03), 2.5)
    image = 100 - 30 * soft(distance)
    valid = np.ones(image.shape, bool)
    valid[:, : round(len(image) / 2 - 3.2 / 0.03)] = False
    changed = np.where(valid, image, 1e4)
    found, alone = (measured(each, distance, 0.03, valid=valid) for each in (changed, image))
    name = "equivalent_diameter_half_contrast_nm"
    assert found[name] == pytest.approx(alone[name], abs=1e-4)
    assert found["equivalent_diameter_half_contrast_nm"] == pytest.approx(5.0, abs=0.03)


def test_noise_that_hides_a_particle_is_the_reason():
    distance = disc(frame(0.05), 0.8)
    noise = np.random.default_rng(0).normal(0, 60, distance.shape)
    assert measured(100 - 4 * soft(distance) + noise, distance, 0.05)["half_contrast_reason"] == "noise"


@pytest.mark.parametrize(
    ("pixel_nm", "radius_nm", "noise", "grain_nm"),
    [(0.05, 2.5, 30.0, 0.0), (0.05, 1.5, 10.0, 0.0), (0.04, 2.0, 3.0, 0.2), (0.25, 4.0, 4.0, 0.0)],
)
def test_standard_errors_hold_the_truth_as_often_as_they_say(pixel_nm, radius_nm, noise, grain_nm):
    """Against the same particle without noise, in 60 images: two thirds within one error, nearly all within two."""
    field = 2 * radius_nm + max(4.0, 8 * pixel_nm)
    distance = disc(frame(pixel_nm, field), radius_nm)
    image = 100 - 30 * soft(distance, max(0.1, pixel_nm / 2))
    truth = measured(image, distance, pixel_nm)
    rng, deviations = np.random.default_rng(1), []
    for _ in range(60):
        grains = rng.normal(size=image.shape)
        if grain_nm:
            grains = gaussian_filter(grains, grain_nm / pixel_nm, mode="wrap")
        found = measured(image + noise * grains / grains.std(), distance, pixel_nm)
        name = "equivalent_diameter_half_contrast"
        deviations.append((found[f"{name}_nm"] - truth[f"{name}_nm"]) / found[f"{name}_se_nm"])
    assert np.mean(np.abs(deviations) < 1) == pytest.approx(0.68, abs=0.17)
    assert np.mean(np.abs(deviations) < 2) > 0.87
    assert abs(np.mean(deviations)) < 0.5


def test_an_image_smaller_than_a_working_pixel_holds_no_edges():
    image = np.ones((3, 3), np.float32)
    assert half_contrast_edges(image, np.zeros((3, 3), np.int32), {}, 0.001) == {}
