#!/usr/bin/env bash
# Pillow 13.0.0: PNG with 16 bits in each of several channels (colour, or grey with transparency).
#
# Expected: 16 bits, as for grey without transparency, or an error.
# Seen:     the upper 8 bits of each channel, without a word: "grey: 0 to 199", "colour: 0 to 0".
# Matters:  a dark image is black altogether, and the numbers of particles in a label (300, 301, ...) become one.
# Instead:  cv2.imread(path, cv2.IMREAD_UNCHANGED), which has blue first; or imagecodecs.png_decode.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -I -m pip install --quiet --disable-pip-version-check \
    numpy==2.4.6 pillow==13.0.0 opencv-python-headless
cd "$folder"
venv/bin/python -I - <<'EOF'
import sys

import cv2
import numpy as np
import PIL
from PIL import Image

print("Pillow", PIL.__version__)
print("expected: 0 to 199 in every kind of PNG, 16 bits")
grey = np.arange(200, dtype=np.uint16).reshape(10, 20)
seen = {}
for name, pixels in (("grey", grey), ("colour", np.stack([grey] * 3, -1))):
    cv2.imwrite("image.png", pixels)
    with Image.open("image.png") as image:
        read = np.asarray(image)
    seen[name] = int(read.max())
    print(f"seen: {name}: {read.min()} to {read.max()}, {read.dtype}")
print("with OpenCV:", cv2.imread("image.png", cv2.IMREAD_UNCHANGED).max())
if seen != {"grey": 199, "colour": 0}:
    sys.exit("CHANGED: PNG with 16 bits in several channels is no longer cut to 8")
EOF
