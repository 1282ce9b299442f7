"""Training data: the same for any number of workers, new in every epoch, and split by specimen."""

from itertools import islice

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from hrtem_lab.micrograph import InputError
from hrtem_lab.physics import ImageSimulator
from hrtem_lab.segmentation.data import SimulatedData
from hrtem_lab.segmentation.split import STAGES
from tests.segmentation.scenes import PREPROCESSING, DrawnLibrary, dihedral, same


def data(size=9, validation=2, test=3, **arguments):
    settings = {"samples": 8, "batch_size": 4, "workers": 0, "window_nm": 4.0}
    return SimulatedData(
        DrawnLibrary(size), ImageSimulator(), PREPROCESSING, dihedral(), validation, test, **(settings | arguments)
    )


def batches(workers, epochs=2, seed=0):
    """All batches of the first epochs, as Lightning requests them."""
    loader = data(workers=workers, seed=seed).train_dataloader()
    found = []
    for epoch in range(epochs):
        loader.sampler.set_epoch(epoch)
        found += list(loader)
    return found


def test_two_epochs_differ_and_the_same_seed_gives_the_same():
    one, again, other = batches(0), batches(0), batches(0, seed=1)
    assert len(one) == 4
    assert all(batch["image"].shape == (4, 1, 64, 64) for batch in one)
    assert all(same(a, b) for a, b in zip(one, again, strict=True))
    assert not any(same(a, b) for a, b in zip(one, other, strict=True))
    samples = torch.cat([batch["image"] for batch in one]).flatten(1)
    assert len(samples.unique(dim=0)) == 16


# torch advises against more workers than processors; here it is not about speed
@pytest.mark.filterwarnings("ignore:This DataLoader will create .* worker processes")
@pytest.mark.slow
@pytest.mark.parametrize("workers", [2, 4])
def test_workers_do_not_matter(workers):
    assert all(same(a, b) for a, b in zip(batches(0), batches(workers), strict=True))


def test_an_incomplete_batch_is_left_out():
    assert len(list(data(samples=10).train_dataloader())) == 2
    with pytest.raises(InputError, match="samples is 3, batch_size 4: an epoch would have no step"):
        data(samples=3)


def test_no_specimen_is_on_two_sides_of_the_split():
    whole = data()
    groups = {stage: {m.group for m in whole.micrographs(stage)} for stage in STAGES}
    assert [len(groups[stage]) for stage in STAGES] == [4, 2, 3]
    assert set.union(*groups.values()) == {f"specimen_{i}" for i in range(9)}
    # and what the loaders show comes from the specimens of their side
    for stage, loader in (("train", whole.dataset("train")), ("validation", whole.dataset("validation"))):
        assert {f"specimen_{loader.indices[n % len(loader.indices)]}" for n in range(100)} == groups[stage]


@given(st.integers(0, 12), st.integers(-2, 12), st.integers(-2, 12))
def test_a_split_is_disjoint_or_refused(size, validation, test):
    if validation >= 1 and test >= 0 and validation + test < size:
        indices = data(size, validation, test).indices
        assert sorted(i for side in indices.values() for i in side) == list(range(size))
        assert [len(indices[s]) for s in STAGES] == [size - validation - test, validation, test]
    else:
        with pytest.raises(InputError, match=f"the library holds {size} specimens"):
            data(size, validation, test)


def test_the_test_side_may_begin_elsewhere():
    turned = data(5, validation=2, test=1, first=4)
    assert turned.indices == {"test": [4], "validation": [0, 1], "train": [2, 3]}
    assert [micrograph.group for micrograph in turned.micrographs("test")] == ["specimen_4"]


def test_the_micrographs_of_a_stage_are_fixed():
    one, again, other = (data(seed=seed).micrographs("test") for seed in (0, 0, 1))
    for a, b, c in zip(one, again, other, strict=True):
        np.testing.assert_array_equal(a.image, b.image)
        np.testing.assert_array_equal(a.instances, b.instances)
        pd.testing.assert_frame_equal(a.ground_truth, b.ground_truth)
        assert "label" in a.ground_truth
        assert a.image.shape != c.image.shape or not np.array_equal(a.image, c.image)


def test_another_repeat_is_another_image_of_the_same_specimens():
    first, second = (data().micrographs("validation", repeat) for repeat in (0, 1))
    assert [m.group for m in first] == [m.group for m in second]
    assert len({m.name for m in first + second}) == 4
    assert all(a.metadata != b.metadata for a, b in zip(first, second, strict=True))


def test_stages_do_not_share_conditions():
    """The same specimen has other imaging conditions in another stage."""
    one, other = data(3, 1, 1), data(3, 1, 0)
    assert one.micrographs("test")[0].group == other.micrographs("validation")[0].group
    assert one.micrographs("test")[0].metadata != other.micrographs("validation")[0].metadata


def test_validation_shows_the_same_images_every_time():
    whole = data()
    one, again = (list(whole.val_dataloader()) for _ in range(2))
    assert sum(len(batch["image"]) for batch in one) == 2
    assert all(same(a, b) for a, b in zip(one, again, strict=True))
    assert not same(whole.validation_samples[0], next(iter(islice(whole.dataset("train"), 1))))


def test_simulating_is_left_to_the_library():
    steps = []
    data().simulate(lambda done, total: steps.append((done, total)))
    assert steps == [(9, 9)]
