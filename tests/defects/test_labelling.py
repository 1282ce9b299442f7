"""The class of a predicted particle, on maps drawn by hand."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given

from hrtem_lab.defects.labelling import match_to_truth
from hrtem_lab.micrograph import CLASSES, LabelledMicrograph
from tests.strategies import instance_maps

NAMES = ("fault", "no_fault", "no_fringe", "fault", "no_fault")


def strips(*widths, rows=4, length=60, first=1):
    """Particles side by side: (columns, gap before them) each, numbered from the left."""
    line = np.zeros(length, dtype=np.int32)
    at = 0
    for number, (width, gap) in enumerate(widths, start=first):
        at += gap
        line[at : at + width] = number
        at += width
    return np.tile(line, (rows, 1))


def labels(predicted, true):
    return match_to_truth(predicted, true)["label"]


def truth(instances, names=NAMES):
    table = pd.DataFrame({"label": names}, index=pd.RangeIndex(1, len(names) + 1))
    return LabelledMicrograph(
        image=np.zeros(instances.shape, dtype=np.float32),
        pixel_size_nm=0.05,
        name="drawn",
        instances=instances,
        group="drawn",
        ground_truth=table,
    )


@pytest.mark.parametrize("name", ["fault", "no_fault", "no_fringe"])
def test_a_particle_found_is_what_the_image_shows_of_it(name):
    instances = strips((20, 5))
    found = labels(instances * 7, truth(instances, [name]))
    assert found.to_dict() == {7: name}
    assert found.name == "label"


def test_each_prediction_has_the_class_of_its_own_particle():
    instances = strips((10, 2), (10, 5), (10, 5))
    predicted = np.choose(instances, [0, 3, 1, 2]).astype(np.int32)
    assert labels(predicted, truth(instances)).to_dict() == {3: "fault", 1: "no_fault", 2: "no_fringe"}


@pytest.mark.parametrize(
    ("covered", "name"),
    [
        (0, "empty"),  # beside the particle
        (4, "empty"),  # 4 of its 20 columns, and 4 of the particle's 16
        (7, "empty"),
        (8, "fault"),  # half of the particle
        (10, "fault"),
        (16, "fault"),
    ],
)
def test_a_prediction_that_hardly_touches_a_particle_is_empty(covered, name):
    instances = strips((16, 20))
    predicted = strips((20, covered))
    assert np.count_nonzero((predicted > 0) & (instances > 0)) == 4 * covered
    assert labels(predicted, truth(instances)).to_dict() == {1: name}


@pytest.mark.parametrize(("width", "name"), [(30, "fault"), (40, "fault"), (41, "fault"), (60, "fault")])
def test_a_prediction_far_too_large_is_still_that_of_the_particle_it_covers(width, name):
    instances = strips((10, 0))
    assert labels(strips((width, 0)), truth(instances)).to_dict() == {1: name}


def test_a_small_part_of_a_particle_is_that_particle():
    assert labels(strips((2, 5)), truth(strips((30, 0)))).to_dict() == {1: "fault"}


def test_a_particle_shared_by_two_predictions_gives_its_class_to_both():
    instances = strips((40, 0))
    assert labels(strips((18, 0), (18, 4)), truth(instances)).to_dict() == {1: "fault", 2: "fault"}


@pytest.mark.parametrize(
    ("second", "covered", "name"),
    [
        (20, 20, "agglomerate"),
        (20, 10, "agglomerate"),  # half of the second
        (20, 9, "fault"),  # less than half of it
        (5, 5, "agglomerate"),  # a quarter of what the first takes
        (4, 4, "fault"),  # a speck at its edge
    ],
)
def test_an_agglomerate_covers_half_of_two_particles(second, covered, name):
    instances = strips((20, 0), (second, 0))
    assert labels(strips((20 + covered, 0)), truth(instances)).to_dict() == {1: name}


@pytest.mark.parametrize(
    ("names", "name"),
    [
        (("no_fault", "no_fault"), "agglomerate"),
        (("fault", "no_fringe"), "fault"),
        (("no_fringe", "fault"), "fault"),
        (("no_fringe", "no_fringe"), "no_fringe"),
    ],
)
def test_an_agglomerate_shows_two_lattices(names, name):
    """Where the image shows one lattice only, nothing in it contradicts a single particle."""
    assert labels(strips((40, 0)), truth(strips((20, 0), (20, 0)), names)).to_dict() == {1: name}


def test_the_particle_that_shows_its_lattice_is_matched():
    found = match_to_truth(strips((40, 0)), truth(strips((22, 0), (18, 0)), ["no_fringe", "fault"]))
    assert found.loc[1].tolist() == ["fault", 2]


def test_a_speck_with_a_lattice_does_not_decide_the_class():
    assert labels(strips((24, 0)), truth(strips((20, 0), (4, 0)), ["no_fringe", "fault"])).to_dict() == {1: "no_fringe"}


def test_half_of_each_of_two_is_enough():
    instances = strips((20, 0), (20, 0))
    assert labels(strips((20, 10)), truth(instances)).to_dict() == {1: "agglomerate"}
    assert labels(strips((19, 10)), truth(instances)).to_dict() == {1: "fault"}


def test_of_two_particles_the_larger_part_counts():
    instances = strips((20, 0), (20, 0))
    assert labels(strips((10, 13)), truth(instances)).to_dict() == {1: "fault"}  # 7 of its own 10
    assert labels(strips((10, 17)), truth(instances)).to_dict() == {1: "no_fault"}


@pytest.mark.parametrize("names", [NAMES[:3], ("no_fringe", "fault", "no_fault")])
def test_three_particles_are_an_agglomerate(names):
    found = labels(strips((45, 0)), truth(strips((15, 0), (15, 0), (15, 0)), names))
    assert found.to_dict() == {1: "agglomerate"}


def test_without_truth_everything_is_empty():
    nothing = truth(np.zeros((4, 60), dtype=np.int32), [])
    assert labels(strips((5, 0), (5, 3)), nothing).to_dict() == {1: "empty", 2: "empty"}


def test_without_a_prediction_there_is_no_row():
    found = labels(np.zeros((4, 60), dtype=np.int32), truth(strips((5, 0))))
    assert len(found) == 0


@given(instance_maps(), instance_maps())
def test_every_prediction_has_one_class(predicted, instances):
    found = labels(predicted, truth(instances))
    assert sorted(found.index) == sorted(set(np.unique(predicted)) - {0})
    assert set(found) <= set(CLASSES)


@given(instance_maps())
def test_a_perfect_prediction_has_the_true_classes(instances):
    found = labels(instances, truth(instances))
    assert found.to_dict() == {number: NAMES[number - 1] for number in np.unique(instances) if number}
