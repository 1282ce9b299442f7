#!/usr/bin/env bash
# ncempy 1.16: the pixel size of an MRC file that has none, as written by mrcfile 1.5.4 without voxel_size.
#
# Expected: a cell of 0 x 0 x 0 means "not calibrated": a pixel size of 0, or none.
# Seen:     one of 1 / (number of pixels) Å, different along each axis: for 256 x 512 pixels "pixel size [1.0,
#           0.00390625, 0.001953125] A", with the unit, as for a calibrated file.
# Matters:  a pixel of 0.004 Å looks like a real one to a program. Particles come out below the size of an atom, or all
#           of them are dropped as too small; pixels that are square are taken for oblong.
# Instead:  see whether the cell in the header is zero (mrcfile: voxel_size of 0) before using ncempy's pixelSize.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -I -m pip install --quiet --disable-pip-version-check \
    numpy==2.4.6 ncempy==1.16 mrcfile==1.5.4
cd "$folder"
venv/bin/python -I - <<'EOF'
import sys
from importlib.metadata import version

import mrcfile
import numpy as np
from ncempy.io.mrc import mrcReader

print("ncempy", version("ncempy"), "and mrcfile", version("mrcfile"))
mrcfile.write("plain.mrc", np.zeros((256, 512), np.float32))
mrcfile.validate("plain.mrc", print_file=sys.stdout)
with mrcfile.open("plain.mrc") as file:
    print("expected: no pixel size; mrcfile reads", file.voxel_size)
read = mrcReader("plain.mrc")
print(f"seen: pixel size {read['pixelSize'].tolist()} {read['pixelUnit']}")
if not np.allclose(read["pixelSize"], [1, 1 / 256, 1 / 512]):
    sys.exit("CHANGED: ncempy no longer gives an uncalibrated file a pixel of 1 / n")
EOF
