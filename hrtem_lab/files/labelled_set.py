"""Sets of labelled micrographs that stay in their files until they are read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import overload

from hrtem_lab.micrograph import OUTLINES, InputError, LabelledMicrograph

KEPT_BYTES = 2**30
"""Memory up to which micrographs that have been read are kept for the next time."""
_BYTES_PER_PIXEL = 8
"""Bytes of a pixel of the image and of its particle's number."""


@dataclass(frozen=True, kw_only=True)
class LabelledEntry:
    """A labelled micrograph in its files.

    Attributes:
        name: Name that is unique in its set.
        group: Unit that a split may never divide.
        load: Reads the micrograph; it can be sent to another process.
        files: Files that the micrograph depends on.
        outline: Edge that the label follows, one of `hrtem_lab.micrograph.OUTLINES`.
        facts: Other columns of the row of a table about the micrograph: `material`, `specimen`, `session`, ...
        stack: Name of the stack that the micrograph is from, where nothing says which of its images belong together;
            '' elsewhere.
        position: Number of the micrograph in its stack.
        share: Part of the training images that come from this micrograph's set, in a mixture; 1 elsewhere.
        origin: Name of the set in a mixture; '' elsewhere.
    """

    name: str
    group: str
    load: Callable[[], LabelledMicrograph]
    files: tuple[Path, ...]
    outline: str = OUTLINES[0]
    facts: Mapping[str, str] = field(default_factory=dict)
    stack: str = ""
    position: int = 0
    share: float = 1.0
    origin: str = ""

    def read(self) -> LabelledMicrograph:
        """Read the micrograph, under the name, group and outline of this entry."""
        return replace(self.load(), name=self.name, group=self.group, outline=self.outline)


class LabelledSet(Sequence[LabelledMicrograph]):
    """Labelled micrographs, each of which is read when it is asked for.

    The first that are read stay in memory, up to `KEPT_BYTES`.

    Args:
        entries: The micrographs in their files.

    Raises:
        InputError: Two have the same name.
    """

    def __init__(self, entries: Iterable[LabelledEntry]) -> None:
        self.entries = list(entries)
        names = self.names
        if twice := sorted({name for name in names if names.count(name) > 1} if len(set(names)) < len(names) else ()):
            raise InputError(f"{', '.join(twice[:3])}: more than one labelled micrograph is called so; rename one")
        self._kept: dict[int, LabelledMicrograph] = {}
        self._kept_bytes = 0

    @property
    def names(self) -> list[str]:
        """Names of the micrographs."""
        return [entry.name for entry in self.entries]

    @property
    def files(self) -> list[Path]:
        """Every file that the set depends on, once."""
        return list(dict.fromkeys(path for entry in self.entries for path in entry.files))

    def __len__(self) -> int:
        return len(self.entries)

    @overload
    def __getitem__(self, index: int) -> LabelledMicrograph: ...

    @overload
    def __getitem__(self, index: slice) -> LabelledSet: ...

    def __getitem__(self, index: int | slice) -> LabelledMicrograph | LabelledSet:
        if isinstance(index, slice):
            return LabelledSet(self.entries[index])
        if index in self._kept:
            return self._kept[index]
        micrograph = self.entries[index].read()
        size = micrograph.image.size * _BYTES_PER_PIXEL
        if self._kept_bytes + size <= KEPT_BYTES:
            self._kept[index] = micrograph
            self._kept_bytes += size
        return micrograph

    def __iter__(self) -> Iterator[LabelledMicrograph]:
        return (self[index] for index in range(len(self)))

    def __getstate__(self) -> dict[str, object]:
        """Leave what was read behind when the set is sent to another process."""
        return {**self.__dict__, "_kept": {}, "_kept_bytes": 0}

    def select(self, names: Iterable[str]) -> LabelledSet:
        """The micrographs of these names, in the order of this set."""
        wanted = set(names)
        return LabelledSet(entry for entry in self.entries if entry.name in wanted)
