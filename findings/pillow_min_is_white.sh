#!/usr/bin/env bash
# Pillow 13.0.0: a grey TIFF whose photometric interpretation is "min is white", as scanned negatives and some cameras
# have.
#
# Expected: the same picture, whether it is stored in 8 or in 16 bits.
# Seen:     that of 8 bits is turned into "min is black", that of 16 bits and of floats is given as stored: "uint8:
#           [255, 155, 0]" but "uint16: [0, 25700, 65535]" from the same picture. tifffile turns none of them.
# Matters:  8-bit copies of 16-bit micrographs have the opposite contrast: particles that are dark in one are bright in
#           the other. A network or a threshold made with the one fails on the other, without an error.
# Instead:  look at tag 262 (0 is "min is white"), and invert what the library has not.
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
import PIL
import tifffile
from PIL import Image

print("Pillow", PIL.__version__, "and tifffile", tifffile.__version__)
dark_to_bright = np.array([[0, 100, 255]], np.uint8)  # as stored; 0 is to be shown as white
turned = {}
for kind, gain in {np.uint8: 1, np.uint16: 257, np.float32: 1}.items():
    stored = dark_to_bright.astype(kind) * kind(gain)
    tifffile.imwrite("white.tif", stored, photometric="miniswhite")
    with Image.open("white.tif") as image:
        read, mode, tag = np.asarray(image), image.mode, image.tag_v2[262]
    name = stored.dtype.name
    turned[name] = not np.array_equal(read, stored)
    print(f"{name} ({mode}, tag 262 is {tag}): stored {stored[0].tolist()}, expected inverted in all or none", end="")
    print(f"; seen: {read[0].tolist()}, tifffile {tifffile.imread('white.tif')[0].tolist()}")
if turned != {"uint8": True, "uint16": False, "float32": False}:
    sys.exit("CHANGED: Pillow treats min-is-white differently")
EOF
