#!/usr/bin/env bash
# RosettaSciIO 0.15.0: the unit of an ImageJ TIFF, as written by tifffile 2026.3.3.
#
# Expected: a file that says 50 pixels per nm is read as 0.02 nm per pixel.
# Seen:     of ImageJ's units "micron" alone is understood. With any other the number stays and the unit goes:
#           "unit=micron: 0.02 µm" but "unit=nm: 0.02 None" and "unit=angstrom: 0.02 None".
# Matters:  high-resolution micrographs are calibrated in nm or angstrom. The scale looks as if it were there, and
#           whoever fills in a unit may be wrong by a factor of 10 or 1000. (A file that RosettaSciIO itself wrote comes
#           back whole: it has Gatan's tags beside ImageJ's.)
# Instead:  read the unit from tifffile's imagej_metadata["unit"].
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -I -m pip install --quiet --disable-pip-version-check \
    numpy==2.4.6 tifffile==2026.3.3 imagecodecs==2026.3.6 rosettasciio==0.15.0
cd "$folder"
venv/bin/python -I - <<'EOF'
import sys
from importlib.metadata import version

import numpy as np
import tifffile
from rsciio.tiff import file_reader

print("RosettaSciIO", version("rosettasciio"), "and tifffile", tifffile.__version__)
seen = {}
for unit, expected in {"micron": "µm", "nm": "nm", "angstrom": "Å"}.items():
    image = np.zeros((8, 8), np.uint16)
    tifffile.imwrite("imagej.tif", image, imagej=True, resolution=(50, 50), metadata={"unit": unit})
    with tifffile.TiffFile("imagej.tif") as file:
        kept = file.imagej_metadata["unit"]
    axis = file_reader("imagej.tif")[0]["axes"][-1]
    seen[unit] = axis["units"]
    print(f"expected: unit={unit}: 0.02 {expected}; seen: 0.02 -> {axis['scale']} {axis['units']}; tifffile: {kept}")
if seen != {"micron": "µm", "nm": None, "angstrom": None}:
    sys.exit("CHANGED: RosettaSciIO treats the units of ImageJ differently")
EOF
