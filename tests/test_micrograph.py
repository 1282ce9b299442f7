from dataclasses import replace

import numpy as np
import pytest

from hrtem_lab.micrograph import CLASSES, InputError, LabelledMicrograph, ParticleClass


def test_classes_keep_their_names_and_order() -> None:
    """Saved forests and tables of probabilities hold them."""
    assert CLASSES == ("fault", "no_fault", "no_fringe", "agglomerate", "empty")
    assert tuple(ParticleClass) == CLASSES


def test_properties_of_the_classes() -> None:
    assert [each for each in ParticleClass if each.is_particle] == ["fault", "no_fault", "no_fringe"]
    assert [each for each in ParticleClass if each.shows_lattice] == ["fault", "no_fault"]


def test_the_truth_of_the_other_outline_keeps_particles_that_have_none() -> None:
    geometric = np.zeros((9, 9), dtype=np.int32)
    geometric[1:4, 1:4], geometric[5:8, 5:8] = 1, 2
    half = np.zeros_like(geometric)
    half[2, 2] = 1
    drawn = LabelledMicrograph(
        image=np.zeros((9, 9), np.float32),
        pixel_size_nm=0.1,
        name="a",
        group="a",
        instances=geometric,
        half_contrast=half,
    )
    moved = drawn.with_outline("half_contrast")
    assert (moved.outline, moved.mask.sum()) == ("half_contrast", 1 + 9)
    assert np.array_equal(moved.instances == 2, geometric == 2)
    assert drawn.with_outline("geometric") is drawn
    assert moved.with_outline("geometric") is moved  # no other truth is known
    with pytest.raises(InputError, match="outline is 'outer'; expected geometric or half_contrast"):
        replace(drawn, outline="outer")
