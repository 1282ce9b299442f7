"""Sequences of exit waves, of which each is read or drawn when it is asked for."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import overload

from hrtem_lab.physics.exit_wave import ExitWave


class WaveSequence(Sequence[ExitWave]):
    """A sequence of exit waves by their index."""

    @abstractmethod
    def _wave(self, index: int) -> ExitWave:
        """Return the exit wave of an index from 0 to below the length."""

    @overload
    def __getitem__(self, index: int) -> ExitWave: ...
    @overload
    def __getitem__(self, index: slice) -> list[ExitWave]: ...
    def __getitem__(self, index: int | slice) -> ExitWave | list[ExitWave]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        if not 0 <= index < len(self):
            raise IndexError(index)
        return self._wave(index)
