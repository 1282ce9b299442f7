#!/usr/bin/env bash
# RosettaSciIO 0.15.0: an MRC file of mode 0, the signed bytes of MRC2014, as written by mrcfile 1.5.4.
#
# Expected: the numbers that were written, -3 ... 4.
# Seen:     they are read as unsigned: "[253, 254, 255, 0, 1, 2, 3, 4], uint8", without a word.
# Matters:  in an image about zero, all that is a little darker than zero becomes the brightest there is: means,
#           histograms, thresholds and Fourier transforms are of another image.
# Instead:  where the header's mode is 0 and the file follows MRC2014, take data.view(np.int8); mrcfile does. (Older
#           programs did write unsigned bytes in this mode; which it is, the file's version and labels tell.)
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -I -m pip install --quiet --disable-pip-version-check \
    numpy==2.4.6 mrcfile==1.5.4 rosettasciio==0.15.0
cd "$folder"
venv/bin/python -I - <<'EOF'
import sys
from importlib.metadata import version

import mrcfile
import numpy as np
from rsciio.mrc import file_reader

print("RosettaSciIO", version("rosettasciio"), "and mrcfile", version("mrcfile"))
written = np.arange(-3, 5, dtype=np.int8).reshape(2, 4)
mrcfile.write("signed.mrc", written)
mrcfile.validate("signed.mrc", print_file=sys.stdout)
print("expected:", written.ravel().tolist(), written.dtype)
read = np.asarray(file_reader("signed.mrc")[0]["data"])
print(f"seen: {read.ravel().tolist()}, {read.dtype}; mrcfile reads {mrcfile.read('signed.mrc').ravel().tolist()}")
if read.dtype != np.uint8 or not np.array_equal(read.view(np.int8), written):
    sys.exit("CHANGED: RosettaSciIO no longer reads mode 0 as unsigned bytes")
EOF
