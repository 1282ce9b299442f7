"""Reflections of a particle on the two sides of straight lines through it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from hrtem_lab.particles.fringe_maps import DIRECTIONS, NORMALS_DEG, Array, MapPoints, Waves


@dataclass(frozen=True)
class Lines:
    """Straight lines through a particle's map.

    Attributes:
        angle_deg: Normal of each direction, as `Peak.angle_deg`, (directions,).
        order: Points in the order in which the line of each direction, swept along its normal, meets them,
            (directions, points).
        direction: Direction of each line, (lines,).
        stop: The last point on its left, in that order, (lines,).
        weight: Weight of each point, (points,).
    """

    angle_deg: Array
    order: npt.NDArray[np.intp]
    direction: npt.NDArray[np.intp]
    stop: npt.NDArray[np.intp]
    weight: Array

    @classmethod
    def through(cls, points: MapPoints) -> Lines:
        """Every line with a fifth of the particle on either side."""
        order, stops = points.sweep
        direction, stop = np.nonzero(stops)
        return cls(NORMALS_DEG, order, direction, stop, points.weight)

    @classmethod
    def across(cls, points: MapPoints, normals_deg: npt.ArrayLike, min_side: float) -> Lines:
        """Every line with one of these normals and with a part of the particle on either side.

        Args:
            points: Points of the map.
            normals_deg: Directions of the normals, as `Peak.angle_deg`.
            min_side: Least part of the noise of a map's sum that is on either side.
        """
        angles = np.array(normals_deg, dtype=np.float64)
        along = points.along(angles)
        order = np.argsort(along, axis=1)
        part = np.cumsum(points.weight[order] ** 2, axis=1)[:, :-1] / (points.weight**2).sum()
        apart = np.diff(np.take_along_axis(along, order, axis=1)) > 1e-3 * points.pixel_nm
        direction, stop = np.nonzero(apart & (np.minimum(part, 1 - part) >= min_side))
        return cls(angles, order, direction, stop, points.weight)

    def __len__(self) -> int:
        return len(self.stop)

    @property
    def normal_deg(self) -> Array:
        """Direction of each line's normal, as `Peak.angle_deg`."""
        return self.angle_deg[self.direction]

    def left_sums(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Sums over the left sides, (..., points) -> (..., lines)."""
        sums: npt.NDArray[Any] = np.cumsum(values[..., self.order], axis=-1)[..., self.direction, self.stop]
        return sums

    @cached_property
    def left_weight(self) -> Array:
        """Sum of the weights on the left sides, (lines,)."""
        return self.left_sums(self.weight)

    @cached_property
    def left_part(self) -> Array:
        """Part of the noise of a map's sum that is on the left sides, (lines,)."""
        squared = self.weight**2
        part: Array = self.left_sums(squared) / squared.sum()
        return part

    def with_normal(self, angle_deg: float) -> npt.NDArray[np.intp]:
        """Numbers of the lines whose normal is nearest to an angle."""
        return np.flatnonzero(self.direction == _nearest_direction(angle_deg))

    def select_normal(self, angle_deg: float) -> Lines:
        """Select the lines whose normal is nearest to an angle; their direction becomes the only one."""
        stop, nearest = self.stop[self.with_normal(angle_deg)], [_nearest_direction(angle_deg)]
        return Lines(self.angle_deg[nearest], self.order[nearest], np.zeros_like(stop), stop, self.weight)


def _nearest_direction(angle_deg: float) -> int:
    """Number of the direction whose normal is nearest to an angle."""
    return round(angle_deg / (180 / DIRECTIONS)) % DIRECTIONS


@dataclass(frozen=True)
class Sides:
    """Reflections on the two sides of lines; all arrays (reflections, lines).

    Attributes:
        left: Sum of the map on the left side.
        right: Sum of the map on the right side.
        left_noise: Variance of `left` where there is only noise.
        right_noise: Variance of `right` where there is only noise.
        left_weight: Sum of the weights on the left side, (lines,).
        right_weight: Sum of the weights on the right side, (lines,).
    """

    left: Waves
    right: Waves
    left_noise: Array
    right_noise: Array
    left_weight: Array
    right_weight: Array

    @classmethod
    def from_maps(cls, lines: Lines, waves: Waves, noise: Array) -> Sides:
        """Sum reflections over the two sides of lines.

        Args:
            lines: The lines.
            waves: Weighted maps, (reflections, points).
            noise: Variance of the sum of each map where there is only noise, (reflections,).
        """
        left = lines.left_sums(waves)
        return cls(
            left,
            waves.sum(axis=1)[:, None] - left,
            noise[:, None] * lines.left_part,
            noise[:, None] * (1 - lines.left_part),
            lines.left_weight,
            lines.weight.sum() - lines.left_weight,
        )

    @cached_property
    def power(self) -> Array:
        """Power of the two sides with an amplitude each, over that of the noise."""
        power: Array = np.abs(self.left) ** 2 / self.left_noise + np.abs(self.right) ** 2 / self.right_noise
        return power

    @cached_property
    def gain(self) -> Array:
        """Part of `power` that one amplitude for both sides does not explain."""
        one: Array = np.abs(self.left + self.right) ** 2 / (self.left_noise + self.right_noise)
        return np.maximum(self.power - one, 0.0)  # rounding may make it negative

    @cached_property
    def means(self) -> tuple[Array, Array]:
        """Mean amplitude of the left and of the right side."""
        return np.abs(self.left) / self.left_weight, np.abs(self.right) / self.right_weight

    @property
    def excess(self) -> Array:
        """Mean amplitude of the left side less that of the right one, in standard errors."""
        a, b = self.means
        error = np.sqrt((self.left_noise / self.left_weight**2 + self.right_noise / self.right_weight**2) / 2)
        return np.asarray((a - b) / error)

    @property
    def asymmetry(self) -> Array:
        """(a - b) / (a + b) of the mean amplitudes."""
        a, b = self.means
        return np.asarray((a - b) / (a + b))

    @property
    def phase_difference(self) -> Array:
        """0 where the two sides are in phase, 1 where they are opposite; weighted mean of the reflections, (lines,)."""
        pair = self.left * self.right.conj() / np.sqrt(self.left_noise * self.right_noise)
        return np.asarray(0.5 - 0.5 * pair.real.sum(axis=0) / np.abs(pair).sum(axis=0))

    @property
    def snr(self) -> Array:
        """Amplitude of each side over that of the noise, (2, reflections, lines)."""
        return np.abs([self.left / np.sqrt(self.left_noise), self.right / np.sqrt(self.right_noise)])
