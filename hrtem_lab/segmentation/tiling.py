"""Tiles of a large image: where they lie, and how the predictions in them are blended."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from hrtem_lab.micrograph import FloatArray, InputError
from hrtem_lab.progress import ProgressCallback


@dataclass(frozen=True)
class Tiling:
    """Overlapping square tiles.

    Attributes:
        tile: Side length of a tile in pixels at most, a multiple of `stride`.
        overlap: Smallest overlap of two neighbouring tiles in pixels.
        stride: Factor by which a network downsamples: the sides of its input have to be multiples of it.

    Raises:
        InputError: The tile is no multiple of the stride, or the overlap is negative or not below the tile.
    """

    tile: int
    overlap: int
    stride: int

    def __post_init__(self) -> None:
        if self.tile % self.stride or not 0 <= self.overlap < self.tile:
            raise InputError(
                f"tile is {self.tile} and overlap {self.overlap}; expected a tile that is a multiple of {self.stride} "
                "and an overlap of at least 0 and less than the tile"
            )

    def padding(self, length: int) -> int:
        """Number of pixels that a side lacks to be a multiple of the stride."""
        return -length % self.stride

    def windows(self, rows: int, columns: int) -> Iterator[tuple[slice, slice]]:
        """Yield the (rows, columns) slices of all tiles of an image; a side shorter than a tile is one tile."""
        height, width = self.side(rows), self.side(columns)
        for top in self.starts(rows):
            for left in self.starts(columns):
                yield slice(top, top + height), slice(left, left + width)

    def side(self, length: int) -> int:
        """Length of the tiles along a side of an image: the shortest with which there are no more of them.

        An image of 1664 x 1664 pixels then takes four tiles of 960 instead of 1024 pixels, an eighth less work.
        """
        if length <= self.tile:
            return length
        fewest = self._count(length, self.tile)
        shorter = range(self.stride, self.tile, self.stride)
        fitting = (side for side in shorter if side > self.overlap and self._count(length, side) == fewest)
        return next(fitting, self.tile)

    def _unit(self, length: int, side: int) -> int:
        """Distance of the places at which tiles of a length may begin."""
        return self.stride if side - self.overlap >= self.stride and length % self.stride == 0 else 1

    def _count(self, length: int, side: int) -> int:
        """Number of tiles of a length along a side of an image."""
        unit = self._unit(length, side)
        step = (side - self.overlap) // unit * unit
        return -(-(length - side) // step) + 1

    def starts(self, length: int) -> list[int]:
        """Evenly spaced starts of the tiles along a side.

        They are multiples of the stride where the overlap leaves room for it, so that the network's downsampling falls
        on the same pixels in every tile.
        """
        if length <= self.tile:
            return [0]
        side = self.side(length)
        unit, count = self._unit(length, side), self._count(length, side)
        return [unit * round(i * (length - side) / unit / (count - 1)) for i in range(count)]


def predict_in_tiles(
    predict: Callable[[FloatArray], FloatArray],
    image: FloatArray,
    tiling: Tiling,
    progress: ProgressCallback | None = None,
) -> FloatArray:
    """Predict in overlapping tiles and blend the results with Gaussian weights, so that no seam shows.

    Args:
        predict: (rows, columns) -> (outputs, rows, columns) for sides that are multiples of the stride.
        image: (rows, columns) of any size; padded with its mirror image to multiples of the stride.
        tiling: Size, overlap and stride of the tiles.
        progress: Called with (done, total) after every tile.

    Returns:
        (outputs, rows, columns), float32.
    """
    rows, columns = image.shape
    padded = np.pad(image, [(0, tiling.padding(rows)), (0, tiling.padding(columns))], mode="symmetric")
    windows = list(tiling.windows(*padded.shape))
    weights = np.zeros_like(padded)
    for done, window in enumerate(windows, start=1):
        predicted = predict(padded[window])
        if done == 1:  # the number of outputs is known from the first tile
            totals = np.zeros((len(predicted), *padded.shape), dtype=np.float32)
        blend = blend_weights(*padded[window].shape)
        totals[:, *window] += blend * predicted
        weights[window] += blend
        if progress:
            progress(done, len(windows))
    totals /= weights
    return totals[:, :rows, :columns]


def blend_weights(rows: int, columns: int) -> FloatArray:
    """Weights of a tile's pixels, (rows, columns): a Gaussian with a standard deviation of a sixteenth of the side.

    It is so narrow that where two tiles meet, the pixels near a tile's edge, which a network predicts without their
    full surroundings, have next to no weight.
    """
    row, column = (np.exp(-0.5 * (8 * np.linspace(-1, 1, n, dtype=np.float32)) ** 2) for n in (rows, columns))
    return row[:, None] * column[None, :]
