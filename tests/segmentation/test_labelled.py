"""Labelled micrographs as training data: split by groups, new samples, mixed with simulated ones."""

import pickle
from itertools import islice

import numpy as np
import pytest
import torch
from PIL import Image

from hrtem_lab.files import FolderLayout, LabelRule, Mixture, PartOfMixture
from hrtem_lab.micrograph import InputError
from hrtem_lab.physics import ImageSimulator
from hrtem_lab.segmentation.labelled import LabelledData
from hrtem_lab.segmentation.split import STAGES
from hrtem_lab.segmentation.splitters import GroupSplitter, SavedSplitter
from hrtem_lab.segmentation.targets import IGNORED
from tests.segmentation.scenes import PREPROCESSING, DrawnLibrary, dark_discs, dihedral, discs_elsewhere, same


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Eight images of dark discs in five groups."""
    place = tmp_path_factory.mktemp("labelled")
    rows = ["name,pixel_size_nm,group"]
    for number in range(8):
        drawn = dark_discs(number, discs_elsewhere(number), contrast=3.0)
        grey = np.clip(10 * (drawn.image - 90), 0, 255).astype(np.uint8)
        Image.fromarray(grey).save(place / f"m{number}.png")
        Image.fromarray(drawn.mask.astype(np.uint8) * 255).save(place / f"m{number}_label.png")
        rows.append(f"m{number},0.05,g{number % 5}")
    (place / "metadata.csv").write_text("\n".join(rows))
    return place


def data(folder, **arguments):
    simulated = {"validation": 2, "test": 1, "samples": 8, "batch_size": 4, "workers": 0, "window_nm": 4.0}
    settings = simulated | {"layout": FolderLayout(), "splitter": GroupSplitter(test_groups=2)} | arguments
    return LabelledData(
        folder,
        cache=folder.parent / f"{folder.name}_cache",
        library=DrawnLibrary(6),
        imaging=ImageSimulator(),
        preprocessing=PREPROCESSING,
        augmentation=dihedral(),
        **settings,
    )


def test_simulated_images_show_drawn_bodies_where_they_are_asked_for(folder):
    with_bodies = data(folder, bodies=DrawnLibrary(9), bodies_share=1.0)
    assert same(with_bodies.dataset("train")[0], with_bodies.simulated.body_dataset("train")[0])
    assert same(data(folder).dataset("train")[0], data(folder).simulated.dataset("train")[0])


def test_another_seed_is_another_split(folder):
    splits = {tuple(data(folder, seed=seed).split["test"]) for seed in range(6)}
    assert len(splits) > 1


@pytest.mark.parametrize("groups", [1, 2])
def test_one_group_or_two_are_learned_from_without_a_test(folder, groups, tmp_path):
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    rows = ["name,pixel_size_nm,group", *(f"m{number},0.05,g{number % groups}" for number in range(8))]
    (tmp_path / "metadata.csv").write_text("\n".join(rows))
    few = data(tmp_path, splitter=GroupSplitter())
    sides = few.split
    assert (len(sides["train"]), len(sides["validation"]), sides["test"]) == (8 // groups, 8 - 8 // groups, [])
    assert len(few.validation_samples) > 0
    tuned_on = {micrograph.name for micrograph in few.views("validation", 1)}
    assert tuned_on == set(sides["validation"]) if groups == 2 else tuned_on.isdisjoint(sides["train"])
    assert len(next(iter(few.train_dataloader()))["image"]) == 4
    assert len(few.extra_test_sets()["simulated"]) == 1


def test_micrographs_are_the_labelled_ones_of_a_side(folder):
    whole = data(folder)
    found = {stage: whole.micrographs(stage) for stage in STAGES}
    assert sorted(m.name for side in found.values() for m in side) == [f"m{n}" for n in range(8)]
    groups = [{m.group for m in side} for side in found.values()]
    assert sum(map(len, groups)) == len(set.union(*groups)) == 5
    assert {stage: [m.name for m in side] for stage, side in found.items()} == {s: whole.split[s] for s in STAGES}
    # and what the loaders cut from is what belongs to their side
    for stage in STAGES:
        assert whole.dataset(stage).first.standardised.micrographs.names == found[stage].names


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
    assert set(before) == {*(f"m{n}{end}.png" for n in range(8) for end in ("", "_label")), "metadata.csv"}
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    Image.fromarray(np.zeros((180, 180), dtype=np.uint8)).save(tmp_path / "m3_label.png")
    after = data(tmp_path).fingerprint_inputs["labelled"]
    assert {name for name in before if before[name] != after[name]} == {"m3_label.png"}


@pytest.mark.parametrize("share", [0, -0.5, 1.5])
def test_an_impossible_share_is_refused(folder, share):
    with pytest.raises(InputError, match="share"):
        data(folder, share=share)


def test_another_process_draws_the_same_samples(folder):
    dataset = data(folder).dataset("train")
    sent = pickle.loads(pickle.dumps(dataset))
    assert all(same(dataset[number], sent[number]) for number in range(6))


def test_labels_of_two_outlines_are_refused(folder, tmp_path):
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    rows = [f"m{n},0.05,g{n},{'half_contrast' if n == 3 else 'geometric'}" for n in range(8)]
    (tmp_path / "metadata.csv").write_text("\n".join(["name,pixel_size_nm,group,outline", *rows]))
    with pytest.raises(InputError, match=r"different outlines, geometric \(m0\) and half_contrast \(m3\)"):
        data(tmp_path)


def test_a_saved_split_is_gone_on_with(folder, tmp_path):
    first = data(folder, seed=3)
    first.save_split(tmp_path)
    again = data(folder, seed=4, splitter=SavedSplitter(str(tmp_path / "split.json")))
    assert [again.split[stage] for stage in STAGES] == [first.split[stage] for stage in STAGES]


def test_a_mixture_of_sets_is_shown_by_its_shares(folder):
    sets = {name: PartOfMixture(str(folder), FolderLayout(), share) for name, share in (("a", 3.0), ("b", 1.0))}
    # both are the same folder: what is shown twice stays on one side
    whole = data(folder, layout=Mixture(sets), share=1.0)
    for stage in STAGES:
        names = [name.partition("/")[2] for name in whole.split[stage]]
        assert sorted(names[: len(names) // 2]) == sorted(names[len(names) // 2 :])
    mixed = whole.dataset("train").first
    assert mixed.share == 0.75
    assert {name.partition("/")[0] for name in mixed.first.standardised.micrographs.names} == {"a"}


def test_nothing_is_learned_where_a_label_is_ignored(folder, tmp_path):
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
        if file.stem.endswith("_label"):
            label = np.asarray(Image.open(file)).copy()
            label[:, :90] = 128
            Image.fromarray(label).save(tmp_path / file.name)
    whole = data(tmp_path, layout=FolderLayout(LabelRule(ignore=128)), share=1.0)
    for number in range(8):
        masks = whole.dataset("train")[number]["mask"]
        assert set(masks[0].unique().tolist()) <= {IGNORED, 0.0, 1.0}
    every = torch.stack([whole.dataset("train")[number]["mask"] for number in range(8)])
    assert 0.3 < (every == IGNORED).float().mean() < 0.7
