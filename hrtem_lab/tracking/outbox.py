"""Calls that could not be sent to a tracking server, kept in the folder of the run until the server is back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hrtem_lab.atomic_write import write_text

UNSENT = "unsent.jsonl"
"""File of a run's folder: a line per call that could not be sent, in their order."""


@dataclass(frozen=True)
class Outbox:
    """The calls of a run and its children that wait to be sent.

    Once one waits, all that follow wait, too, so that their order stays.

    Attributes:
        folder: Folder of the run.
    """

    folder: Path

    @property
    def path(self) -> Path:
        """The file of the calls."""
        return self.folder / UNSENT

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits."""
        return not self.path.is_file()

    def keep(self, child: str, kind: str, arguments: dict[str, Any]) -> None:
        """Add a call.

        Args:
            child: Name of the child run that it is of; empty for the run itself.
            kind: Key of `hrtem_lab.tracking.sending.SENDERS`.
            arguments: Arguments of that function besides the identifier of the run.
        """
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"child": child, "kind": kind, "arguments": arguments}) + "\n")

    def take(self) -> Iterator[dict[str, Any]]:
        """Yield the calls in their order; each is gone when the next is asked for, and the file after the last."""
        lines = self.path.read_text(encoding="utf-8").splitlines() if self.path.is_file() else []
        for number, line in enumerate(lines, start=1):
            yield json.loads(line)
            if number < len(lines):
                write_text(self.path, "\n".join(lines[number:]) + "\n")
        self.path.unlink(missing_ok=True)
