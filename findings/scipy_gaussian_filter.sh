#!/usr/bin/env bash
# SciPy 1.17.1: scipy.ndimage.gaussian_filter on a micrograph of counted electrons.
#
# Expected: the weights of a Gaussian add up to one, so a smoothed image keeps its mean (to half a count, if it is
#           rounded back to whole numbers).
# Seen:     the result has the type of the input and is cut, not rounded, after each axis, so almost a whole count is
#           lost: "mean before 1.99, after 1.00" and "mean before 0.30, after 0.00".
# Matters:  direct-electron cameras store counts of a few per pixel as uint8 or uint16. A smoothed background is half of
#           what it was, or nothing, and every contrast, dose or threshold made from it is wrong.
# Instead:  convert to float before filtering, or ask for output=float.
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
from scipy.ndimage import gaussian_filter

print("SciPy", scipy.__version__)
print("expected: the mean stays")
lost = []
for dose in (2.0, 0.3):
    counts = np.random.default_rng(0).poisson(dose, (256, 256)).astype(np.uint16)
    after = gaussian_filter(counts, sigma=3)
    right = gaussian_filter(counts, sigma=3, output=float)
    print(f"seen: mean before {counts.mean():.2f}, after {after.mean():.2f}; with output=float {right.mean():.2f}")
    lost.append(counts.mean() - after.mean())
if not (lost[0] > 0.8 and lost[1] > 0.25):
    sys.exit("CHANGED: gaussian_filter no longer loses counts of whole numbers")
EOF
