#!/usr/bin/env bash
# SciPy 1.17.1: scipy.ndimage.zoom(image, 0.5), and how large a pixel is afterwards.
#
# Expected: half as many pixels, each twice as large.
# Seen:     half as many pixels, but the first and the last one stay at the middle of the first and the last one of the
#           input, so the step is (n - 1) / (m - 1): "64 px -> 32 px: step 2.0323" and "512 px -> 256 px: step 2.0039".
# Matters:  the calibration of the smaller image is off by 1.6 % for a tile of 64 pixels, and by another amount for each
#           size of tile. Lattice spacings measured in it look strained by that much.
# Instead:  grid_mode=True with mode="nearest" gives a step of exactly 2. Neither smooths before it shrinks.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -I -m pip install --quiet --disable-pip-version-check \
    numpy==2.4.6 scipy==1.17.1
cd "$folder"
venv/bin/python -I - <<'EOF'
import sys

import numpy as np
import scipy
from scipy.ndimage import zoom

print("SciPy", scipy.__version__)
print("expected: a step of 2 input pixels")
steps = {}
for n in (64, 512):
    place = np.arange(n, dtype=float)  # each pixel holds its own place
    small, right = zoom(place, 0.5, order=1), zoom(place, 0.5, order=1, grid_mode=True, mode="nearest")
    steps[n] = float(np.median(np.diff(small)))
    print(f"seen: {n} px -> {small.size} px: step {steps[n]:.4f}; with grid_mode {np.median(np.diff(right)):.4f}")
if not all(abs(step - (n - 1) / (n // 2 - 1)) < 1e-6 for n, step in steps.items()):
    sys.exit("CHANGED: zoom has another step than (n - 1) / (m - 1)")
EOF
