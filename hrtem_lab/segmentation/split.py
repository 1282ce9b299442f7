"""Splits of labelled micrographs into those to train on, to tune on and to test on, and the leaks that they refuse."""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from hrtem_lab.atomic_write import write_text
from hrtem_lab.files import LabelledSet
from hrtem_lab.fingerprint import fingerprint, fingerprint_file
from hrtem_lab.micrograph import InputError
from hrtem_lab.segmentation.survey import Survey

Stage = Literal["train", "validation", "test"]
STAGES: tuple[Stage, ...] = ("train", "validation", "test")
SPLIT_FILE = "split.json"
"""Name of the file of a split in the folder of a run, and in that of `check`."""
SEEN: dict[Stage, str] = {"train": "trained", "validation": "tuned"}
"""Side whose labels a model has seen -> what was done with them."""
FEW_GROUPS = "few groups"
"""Rule of a split without a test side, and of a single group without a validation side."""
DEFAULT_GAP = 8
"""Images of a stack of unknown origin that are left out between two sides: they may be of one micrograph."""


@dataclass(frozen=True)
class Split:
    """Names of the micrographs on each side.

    Attributes:
        sides: Names by stage.
        left_out: Names on no side: gaps of a stack, and fields that another side shows, too.
        gap: Images of a stack of unknown origin that lie between two sides at least.
        unit: Column of the table whose values are never divided.
        rule: How the split was made, for people.
        files: Fingerprint of every file of the set by its path, relative to the folder of all.
    """

    sides: Mapping[Stage, tuple[str, ...]]
    left_out: tuple[str, ...] = ()
    gap: int = DEFAULT_GAP
    unit: str = "group"
    rule: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """Fingerprint of the sides, of what may not be divided, and of the content of every file."""
        sides = {stage: sorted(self.sides[stage]) for stage in STAGES}
        return fingerprint({"sides": sides, "gap": self.gap, "unit": self.unit, "files": dict(self.files)})

    def save(self, path: Path) -> None:
        """Write the split as JSON, with its digest.

        Raises:
            InputError: The file cannot be written.
        """
        content = {
            "digest": self.digest,
            "rule": dict(self.rule),
            "unit": self.unit,
            "gap": self.gap,
            "sides": {stage: list(self.sides[stage]) for stage in STAGES},
            "left_out": list(self.left_out),
            "files": dict(self.files),
        }
        write_text(path, json.dumps(content, indent=1) + "\n")

    @classmethod
    def load(cls, path: str | Path) -> Split:
        """Read what `save` wrote.

        Args:
            path: The file, or the folder of a run or of `check` that it lies in.

        Raises:
            InputError: The file is missing, is no split, or was changed after it was written.
        """
        path = Path(path).expanduser()
        path = path / SPLIT_FILE if path.is_dir() else path
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            split = cls(
                {stage: tuple(content["sides"][stage]) for stage in STAGES},
                tuple(content["left_out"]),
                int(content["gap"]),
                str(content["unit"]),
                content["rule"],
                content["files"],
            )
            digest = content["digest"]
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise InputError(f"{path}: cannot be read as a split; check and train write one as split.json") from error
        if digest != split.digest:
            raise InputError(
                f"{path}: its digest is {digest}, that of its content {split.digest}: it was changed by hand; make it "
                "anew with check"
            )
        return split


def set_fingerprints(micrographs: LabelledSet) -> dict[str, str]:
    """Fingerprint of every file of a set by its path, relative to the folder of all."""
    files = [path.absolute() for path in micrographs.files]
    folder = Path(os.path.commonpath([path.parent for path in files]))
    return {path.relative_to(folder).as_posix(): fingerprint_file(path) for path in files}


def refuse_leaks(split: Split, survey: Survey) -> None:
    """Refuse a split that lets a network be tested on what it has seen.

    Raises:
        InputError: A micrograph, a group, one field in two micrographs, or neighbours in a stack of unknown origin are
            on two sides; a side is empty; or a name belongs to no micrograph.
    """
    sides: dict[str, Stage] = {}
    for stage in STAGES:
        for name in split.sides[stage]:
            if name in sides:
                raise InputError(f"leak: {name} is both in {sides[name]} and in {stage}; keep it on one side")
            sides[name] = stage
    unknown = sorted(sides.keys() - set(survey.table.index))
    if unknown:
        raise InputError(f"{', '.join(unknown[:3])}: named by the split and not in the set; make the split anew")
    needed: tuple[Stage, ...] = ("train",) if split.rule.get("rule") == FEW_GROUPS else STAGES
    missing = [stage for stage in needed if not split.sides[stage]]
    if missing and missing != ["train", "validation"]:  # a set that is only scored has a test side alone
        raise InputError(f"the split leaves nothing for {' and '.join(missing)}; label more micrographs")
    _refuse_divided_units(split.unit, sides, survey)
    for first, second, agreeing in survey.duplicates:
        if first in sides and second in sides and sides[first] != sides[second]:
            raise InputError(
                f"leak: {first} in {sides[first]} and {second} in {sides[second]} show the same field ({agreeing} "
                "points agree); keep them on one side, or leave one out"
            )
    _refuse_neighbours(split.gap, sides, survey)


def seen_labels(split_file: Path, files: Mapping[str, str]) -> dict[str, str]:
    """The labels that a model has seen, if its training was of these files.

    Args:
        split_file: Split of the model's training.
        files: Fingerprints of the files of a set, as in `Split.files`.

    Returns:
        Name of a micrograph -> what was done with its label: `trained` or `tuned`.
    """
    learned = Split.load(split_file)
    if set(learned.files.values()).isdisjoint(files.values()):
        return {}
    return {name: verb for stage, verb in SEEN.items() for name in learned.sides[stage]}


def refuse_seen(split_file: Path, scored: Split, model: str) -> None:
    """Refuse to test a model on micrographs whose labels it was trained or tuned on.

    Args:
        split_file: Split of the model's training.
        scored: Split of the micrographs that it is to be tested on.
        model: Name of the model.

    Raises:
        InputError: The model has seen the label of a micrograph to test on.
    """
    seen = seen_labels(split_file, scored.files)
    for name in scored.sides["test"]:
        if name in seen:
            raise InputError(
                f"leak: {model} was {seen[name]} on {name}; score it on what it has not seen, by its own split: "
                f"data/splitter=saved data.splitter.path={split_file.parent}"
            )


def _refuse_divided_units(unit: str, sides: Mapping[str, Stage], survey: Survey) -> None:
    """Refuse a group on two sides; a stack of unknown origin is no group, and its neighbours are looked at instead."""
    seen: dict[str, tuple[str, Stage]] = {}
    table = survey.table
    for name, stage in sides.items():
        if table.at[name, "stack"] and unit == "group":
            continue
        group = str(table.at[name, unit])
        other, its_stage = seen.setdefault(group, (name, stage))
        if its_stage != stage:
            raise InputError(
                f"leak: {unit} {group} is divided: {other} is in {its_stage}, {name} in {stage}; keep it on one side"
            )


def _refuse_neighbours(gap: int, sides: Mapping[str, Stage], survey: Survey) -> None:
    """Refuse images on different sides of a stack of unknown origin with fewer than `gap` others between them."""
    stacks = survey.table[survey.table["stack"] != ""]
    for _, stack in stacks[stacks.index.isin(list(sides))].sort_values("position").groupby("stack"):
        for (first, one), (second, other) in itertools.pairwise(stack["position"].items()):
            if sides[str(first)] != sides[str(second)] and other - one <= gap:
                raise InputError(
                    f"leak: {first} in {sides[str(first)]} and {second} in {sides[str(second)]} are images {one} and "
                    f"{other} of a stack of unknown origin and may be of one micrograph; leave {gap} between them"
                )
