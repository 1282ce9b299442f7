#!/usr/bin/env bash
# scikit-image 0.26.0: random_noise(image, mode="poisson", clip=False) of skimage.util, and which dose it stands for.
#
# Expected: noise that depends on how bright the image is, and for a float image on some fixed number of counts.
# Seen:     the counts per unit are the number of different grey values in the image, rounded up to a power of two. One
#           scene of brightness 0.5 gets "noise 0.7070" when it is flat, "noise 0.0442" with 256 grey levels in it, and
#           "noise 0.0014" as a float image in which no two pixels are alike: doses of 1, 256 and 262144 for the same
#           brightness.
# Matters:  images simulated in floats come out all but free of noise, and cropping one or rounding it changes the dose.
#           A segmenter trained on them has not seen the noise that its author believes.
# Instead:  rng.poisson(image * dose) / dose, with a dose that is chosen.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -I -m pip install --quiet --disable-pip-version-check \
    numpy==2.4.6 scikit-image==0.26.0
cd "$folder"
venv/bin/python -I - <<'EOF'
import sys

import numpy as np
import skimage
from skimage.util import random_noise

print("scikit-image", skimage.__version__)
print("expected: three scenes of brightness 0.500 with much the same noise")
ripple = np.random.default_rng(0).permutation(np.linspace(-1e-3, 1e-3, 512 * 512)).reshape(512, 512)
scenes = {
    "flat": np.full((512, 512), 0.5),
    "256 levels": 0.5 + np.linspace(-1e-3, 1e-3, 256)[np.arange(512) // 2][None].repeat(512, axis=0),
    "all different": 0.5 + ripple,
}
noise = {}
for name, scene in scenes.items():
    noise[name] = float((random_noise(scene, mode="poisson", rng=0, clip=False) - scene).std())
    dose = scene.mean() / noise[name] ** 2
    print(f"seen: {name}: {np.unique(scene).size} grey values, noise {noise[name]:.4f}, a dose of about {dose:.0f}")
if not (noise["flat"] > 10 * noise["256 levels"] > 100 * noise["all different"]):
    sys.exit("CHANGED: the noise no longer depends on the number of grey values")
EOF
