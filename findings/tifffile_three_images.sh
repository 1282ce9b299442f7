#!/usr/bin/env bash
# tifffile 2026.3.3: imwrite of a stack of three or four grey images.
#
# Expected: as many pages as images, as for two images or five.
# Seen:     three are stored as the red, green and blue of a single colour image, four as one with transparency: "3
#           images: 1 page, RGB" but "2 images: 2 pages, MINISBLACK" and "5 images: 5 pages, MINISBLACK". There is a
#           DeprecationWarning, which Python hides unless it is asked for.
# Matters:  a focal series of three becomes one picture. Pillow then shows it in colour, and a program that makes it
#           grey gives the weighted sum of three defoci.
# Instead:  always say photometric="minisblack".
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -I -m pip install --quiet --disable-pip-version-check \
    numpy==2.4.6 tifffile==2026.3.3 pillow==13.0.0
cd "$folder"
venv/bin/python -I - <<'EOF'
import sys

import numpy as np
import tifffile
from PIL import Image

print("tifffile", tifffile.__version__)
print("expected: n images, n pages, MINISBLACK")
seen = {}
for n in (2, 3, 4, 5):
    tifffile.imwrite("series.tif", np.zeros((n, 64, 64), np.uint16))
    with tifffile.TiffFile("series.tif") as file:
        seen[n] = len(file.pages), file.pages[0].photometric.name
    print(f"seen: {n} images: {seen[n][0]} page{'s' * (seen[n][0] > 1)}, {seen[n][1]}")
tifffile.imwrite("series.tif", np.zeros((3, 64, 64), np.uint16), photometric="minisblack")
with Image.open("series.tif") as image:
    print('with photometric="minisblack" 3 images:', image.n_frames, "pages,", image.mode)
if seen != {2: (2, "MINISBLACK"), 3: (1, "RGB"), 4: (1, "RGB"), 5: (5, "MINISBLACK")}:
    sys.exit("CHANGED: three or four images are no longer stored as colour")
EOF
