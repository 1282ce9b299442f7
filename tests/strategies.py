"""The field's sane ranges, written once, for the property tests."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

pixel_sizes_nm = st.floats(0.01, 0.2)
"""From 1.2 million times to where Au {111} is lost."""
resolving_pixel_sizes_nm = st.floats(0.01, 0.11)
"""To where a segmenter refuses: Au {111} needs two pixels and some more."""
image_shapes = st.tuples(st.integers(1, 80), st.integers(1, 80))
diameters_nm = st.floats(1.0, 20.0)
angles_deg = st.floats(0, 180)
probabilities = st.floats(0, 1)
pixel_totals = st.integers(0, 4096 * 4096)
ratios = st.one_of(st.floats(0, 1), st.just(np.nan))
"""A score of one micrograph; `nan` where it has no particle."""
defoci_nm = st.floats(-150, 150)
doses_e_per_nm2 = st.floats(1e2, 1e6)


@st.composite
def masks(draw: st.DrawFn, most_px: int = 24) -> np.ndarray:
    """A small mask of any pattern."""
    shape = draw(hnp.array_shapes(min_dims=2, max_dims=2, max_side=most_px))
    return draw(hnp.arrays(np.bool_, shape))


@st.composite
def instance_maps(draw: st.DrawFn, shape: tuple[int, int] = (12, 12), most: int = 5) -> np.ndarray:
    """A small instance map; particles may be absent, split or empty."""
    return draw(hnp.arrays(np.int32, shape, elements=st.integers(0, most)))
