"""A request that is not answered, and why."""

from __future__ import annotations


class Refusal(Exception):
    """A refusal in one line: what was given, what is expected, what to do.

    Attributes:
        status: HTTP status.
        reason: The line.
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status, self.reason = status, reason
