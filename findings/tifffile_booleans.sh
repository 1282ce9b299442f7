#!/usr/bin/env bash
# tifffile 2026.3.3: imwrite of a boolean array, such as the mask of a segmentation; scikit-image's imsave does the same.
#
# Expected: what is True is white, as in an array of 0 and 255.
# Seen:     the file says that 0 is white (photometric MINISWHITE), so whoever heeds that sees the opposite. tifffile
#           itself does not heed it, and gives back what was written: "Pillow: 1900 of 2000 pixels are True, 100 were
#           written".
# Matters:  a mask that is drawn in Python and opened elsewhere marks everything but the particles.
# Instead:  say photometric="minisblack", or write mask.astype("uint8") * 255.
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
mask = np.zeros((40, 50), bool)
mask[10:20, 10:20] = True
print("expected: 100 of 2000 pixels are True in every program")


def seen_by_pillow(**options):
    tifffile.imwrite("mask.tif", mask, **options)
    with Image.open("mask.tif") as image:
        return int(np.asarray(image).astype(bool).sum())


by_default = seen_by_pillow()
print("seen: tifffile:", int(tifffile.imread("mask.tif").sum()), "of 2000 pixels are True")
print(f"seen: Pillow: {by_default} of 2000 pixels are True, {mask.sum()} were written")
print('with photometric="minisblack" Pillow:', seen_by_pillow(photometric="minisblack"))
if by_default != mask.size - mask.sum():
    sys.exit("CHANGED: a boolean mask is no longer stored with 0 as white")
EOF
