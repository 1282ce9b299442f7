"""Records of a batch: the results of each file on their own, so that a later call does the rest only."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hrtem_lab.atomic_write import write_text

ENDING = ".json"
Record = dict[str, Any]


@dataclass(frozen=True)
class Records:
    """Folder `records/` of an output: a JSON file for each input, written when all else of it is written.

    A record holds `key`, which says what the results depend on, `name`, `file`, what the caller adds, and `pictures`:
    the files that belong to it, by their path from the output.

    Attributes:
        output: Folder of the results.
    """

    output: Path

    def find(self, name: str, key: str | None = None) -> Record | None:
        """The record of a name; None where there is none, it has another key, or one of its pictures is gone."""
        record = self._read(self._path(name))
        return record if record is not None and record["name"] == name and key in (None, record["key"]) else None

    def _read(self, path: Path) -> Record | None:
        """A record with all of its pictures; None where there is none."""
        try:
            record: Record = json.loads(path.read_text(encoding="utf-8"))
            is_whole = {"key", "name", "micrographs"} <= record.keys()
            return record if is_whole and all((self.output / file).is_file() for file in record["pictures"]) else None
        except (OSError, ValueError, LookupError, TypeError, AttributeError):  # there is none, or it is no record
            return None

    def write(self, record: Mapping[str, Any]) -> None:
        """Write a record under its name.

        Raises:
            InputError: It cannot be written.
        """
        write_text(self._path(record["name"]), json.dumps(record, default=_plain))

    def discard(self, name: str) -> None:
        """Remove the record of a name, before its pictures are written anew."""
        self._path(name).unlink(missing_ok=True)

    def set_aside(self, names: Collection[str]) -> None:
        """Set aside the records of all other names: those of files that were removed or renamed."""
        for path in self.output.glob(f"records/*{ENDING}"):
            name = path.name.removesuffix(ENDING)
            if name not in names:
                record = self.find(name)
                self._aside.mkdir(exist_ok=True)
                path.replace(self._aside / f"{record['key'] if record else name}{ENDING}")

    def adopt(self, key: str, name: str, file: Path) -> bool:
        """Make a record that was set aside that of a file of the same content, with its pictures.

        Returns:
            Whether there was one.
        """
        aside = self._aside / f"{key}{ENDING}"
        record = self._read(aside)
        if record is None or record["key"] != key:
            return False
        aside.unlink(missing_ok=True)
        old = record["name"]
        moved = {picture: _rename(picture, old, name) for picture in record["pictures"]}
        for before, after in moved.items():
            (self.output / before).replace(self.output / after)
        rows = [
            row | {key: _replace_prefix(row[key], old, name) for key in ("micrograph", "mask")} | {"file": str(file)}
            for row in record["micrographs"]
        ]
        new = {"name": name, "file": str(file), "pictures": list(moved.values()), "micrographs": rows}
        self.write(record | new)
        return True

    def clear(self) -> set[Path]:
        """Remove what was set aside; gives the pictures that belonged to it."""
        pictures: set[Path] = set()
        for path in self._aside.glob(f"*{ENDING}"):
            record = self._read(path)
            pictures |= {self.output / picture for picture in record["pictures"]} if record else set()
            path.unlink()
        return pictures

    @property
    def _aside(self) -> Path:
        return self.output / "records" / "aside"

    def _path(self, name: str) -> Path:
        return self.output / "records" / f"{name}{ENDING}"


def _rename(picture: str, old: str, name: str) -> str:
    """Path of a picture under another name of its file."""
    folder, _, file = picture.rpartition("/")
    return f"{folder}/{_replace_prefix(file, old, name)}"


def _replace_prefix(text: str, old: str, name: str) -> str:
    return name + text.removeprefix(old)


def _plain(value: Any) -> Any:
    """The value of an array or a number of NumPy as JSON has it."""
    return value.tolist()
