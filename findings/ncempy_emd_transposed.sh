#!/usr/bin/env bash
# ncempy 1.16 and RosettaSciIO 0.15.0: a Berkeley EMD file written by the one and read by the other.
#
# Expected: both implement the same format, so an image of 6 rows and 8 columns comes back as one.
# Seen:     it comes back transposed: "ncempy wrote (6, 8), RosettaSciIO reads (8, 6)", and the other way round. Each
#           reads its own files right. A stack of 2 such images becomes 8 images of 6 x 2 pixels.
# Matters:  a square micrograph shows nothing of it. Its mirrored lattice turns the other way: the handedness of a
#           structure and every angle against the scan or the tilt axis are wrong, and labels drawn on it lie elsewhere.
# Instead:  compare the shape, or read Berkeley EMD with the program that wrote it; data.T (of a stack, too) puts it
#           right.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -I -m pip install --quiet --disable-pip-version-check \
    numpy==2.4.6 ncempy==1.16 rosettasciio==0.15.0
cd "$folder"
venv/bin/python -I - <<'EOF'
import sys
from importlib.metadata import version

import numpy as np
from ncempy.io import emd
from rsciio.emd import file_reader, file_writer

print("ncempy", version("ncempy"), "and RosettaSciIO", version("rosettasciio"))
image = np.arange(48, dtype=np.float32).reshape(6, 8)
wrong = []
for name, array in {"image": image, "stack": np.stack([image, image + 100])}.items():
    emd.emdWriter(f"{name}.emd", array, pixel_size=(0.05,) * array.ndim)
    read = np.asarray(file_reader(f"{name}.emd")[0]["data"])
    own = emd.emdReader(f"{name}.emd")["data"]
    print(f"{name}: expected {array.shape}; seen: ncempy wrote {array.shape}, RosettaSciIO reads {read.shape}", end="")
    print(f", ncempy {own.shape}")
    wrong.append(np.array_equal(read, array.T) and np.array_equal(own, array))
axes = [
    {"name": name, "size": size, "scale": 0.05, "offset": 0.0, "units": "nm", "navigate": False}
    for name, size in zip("yx", image.shape, strict=True)
]
metadata = {"General": {"title": ""}, "Signal": {}}
file_writer("back.emd", {"data": image, "axes": axes, "metadata": metadata, "original_metadata": {}})
own = np.asarray(file_reader("back.emd")[0]["data"])
print(f"back: RosettaSciIO wrote {image.shape}, reads {own.shape}; ncempy reads", end=" ")
read = emd.emdReader("back.emd")["data"]
print(read.shape)
wrong.append(np.array_equal(read, image.T) and np.array_equal(own, image))
if not all(wrong):
    sys.exit("CHANGED: ncempy and RosettaSciIO no longer transpose each other's files")
EOF
