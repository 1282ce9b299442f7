#!/usr/bin/env bash
# scikit-image 0.26.0: 4 pi area / perimeter^2 of discs, from skimage.measure.regionprops.
#
# Expected: 1 for every disc, with some scatter from the pixels.
# Seen:     it falls steadily as the disc grows, past 1 and on to about 0.91: "radius 3 px: 1.25", "radius 10 px: 0.99",
#           "radius 40 px: 0.92" (means over discs at 49 places within a pixel).
# Matters:  "circularity" of nanoparticles is then a measure of their size. A threshold of 0.95 for round particles
#           keeps the small ones and drops the large ones, whatever their shape, and two samples of different size
#           differ in it.
# Instead:  perimeter_crofton, which stays within a few percent of 1 on average here, or the area over that of the
#           convex hull for particles of like size.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -I -m pip install --quiet --disable-pip-version-check \
    numpy==2.4.6 scikit-image==0.26.0
cd "$folder"
venv/bin/python -I - <<'EOF'
import sys

import numpy as np
import skimage
from skimage.measure import regionprops

print("scikit-image", skimage.__version__)
print("expected: about 1 for every radius")
row, column = np.mgrid[-45:46, -45:46]
found = {}
for radius in (3, 5, 10, 20, 40):
    discs = [
        regionprops(((row - i / 7) ** 2 + (column - j / 7) ** 2 <= radius**2).astype(np.uint8))[0]
        for i in range(7)
        for j in range(7)
    ]
    found[radius] = np.mean([4 * np.pi * disc.area / disc.perimeter**2 for disc in discs])
    crofton = np.mean([4 * np.pi * disc.area / disc.perimeter_crofton**2 for disc in discs])
    print(f"seen: radius {radius} px: {found[radius]:.2f}; with perimeter_crofton {crofton:.2f}")
if not (found[3] > 1.15 and found[40] < 0.94):
    sys.exit("CHANGED: the circularity of a disc no longer falls with its radius")
EOF
