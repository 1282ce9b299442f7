"""Training samples: new for every number, and the same for the same seed and number."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from hrtem_lab.files import read_labelled, write_folder
from hrtem_lab.physics import ImageSimulator
from hrtem_lab.segmentation.datasets import EpochSampler, LabelledDataset, MixedDataset, SimulatedDataset, mix
from hrtem_lab.segmentation.standardised import StandardisedSet
from tests.segmentation.scenes import PREPROCESSING, DrawnLibrary, dark_discs, dihedral, same


def simulated_dataset(size=5, seed=(0, 0), window_nm=None, indices=None):
    library = DrawnLibrary(size)
    return SimulatedDataset(
        library, indices or range(size), ImageSimulator(), PREPROCESSING, dihedral(), window_nm, seed
    )


def test_a_sample_has_an_image_and_the_masks_of_its_particles_and_their_cores():
    for number in range(6):
        sample = simulated_dataset()[number]
        assert sample["image"].shape == (1, 64, 64)
        assert sample["mask"].shape == (3, 64, 64)
        particle, core, inside = sample["mask"] > 0
        assert torch.equal(inside, particle)
        assert not (core & ~particle).any()
        assert core.sum() < 0.7 * particle.sum() or not particle.any()
        assert sample["image"].dtype == sample["mask"].dtype == torch.float32
        assert set(sample["mask"][:2].unique().tolist()) <= {0.0, 1.0}
        assert torch.isfinite(sample["image"]).all()


def test_the_mask_is_rotated_with_the_image():
    """The discs absorb half of the beam, so they are dark after any crop, rotation and reflection."""
    darker = 0
    for number in range(40):
        sample = simulated_dataset()[number]
        mask = sample["mask"][:1] > 0
        if 0.05 < mask.float().mean() < 0.9:
            darker += 1
            assert sample["image"][mask].mean() < sample["image"][~mask].mean() - 0.5
    assert darker > 20


def test_a_simulated_sample_depends_on_the_seed_and_its_number_alone():
    one, again, other = simulated_dataset(), simulated_dataset(), simulated_dataset(seed=(0, 1))
    assert same(one[3], again[3])
    assert same(one[3], one[3])  # whatever was drawn in between
    assert not same(one[3], one[4])
    assert not same(one[3], one[3 + 5])  # the same specimen once more
    assert not same(one[3], other[3])


def test_specimens_take_turns():
    asked = []

    class Noted(DrawnLibrary):
        def __getitem__(self, index):
            asked.append(index)
            return super().__getitem__(index)

    waves = SimulatedDataset(Noted(9), range(4, 7), ImageSimulator(), PREPROCESSING, dihedral(), 3.0, (0, 0))
    for number in range(7):
        waves[number]
    assert asked == [4, 5, 6, 4, 5, 6, 4]


@given(st.integers(1, 50), st.integers(0, 5), st.integers(0, 1000))
def test_an_epoch_holds_its_own_numbers(size, epoch, seed):
    sampler = EpochSampler(size, seed)
    sampler.set_epoch(epoch)
    numbers = list(sampler)
    assert sorted(numbers) == list(range(epoch * size, (epoch + 1) * size))
    assert numbers == list(sampler)
    assert len(sampler) == size


def test_the_order_changes_with_epoch_and_seed():
    orders = set()
    for seed in (0, 1):
        for epoch in (0, 1):
            sampler = EpochSampler(50, seed)
            sampler.set_epoch(epoch)
            orders.add(tuple(n - 50 * epoch for n in sampler))
    assert len(orders) == 4
    assert tuple(range(50)) not in orders


@pytest.fixture(scope="module")
def labelled_dataset(tmp_path_factory):
    """A dataset of three labelled micrographs of discs."""
    folder = tmp_path_factory.mktemp("labelled")
    write_folder(folder / "set", [(n, dark_discs(n, contrast=3.0)) for n in range(3)])
    standardised = StandardisedSet(read_labelled(folder / "set"), PREPROCESSING, folder / "cache")

    def dataset(seed=(0, 0), window_nm=None):
        return LabelledDataset(standardised, dihedral(), window_nm, seed)

    return dataset


def test_a_labelled_sample_is_like_a_simulated_one(labelled_dataset):
    for number in range(12):
        sample = labelled_dataset()[number]
        assert sample["image"].shape == (1, 64, 64)
        assert sample["mask"].shape == (3, 64, 64)
        assert sample["image"].dtype == sample["mask"].dtype == torch.float32
        assert set(sample["mask"][:2].unique().tolist()) <= {0.0, 1.0}
        particle, core, inside = sample["mask"] > 0
        assert torch.equal(inside, particle)
        assert not (core & ~particle).any()


def test_masks_fit_the_particles_in_every_orientation(labelled_dataset):
    darker = 0
    for number in range(30):
        sample = labelled_dataset()[number]
        particle, core = sample["mask"][:2] > 0
        if 0.03 < particle.float().mean() < 0.9 and core.any():
            darker += 1
            for mask in (particle, core):
                assert sample["image"][0][mask].mean() < sample["image"][0][~particle].mean() - 0.5
    assert darker > 15


def test_a_labelled_sample_depends_on_the_seed_and_its_number_alone(labelled_dataset):
    one, again, other = labelled_dataset(), labelled_dataset(), labelled_dataset(seed=(0, 1))
    assert same(one[4], again[4])
    assert same(one[4], one[4])
    assert not same(one[4], one[4 + 3])  # the same micrograph once more
    assert not same(one[4], other[4])


class Count:
    """Returns the requested number."""

    def __init__(self, name):
        self.name = name

    def __getitem__(self, number):
        return self.name, number


@pytest.mark.parametrize(("share", "first"), [(0.5, 50), (0.25, 25), (1.0, 100), (0.1, 10)])
def test_a_mixture_takes_each_sample_once_at_the_given_fraction(share, first):
    mixed = MixedDataset(Count("labelled"), Count("simulated"), share)
    shown = [mixed[n] for n in range(100)]
    assert [n for name, n in shown if name == "labelled"] == list(range(first))
    assert [n for name, n in shown if name == "simulated"] == list(range(100 - first))


@pytest.mark.parametrize("shares", [(1.0, 1.0, 2.0), (3.0, 1.0), (1.0,)])
def test_any_number_of_sets_by_their_shares(shares):
    mixed = mix([Count(str(number)) for number in range(len(shares))], shares)
    shown = [mixed[n] for n in range(400)]
    for number, share in enumerate(shares):
        taken = [n for name, n in shown if name == str(number)]
        assert taken == list(range(len(taken)))  # each of its samples once
        assert len(taken) == pytest.approx(400 * share / sum(shares), abs=2)
