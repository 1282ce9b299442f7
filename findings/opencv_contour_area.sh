#!/usr/bin/env bash
# OpenCV 5.0.0 (opencv-python-headless 5.0.0.93): cv2.contourArea of what cv2.findContours finds in a mask.
#
# Expected: the area of a particle in pixels: a square of 10 x 10 pixels has 100.
# Seen:     the contour runs through the middles of the outermost pixels, so half a pixel is missing all round: "5 x 5:
#           16, not 25", "10 x 10: 81, not 100", "40 x 40: 1521, not 1600".
# Matters:  particles of a few nanometres are tens of pixels wide. Their areas come out 5 to 36 % too small, the
#           smallest most, which bends a size distribution; minAreaRect and minEnclosingCircle of the contour are a
#           pixel short, too.
# Instead:  count pixels: the area column of cv2.connectedComponentsWithStats, or cv2.countNonZero.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -I -m pip install --quiet --disable-pip-version-check \
    numpy==2.4.6 opencv-python-headless==5.0.0.93
cd "$folder"
venv/bin/python -I - <<'EOF'
import sys

import cv2
import numpy as np

print("OpenCV", cv2.__version__)
print("expected: n * n")
seen = {}
for n in (5, 10, 40):
    mask = np.zeros((60, 60), np.uint8)
    mask[10 : 10 + n, 10 : 10 + n] = 1
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    counted = cv2.connectedComponentsWithStats(mask)[2][1, cv2.CC_STAT_AREA]
    seen[n] = cv2.contourArea(contours[0])
    print(f"seen: {n} x {n}: {seen[n]:.0f}, not {n * n}; connectedComponentsWithStats says {counted}")
if seen != {n: (n - 1) ** 2 for n in seen}:
    sys.exit("CHANGED: contourArea of an n x n square is no longer (n - 1)^2")
EOF
