"""Labelled micrographs as training data: split by groups, new samples, mixed with simulated ones."""

from itertools import islice

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from hrtem_lab.micrograph import InputError
from hrtem_lab.physics import ImageSimulator
from hrtem_lab.segmentation.data import STAGES
from hrtem_lab.segmentation.labelled import LabelledData, split_groups
from tests.segmentation.scenes import PREPROCESSING, DrawnLibrary, dark_discs, dihedral, labelled, same


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Eight images of dark discs in five groups."""
    place = tmp_path_factory.mktemp("labelled")
    rows = ["name,pixel_size_nm,group"]
    for number in range(8):
        drawn = dark_discs(number, contrast=3.0)
        grey = np.clip(10 * (drawn.image - 90), 0, 255).astype(np.uint8)
        Image.fromarray(grey).save(place / f"m{number}.png")
        Image.fromarray(drawn.mask.astype(np.uint8) * 255).save(place / f"m{number}_label.png")
        rows.append(f"m{number},0.05,g{number % 5}")
    (place / "metadata.csv").write_text("\n".join(rows))
    return place


def data(folder, **arguments):
    simulated = {"validation": 2, "test": 1, "samples": 8, "batch_size": 4, "workers": 0, "window_nm": 4.0}
    settings = simulated | {"validation_groups": 1, "test_groups": 2} | arguments
    return LabelledData(
        folder,
        library=DrawnLibrary(6),
        imaging=ImageSimulator(),
        preprocessing=PREPROCESSING,
        augmentation=dihedral(),
        **settings,
    )


@given(
    st.lists(st.sampled_from("abcdefg"), min_size=1, max_size=12),
    st.integers(0, 4),
    st.integers(0, 4),
    st.integers(0, 9),
)
def test_no_group_is_on_two_sides_of_the_split(groups, validation, test, seed):
    blank = np.zeros((4, 4), dtype=np.int32)
    micrographs = [labelled(blank, blank, f"m{n}", group) for n, group in enumerate(groups)]
    if validation < 1 or test < 1 or validation + test >= len(set(groups)):
        with pytest.raises(InputError, match="label more micrographs") as caught:
            split_groups(micrographs, validation, test, seed)
        assert "\n" not in str(caught.value)
        return
    sides = split_groups(micrographs, validation, test, seed)
    assert [len(sides[stage]) for stage in ("validation", "test")] == [validation, test]
    assert sum(len(side) for side in sides.values()) == len(set().union(*sides.values())) == len(set(groups))


def test_another_seed_is_another_split(folder):
    splits = {tuple(data(folder, seed=seed).split["test"]) for seed in range(6)}
    assert len(splits) > 1


def test_micrographs_are_the_labelled_ones_of_a_side(folder):
    whole = data(folder)
    found = {stage: whole.micrographs(stage) for stage in STAGES}
    assert sorted(m.name for side in found.values() for m in side) == [f"m{n}" for n in range(8)]
    groups = [{m.group for m in side} for side in found.values()]
    assert sum(map(len, groups)) == len(set.union(*groups)) == 5
    assert {stage: [m.name for m in side] for stage, side in found.items()} == {s: whole.split[s] for s in STAGES}
    # and what the loaders cut from is what belongs to their side
    for stage in STAGES:
        assert whole.dataset(stage).first.micrographs == found[stage]


def test_the_extra_test_set_is_simulated_and_held_out(folder):
    whole = data(folder)
    assert [m.group for m in whole.extra_test_sets()["simulated"]] == ["specimen_0"]
    assert whole.split["simulated_test"] == [0]
    assert 0 not in whole.dataset("train").second.indices


def test_training_shows_both_kinds_and_validation_the_same_images_every_time(folder):
    whole = data(folder, share=0.25)
    batches = list(whole.train_dataloader())
    assert [batch["image"].shape for batch in batches] == [(4, 1, 64, 64)] * 2
    shown = torch.cat([batch["image"] for batch in batches])
    real = whole.dataset("train").first
    hits = sum(any(torch.equal(image, real[n]["image"]) for image in shown) for n in range(2))
    assert hits == 2
    one, again = (list(whole.val_dataloader()) for _ in range(2))
    assert sum(len(batch["image"]) for batch in one) == 4
    assert all(same(a, b) for a, b in zip(one, again, strict=True))
    assert not same(whole.validation_samples[0], next(iter(islice(whole.dataset("train"), 1))))


def test_the_fingerprint_depends_on_the_content_of_every_label(folder, tmp_path):
    before = data(folder).fingerprint_inputs["labelled"]
    assert set(before) == {f"m{n}" for n in range(8)}
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    Image.fromarray(np.zeros((180, 180), dtype=np.uint8)).save(tmp_path / "m3_label.png")
    after = data(tmp_path).fingerprint_inputs["labelled"]
    assert {name for name in before if before[name] != after[name]} == {"m3"}


@pytest.mark.parametrize("share", [0, -0.5, 1.5])
def test_an_impossible_share_is_refused(folder, share):
    with pytest.raises(InputError, match="share"):
        data(folder, share=share)
