"""Ways to split a set of labelled micrographs: by group, in blocks, as a paper did, or as a file says."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest

import numpy as np
import pandas as pd

from hrtem_lab.evaluation.near_duplicates import same_field_groups
from hrtem_lab.micrograph import InputError
from hrtem_lab.segmentation.split import FEW_GROUPS, STAGES, Split, Stage, set_fingerprints
from hrtem_lab.segmentation.survey import Survey, size_classes


class Splitter(ABC):
    """A way to split a set."""

    @abstractmethod
    def split(self, survey: Survey, seed: int) -> Split:
        """Split the micrographs of a set.

        Args:
            survey: Content of the set.
            seed: Seed of what chance decides.

        Raises:
            InputError: A side would have no micrograph.
        """


@dataclass(frozen=True)
class GroupSplitter(Splitter):
    """Whole groups at random, so that materials and sizes are on every side as far as there are enough groups.

    Groups in which the same field is shown are kept together. Of two groups one is to train on and one for validation,
    and of a single one all is to train on: then there is no test side.

    Attributes:
        validation_groups: Number of groups for choosing thresholds and settings.
        test_groups: Number of groups for the final scores.
        by: Column that names the groups: `group`, or one of the set's own tables, such as `specimen` or `session`.
        test_group: Name of the only group to test on; None for groups at random.
        train_micrographs: Number of micrographs to train on, spread over their groups; None for all.
        seed: Seed of the order of the groups; None for that of the data.
    """

    validation_groups: int = 1
    test_groups: int = 1
    by: str = "group"
    test_group: str | None = None
    train_micrographs: int | None = None
    seed: int | None = None

    def split(self, survey: Survey, seed: int) -> Split:
        """Deal the groups to the sides; see `Splitter.split`."""
        seed = seed if self.seed is None else self.seed
        table = survey.table
        units = _units(survey, self.by)
        is_few = self._is_few(table, units)
        if not is_few:
            self._check(table, units)
        rng = np.random.default_rng(seed)
        order = _deal(table, units, rng)
        if self.test_group is not None:
            order.remove(units[table.index[table[self.by] == self.test_group][0]])
            order.insert(0, units[table.index[table[self.by] == self.test_group][0]])
        test = 1 if self.test_group is not None else self.test_groups
        validation = self.validation_groups
        if is_few:
            test, validation = 0, len(order) - 1
        bounds = {"test": (0, test), "validation": (test, test + validation)}
        bounds["train"] = (test + validation, len(order))
        sides: dict[Stage, tuple[str, ...]] = {
            stage: tuple(units.index[units.isin(order[slice(*bounds[stage])])]) for stage in STAGES
        }
        sides["train"], left_out = self._limit(sides["train"], units, rng)
        rule = {"rule": FEW_GROUPS if is_few else "groups", "by": self.by, "seed": seed}
        return Split(sides, left_out, unit=self.by, rule=rule, files=set_fingerprints(survey.micrographs))

    def _is_few(self, table: pd.DataFrame, units: pd.Series) -> bool:
        """Whether there are so few groups that none can be held out for a test, and nobody asked for other numbers."""
        asked = self.test_group is not None or (self.validation_groups, self.test_groups) != (1, 1)
        return not asked and units.nunique() < 3 and not (table["stack"] != "").any()

    def _check(self, table: pd.DataFrame, units: pd.Series) -> None:
        """Refuse what leaves a side empty."""
        if self.test_group is not None and self.test_group not in set(table[self.by]):
            there = ", ".join(map(str, sorted(set(table[self.by]))[:5]))
            raise InputError(f"data.splitter.test_group={self.test_group}: there are {there}")
        count = units.nunique()
        if min(self.validation_groups, self.test_groups) < 1 or self.validation_groups + self.test_groups >= count:
            is_stack = bool((table["stack"] != "").all())
            way = "divide it by data/splitter=blocks" if is_stack else "label more micrographs"
            names = ", ".join(map(str, sorted(set(table[self.by]))[:5]))
            raise InputError(
                f"{len(table)} labelled micrographs are of {count} groups ({names}), of which "
                f"data.splitter.validation_groups={self.validation_groups} and data.splitter.test_groups="
                f"{self.test_groups} are held out; expected one or more of each and some left to train on: {way}, or "
                f"name their groups in the column {self.by} of metadata.csv"
            )

    def _limit(
        self, names: tuple[str, ...], units: pd.Series, rng: np.random.Generator
    ) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The first micrographs of each group in turns, up to the number to train on, and those left out."""
        if self.train_micrographs is None:
            return names, ()
        if not 0 < self.train_micrographs <= len(names):
            raise InputError(
                f"data.splitter.train_micrographs={self.train_micrographs}: expected 1 to {len(names)}, which the "
                "training side holds"
            )
        shuffled = [names[i] for i in rng.permutation(len(names))]
        by_unit = [[name for name in shuffled if units[name] == unit] for unit in dict.fromkeys(units[shuffled])]
        in_turns = [name for round_ in zip_longest(*by_unit) for name in round_ if name is not None]
        kept = set(in_turns[: self.train_micrographs])
        return tuple(name for name in names if name in kept), tuple(name for name in names if name not in kept)


@dataclass(frozen=True)
class FoldSplitter(Splitter):
    """One fold of a cross-validation: over all folds, each group is on the test side once, and on validation once.

    Groups are dealt to the folds as by `GroupSplitter`, so that each fold holds every material and size.

    Attributes:
        folds: Number of folds, at least 3.
        fold: Number of the fold on the test side, from 0; the next one is the validation side.
        by: Column that names the groups.
    """

    folds: int
    fold: int
    by: str = "group"

    def split(self, survey: Survey, seed: int) -> Split:
        """Deal the groups to the folds; see `Splitter.split`."""
        units = _units(survey, self.by)
        if not 3 <= self.folds <= units.nunique() or not 0 <= self.fold < self.folds:
            raise InputError(
                f"fold {self.fold} of {self.folds} is asked for, and there are {units.nunique()} groups; "
                "expected 3 folds or more, each with a group, and a fold from 0: ask for fewer, or label more groups"
            )
        fold_of = _fold_of(survey.table, units, self.folds, seed)
        stage_of = {self.fold: "test", (self.fold + 1) % self.folds: "validation"}
        sides: dict[Stage, tuple[str, ...]] = {
            stage: tuple(str(name) for name, fold in fold_of.items() if stage_of.get(fold, "train") == stage)
            for stage in STAGES
        }
        rule = {"rule": f"fold {self.fold} of {self.folds}", "by": self.by, "seed": seed}
        return Split(sides, unit=self.by, rule=rule, files=set_fingerprints(survey.micrographs))


@dataclass(frozen=True)
class BlockSplitter(Splitter):
    """Contiguous blocks of each stack whose origin nobody knows: first the training side, then validation, then test.

    Between two blocks a gap is left out, and so is what shows a field that an earlier block shows.

    Attributes:
        validation: Part of the images for choosing thresholds and settings.
        test: Part of the images for the final scores.
        gap: Images between two blocks.
    """

    validation: float = 0.15
    test: float = 0.2
    gap: int = 8

    def split(self, survey: Survey, seed: int) -> Split:
        """Cut the blocks; see `Splitter.split`. The seed has no part in it."""
        blocks: dict[Stage, list[str]] = {stage: [] for stage in STAGES}
        for stack, rows in survey.table.sort_values("position").groupby("stack"):
            if not stack:
                raise InputError(f"{rows.index[0]!s} belongs to no stack; split it by data/splitter=groups")
            names, count = list(rows.index), len(rows)
            test, validation = round(count * self.test), round(count * self.validation)
            train = count - test - validation - 2 * self.gap
            if min(train, validation, test) < 1 or self.gap < 1:
                raise InputError(
                    f"{stack!s}: {count} images are too few for data.splitter.validation={self.validation}, test="
                    f"{self.test} and two gaps of {self.gap}; make the gap smaller (1 or more), or name groups in "
                    "metadata.csv"
                )
            blocks["train"] += names[:train]
            blocks["validation"] += names[train + self.gap : train + self.gap + validation]
            blocks["test"] += names[count - test :]
        return _without_repeats(blocks, survey, self.gap, {"rule": "blocks", "gap": self.gap})


@dataclass(frozen=True)
class FirstSplitter(Splitter):
    """The first images of a stack to train on and the others to test on, as in Groschner, Choi and Scott (2021).

    Nothing is left between the two sides, which the paper did not either: two tiles of one micrograph may be on both
    sides. It is for a comparison with the published numbers alone. Thresholds are chosen on the very first images.

    Attributes:
        train: Number of images that the paper trained on.
        validation: Number of these, the first, for choosing thresholds and settings.
        gap: Images between those two.
    """

    train: int = 129
    validation: int = 16
    gap: int = 4

    def split(self, survey: Survey, seed: int) -> Split:
        """Cut after the first images; see `Splitter.split`. The seed has no part in it."""
        rows = survey.table.sort_values(["stack", "position"])
        if rows["stack"].nunique() != 1 or not rows["stack"].iloc[0]:
            raise InputError("the paper's split is of one stack; give one file as data.root")
        if not self.validation + self.gap < self.train < len(rows):
            raise InputError(
                f"the paper trained on the first {self.train} images; the stack holds {len(rows)}, which leaves none "
                "to test on"
            )
        names = list(rows.index)
        blocks: dict[Stage, list[str]] = {
            "train": names[self.validation + self.gap : self.train],
            "validation": names[: self.validation],
            "test": names[self.train :],
        }
        rule = {"rule": f"first {self.train}", "note": "neighbours in train and test may be of one micrograph"}
        return _without_repeats(blocks, survey, 0, rule)


@dataclass(frozen=True)
class OneSideSplitter(Splitter):
    """Every micrograph on one side, for a set that is only scored, or only trained on.

    Attributes:
        side: Stage of all micrographs.
    """

    side: Stage = "test"

    def split(self, survey: Survey, seed: int) -> Split:
        """Put every micrograph on the side; see `Splitter.split`. The seed has no part in it."""
        if self.side not in STAGES:
            raise InputError(f"data.splitter.side is {self.side}, expected one of {', '.join(STAGES)}")
        sides: dict[Stage, tuple[str, ...]] = {
            stage: tuple(map(str, survey.table.index)) if stage == self.side else () for stage in STAGES
        }
        return Split(sides, rule={"rule": f"all to {self.side}"}, files=set_fingerprints(survey.micrographs))


@dataclass(frozen=True)
class SavedSplitter(Splitter):
    """The split of a file that `check` or an earlier training wrote.

    Attributes:
        path: The file, or the folder with its `split.json`.
    """

    path: str

    def split(self, survey: Survey, seed: int) -> Split:
        """Read the split, and make sure that it is of these files; see `Splitter.split`."""
        split, now = Split.load(self.path), set_fingerprints(survey.micrographs)
        names = sorted(split.files.keys() | now.keys())
        if changed := [name for name in names if split.files.get(name) != now.get(name)]:
            raise InputError(
                f"{self.path}: {_first(changed)} changed since the split was made; make it anew with check"
            )
        return split


def deal_to_folds(survey: Survey, folds: int, seed: int) -> pd.Series:
    """Number of the fold of each micrograph, from 0: whole groups, so that each fold holds every material and size.

    Raises:
        InputError: There are fewer groups than folds, or less than two folds.
    """
    units = _units(survey, "group")
    if not 2 <= folds <= units.nunique():
        raise InputError(
            f"folds={folds}: there are {units.nunique()} groups; expected 2 folds or more, each with a group"
        )
    return _fold_of(survey.table, units, folds, seed)


def _fold_of(table: pd.DataFrame, units: pd.Series, folds: int, seed: int) -> pd.Series:
    """Number of the fold of each micrograph."""
    order = _deal(table, units, np.random.default_rng(seed))
    return units.map({unit: place % folds for place, unit in enumerate(order)})


def _first(names: Sequence[str]) -> str:
    """The first few of many names."""
    return ", ".join(names[:3]) + (" ..." if len(names) > 3 else "")


def _units(survey: Survey, by: str) -> pd.Series:
    """Number of the unit of each micrograph: what has one group, and groups that show one field, belong together."""
    table = survey.table
    if by not in table or table[by].isna().any() or (table[by] == "").any():
        without = list(table.index[table[by].isna() | (table[by] == "")]) if by in table else list(table.index)
        raise InputError(
            f"data.splitter.by={by}: {_first(without)} have no {by}; fill in the column {by} of metadata.csv"
        )
    number = {name: index for index, name in enumerate(table.index)}
    edges = [(number[first], number[second], count) for first, second, count in survey.duplicates]
    for column in dict.fromkeys([by, "group"]):
        for _, rows in table.groupby(column):
            edges += [(number[rows.index[0]], number[name], 0) for name in rows.index[1:]]
    return pd.Series(same_field_groups(edges, len(table)), index=table.index)


def _deal(table: pd.DataFrame, units: pd.Series, rng: np.random.Generator) -> list[int]:
    """The units in an order whose beginnings hold every stratum, material and size, as evenly as they can."""
    strata: dict[tuple[str, str], list[int]] = {}
    material = table["material"].fillna("") if "material" in table else pd.Series("", index=table.index)
    sizes = pd.Series(size_classes(table["median_diameter_nm"]), index=table.index)
    for unit in rng.permutation(units.unique()):
        rows = units.index[units == unit]
        stratum = material[rows].mode().iloc[0], sizes[rows].mode().iloc[0]
        strata.setdefault(stratum, []).append(int(unit))
    rounds = zip_longest(*(strata[key] for key in strata))
    return [unit for unit in chain.from_iterable(rounds) if unit is not None]


def _without_repeats(
    blocks: Mapping[Stage, Sequence[str]], survey: Survey, gap: int, rule: Mapping[str, object]
) -> Split:
    """The split of blocks, without those of later sides that show a field of an earlier one."""
    order = {name: STAGES.index(stage) for stage in STAGES for name in blocks[stage]}
    pairs = [(a, b) for a, b, _ in survey.duplicates if a in order and b in order and order[a] != order[b]]
    repeated = {max(pair, key=lambda name: order[name]) for pair in pairs}
    sides: dict[Stage, tuple[str, ...]] = {
        stage: tuple(name for name in blocks[stage] if name not in repeated) for stage in STAGES
    }
    on_sides = set(chain.from_iterable(sides.values()))
    left_out = tuple(name for name in survey.table.index if name not in on_sides)
    return Split(sides, left_out, gap, rule=rule, files=set_fingerprints(survey.micrographs))
