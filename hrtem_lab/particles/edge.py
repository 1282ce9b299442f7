"""The edge of one particle: its curves, and how certain they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hrtem_lab.micrograph import IntArray
from hrtem_lab.particles.closed_curves import Curves, draw


@dataclass(frozen=True)
class Edge:
    """The edge of one particle to a fraction of a pixel, or the reason why there is none.

    Attributes:
        curves: Closed curves in pixels, those around holes included; none where the edge could not be measured.
        mean_se_nm: Standard error of its mean position along its normals, to which the equivalent diameter is subject
            twice.
        local_se_nm: Standard error of its position at one place, to which a caliper is subject at both ends.
        reason: Why there are no curves.
    """

    curves: Curves = ()
    mean_se_nm: float = float("nan")
    local_se_nm: float = float("nan")
    reason: str = ""


def choose_edges(geometric: Mapping[int, Edge], half_contrast: Mapping[int, Edge]) -> dict[int, Edge]:
    """The half-contrast edge of every particle that has one, and the geometric one of the others."""
    return {n: edge if half_contrast[n].reason else half_contrast[n] for n, edge in geometric.items()}


def draw_edges(edges: Mapping[int, Edge], shape: tuple[int, ...]) -> IntArray:
    """Number the pixels whose centres are inside each particle's edge, (rows, columns), 0 = background."""
    return draw({number: edge.curves for number, edge in edges.items()}, (shape[0], shape[1]))
