#!/usr/bin/env bash
# albumentations 2.0.8: GaussianBlur after Normalize.
#
# Expected: Normalize gives an image about zero; a slight blur of it is about zero, too.
# Seen:     GaussianBlur cuts every float image at 0 and 1: "Normalize: -2.00 ... 2.00" becomes "then GaussianBlur: 0.00
#           ... 0.48, 54% exactly 0". So do MedianBlur and GaussNoise, while Affine and HorizontalFlip keep the values.
# Matters:  dark particles on a grey support are the half that is lost. The order of two lines of a pipeline decides
#           whether a network sees them, and nothing is said about it.
# Instead:  keep to 0 ... 1 as long as pixels change, and put Normalize last.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -I -m pip install --quiet --disable-pip-version-check \
    numpy==2.4.6 opencv-python-headless==5.0.0.93 albumentations==2.0.8
cd "$folder"
NO_ALBUMENTATIONS_UPDATE=1 venv/bin/python -I - <<'EOF'
import sys

import albumentations as A
import numpy as np

print("albumentations", A.__version__)
image = np.random.default_rng(0).integers(0, 256, (64, 64), dtype=np.uint8)
normalize = A.Normalize(mean=0.5, std=0.25)
print("expected: values on both sides of zero in every line")
lost = {}
for then in (None, A.HorizontalFlip(p=1), A.Affine(p=1), A.GaussianBlur(p=1), A.MedianBlur(p=1), A.GaussNoise(p=1)):
    name = f"then {type(then).__name__}" if then else "Normalize"
    seen = A.Compose([normalize, then] if then else [normalize], seed=0)(image=image)["image"]
    lost[name] = seen.min() >= 0
    print(f"seen: {name}: {seen.min():.2f} ... {seen.max():.2f}, {(seen == 0).mean():.0%} exactly 0")
if [name for name in lost if lost[name]] != ["then GaussianBlur", "then MedianBlur", "then GaussNoise"]:
    sys.exit("CHANGED: other transforms than these three cut at zero")
EOF
