"""Splits: nothing that belongs together is divided, and every kind of leak that is planted is refused."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hrtem_lab.files import LabelledEntry, LabelledSet
from hrtem_lab.micrograph import InputError
from hrtem_lab.segmentation.split import STAGES, Split, refuse_leaks
from hrtem_lab.segmentation.splitters import (
    BlockSplitter,
    FirstSplitter,
    FoldSplitter,
    GroupSplitter,
    OneSideSplitter,
    SavedSplitter,
)
from hrtem_lab.segmentation.survey import Survey


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("set") / "set.h5"
    path.write_bytes(b"images")
    return path


def surveyed(file: Path, groups: list[str], stack: str = "", duplicates=(), **columns: list) -> Survey:
    """A set whose micrographs are called m0, m1, ... and were never read."""

    def load():
        raise AssertionError("a split reads no pixels")

    entries = [
        LabelledEntry(name=f"m{n}", group=group, load=load, files=(file,), stack=stack, position=n)
        for n, group in enumerate(groups)
    ]
    table = pd.DataFrame(
        {"group": groups, "stack": stack, "position": range(len(groups)), "median_diameter_nm": 5.0, **columns},
        index=pd.Index([entry.name for entry in entries], name="name"),
    )
    return Survey(LabelledSet(entries), table, (), tuple(duplicates))


def side_of(split: Split) -> dict[str, str]:
    return {name: stage for stage in STAGES for name in split.sides[stage]}


@given(
    groups=st.lists(st.sampled_from("abcdefg"), min_size=1, max_size=12),
    validation=st.integers(0, 4),
    test=st.integers(0, 4),
    seed=st.integers(0, 9),
)
def test_no_group_is_on_two_sides(file: Path, groups: list[str], validation: int, test: int, seed: int) -> None:
    survey, splitter = surveyed(file, groups), GroupSplitter(validation, test)
    if validation == test == 1 and len(set(groups)) < 3:
        test = 0
        validation = len(set(groups)) - 1
    elif validation < 1 or test < 1 or validation + test >= len(set(groups)):
        with pytest.raises(InputError, match="label more micrographs") as caught:
            splitter.split(survey, seed)
        assert "\n" not in str(caught.value)
        return
    split = splitter.split(survey, seed)
    found = {stage: {groups[int(name[1:])] for name in split.sides[stage]} for stage in STAGES}
    assert [len(found["validation"]), len(found["test"])] == [validation, test]
    assert sum(map(len, found.values())) == len(set(groups))
    assert sum(len(split.sides[stage]) for stage in STAGES) == len(groups)
    refuse_leaks(split, survey)


@pytest.mark.parametrize("folds", [3, 4])
def test_each_group_is_tested_in_one_fold_and_tuned_on_in_another(file: Path, folds: int) -> None:
    survey = surveyed(file, list("aabbcddef"), duplicates=[("m4", "m8", 40)])
    sides = [side_of(FoldSplitter(folds, fold).split(survey, 0)) for fold in range(folds)]
    for fold in range(folds):
        refuse_leaks(FoldSplitter(folds, fold).split(survey, 0), survey)
    for name in survey.table.index:
        assert sorted(side[name] for side in sides) == ["test", *["train"] * (folds - 2), "validation"]
    assert all(side["m4"] == side["m8"] for side in sides)
    for wrong in (FoldSplitter(2, 0), FoldSplitter(6, 0), FoldSplitter(3, 3)):
        with pytest.raises(InputError, match="there are 5 groups; expected 3 folds or more"):
            wrong.split(survey, 0)


def test_a_splitter_may_have_a_seed_of_its_own(file: Path) -> None:
    survey = surveyed(file, list("abcdefgh"))
    ours = [side_of(GroupSplitter(seed=7).split(survey, seed)) for seed in range(3)]
    assert ours == [side_of(GroupSplitter().split(survey, 7))] * 3


def test_groups_that_show_one_field_stay_together(file: Path) -> None:
    survey = surveyed(file, list("abcdef"), duplicates=[("m0", "m3", 40), ("m3", "m5", 40)])
    for seed in range(10):
        side = side_of(GroupSplitter().split(survey, seed))
        assert side["m0"] == side["m3"] == side["m5"]
    with pytest.raises(InputError, match="are of 4 groups"):
        GroupSplitter(2, 2).split(survey, 0)


def test_a_session_is_not_divided_where_it_is_asked_for(file: Path) -> None:
    groups, sessions = list("abcdefgh"), ["one", "one", "two", "two", "three", "three", "four", "four"]
    survey = surveyed(file, groups, session=sessions)
    split = GroupSplitter(by="session").split(survey, 1)
    found = {stage: {sessions[int(name[1:])] for name in split.sides[stage]} for stage in STAGES}
    assert sum(map(len, found.values())) == 4
    with pytest.raises(InputError, match=r"data\.splitter\.by=specimen: m0, m1, m2 \.\.\. have no specimen"):
        GroupSplitter(by="specimen").split(survey, 0)
    with pytest.raises(InputError, match=r"m1 have no session"):
        GroupSplitter(by="session").split(surveyed(file, groups, session=["one", "", *sessions[2:]]), 0)


@pytest.mark.parametrize("column", ["material", "median_diameter_nm"])
def test_materials_and_sizes_are_on_every_side(file: Path, column: str) -> None:
    kinds = ["Au", "Ag", "CdSe"] if column == "material" else [2.0, 5.0, 10.0]
    survey = surveyed(file, [f"g{n}" for n in range(12)], **{column: kinds * 4})
    for seed in range(5):
        split = GroupSplitter(validation_groups=3, test_groups=3).split(survey, seed)
        for stage in STAGES:
            assert set(survey.table.loc[list(split.sides[stage]), column]) == set(kinds)


def test_one_group_to_test_on_and_few_to_train_on(file: Path) -> None:
    survey = surveyed(file, ["a"] * 4 + ["b"] * 4 + ["c"] * 4 + ["d"] * 4)
    for group, number in (("b", 1), ("c", 4), ("d", 6)):
        split = GroupSplitter(test_group=group, train_micrographs=number).split(survey, 0)
        assert {survey.table.at[name, "group"] for name in split.sides["test"]} == {group}
        assert len(split.sides["train"]) == number
        assert len({survey.table.at[name, "group"] for name in split.sides["train"]}) == min(number, 2)
        assert len(split.left_out) == 8 - number
    with pytest.raises(InputError, match="test_group=z: there are a, b, c, d"):
        GroupSplitter(test_group="z").split(survey, 0)
    with pytest.raises(InputError, match="train_micrographs=9: expected 1 to 8"):
        GroupSplitter(train_micrographs=9).split(survey, 0)


def test_a_stack_without_origin_is_one_group(file: Path) -> None:
    """To split it tile by tile would put tiles of one micrograph on two sides."""
    with pytest.raises(InputError, match=r"divide it by data/splitter=blocks"):
        GroupSplitter().split(surveyed(file, ["stack"] * 40, stack="stack"), 0)


@given(count=st.integers(1, 60), gap=st.integers(1, 9))
def test_blocks_are_contiguous_and_apart(file: Path, count: int, gap: int) -> None:
    survey = surveyed(file, ["s"] * count, stack="s")
    if min(count - round(0.2 * count) - round(0.15 * count) - 2 * gap, round(0.15 * count)) < 1:
        with pytest.raises(InputError, match="too few"):
            BlockSplitter(gap=gap).split(survey, 0)
        return
    split = BlockSplitter(gap=gap).split(survey, 0)
    spans = []
    for stage in STAGES:
        positions = [int(name[1:]) for name in split.sides[stage]]
        assert positions == list(range(positions[0], positions[-1] + 1))
        spans.append((positions[0], positions[-1]))
    assert spans[1][0] - spans[0][1] == spans[2][0] - spans[1][1] == gap + 1
    refuse_leaks(split, survey)


def test_what_a_block_repeats_is_left_out_of_the_later_one(file: Path) -> None:
    survey = surveyed(file, ["s"] * 60, stack="s", duplicates=[("m3", "m55", 40), ("m55", "m57", 40)])
    split = BlockSplitter(gap=4).split(survey, 0)
    assert "m3" in split.sides["train"]
    assert "m55" in split.left_out
    assert "m57" in split.sides["test"]
    refuse_leaks(split, survey)


def test_the_papers_split(file: Path) -> None:
    survey = surveyed(file, ["Au"] * 216, stack="Au")
    split = FirstSplitter().split(survey, 0)
    assert split.sides["test"] == tuple(f"m{n}" for n in range(129, 216))
    assert {int(name[1:]) for name in split.sides["train"] + split.sides["validation"]} <= set(range(129))
    refuse_leaks(split, survey)
    with pytest.raises(InputError, match="the stack holds 100, which leaves none"):
        FirstSplitter().split(surveyed(file, ["Au"] * 100, stack="Au"), 0)
    with pytest.raises(InputError, match="of one stack"):
        FirstSplitter().split(surveyed(file, list("abc")), 0)


@pytest.fixture
def split(file: Path) -> tuple[Split, Survey]:
    survey = surveyed(file, list("aabbcc"), duplicates=[("m0", "m1", 77)])
    return GroupSplitter().split(survey, 0), survey


def moved(split: Split, name: str, stage: str, keep: bool = False) -> Split:
    """The split with a micrograph on another side (`keep`: there, too)."""
    sides = {each: tuple(n for n in names if keep or n != name) for each, names in split.sides.items()}
    return replace(split, sides={**sides, stage: (*sides[stage], name)})


@pytest.mark.parametrize("stage", STAGES)
def test_a_planted_leak_of_a_micrograph_is_refused(split: tuple[Split, Survey], stage: str) -> None:
    whole, survey = split
    name = next(name for other in STAGES if other != stage for name in whole.sides[other])
    with pytest.raises(InputError, match=f"leak: {name} is both in"):
        refuse_leaks(moved(whole, name, stage, keep=True), survey)


def test_a_planted_leak_of_a_group_is_refused(split: tuple[Split, Survey]) -> None:
    whole, survey = split
    name = whole.sides["test"][0]
    with pytest.raises(InputError, match=r"leak: group \w is divided"):
        refuse_leaks(moved(whole, name, "train"), survey)


def test_a_planted_leak_of_one_field_in_two_groups_is_refused(split: tuple[Split, Survey]) -> None:
    whole, survey = split
    train, test = whole.sides["train"][0], whole.sides["test"][0]
    with pytest.raises(InputError, match=r"show the same field \(31 points agree\)"):
        refuse_leaks(whole, replace(survey, duplicates=((train, test, 31),)))


def test_a_planted_leak_between_neighbours_of_a_stack_is_refused(file: Path) -> None:
    survey = surveyed(file, ["s"] * 60, stack="s")
    split = BlockSplitter(gap=4).split(survey, 0)
    beside = split.left_out[0]
    with pytest.raises(InputError, match=r"of a stack of unknown origin and may be of one micrograph; leave 4 between"):
        refuse_leaks(moved(split, beside, "train"), survey)
    thirds = np.split(np.random.default_rng(0).permutation(60), 3)
    tile_by_tile = {stage: tuple(f"m{n}" for n in part) for stage, part in zip(STAGES, thirds, strict=True)}
    with pytest.raises(InputError, match="unknown origin"):
        refuse_leaks(Split(tile_by_tile), survey)


def test_a_side_that_is_empty_and_a_name_that_is_unknown_are_refused(split: tuple[Split, Survey]) -> None:
    whole, survey = split
    with pytest.raises(InputError, match="leaves nothing for validation"):
        refuse_leaks(replace(whole, sides={**whole.sides, "validation": ()}), survey)
    with pytest.raises(InputError, match="m99: named by the split and not in the set"):
        refuse_leaks(moved(whole, "m99", "train"), survey)


def test_a_saved_split_is_read_and_has_a_digest(split: tuple[Split, Survey], tmp_path: Path) -> None:
    whole, survey = split
    whole.save(tmp_path / "split.json")
    back = SavedSplitter(str(tmp_path / "split.json")).split(survey, 0)
    assert back == whole
    assert back.digest == whole.digest != moved(whole, whole.sides["test"][0], "train").digest


def test_a_split_that_was_changed_by_hand_is_refused(split: tuple[Split, Survey], tmp_path: Path) -> None:
    path = tmp_path / "split.json"
    split[0].save(path)
    path.write_text(path.read_text().replace('"m0"', '"m9"'))
    with pytest.raises(InputError, match="was changed by hand"):
        SavedSplitter(str(path)).split(split[1], 0)
    path.write_text("{}")
    with pytest.raises(InputError, match="cannot be read as a split"):
        SavedSplitter(str(path)).split(split[1], 0)


def test_a_split_of_other_content_is_refused(split: tuple[Split, Survey], tmp_path: Path) -> None:
    whole, survey = split
    whole.save(tmp_path / "split.json")
    other = tmp_path / "set.h5"
    other.write_bytes(b"other images")
    entries = [replace(entry, files=(other,)) for entry in survey.micrographs.entries]
    with pytest.raises(InputError, match=r"set\.h5 changed since the split was made"):
        SavedSplitter(str(tmp_path / "split.json")).split(replace(survey, micrographs=LabelledSet(entries)), 0)


def test_a_set_that_is_only_scored_is_on_one_side(file: Path):
    survey = surveyed(file, ["a", "a"])
    split = OneSideSplitter().split(survey, 0)
    assert split.sides == {"train": (), "validation": (), "test": ("m0", "m1")}
    refuse_leaks(split, survey)
    with pytest.raises(InputError, match="side is tset, expected one of train, validation, test"):
        OneSideSplitter("tset").split(survey, 0)
