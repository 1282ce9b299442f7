"""One tile of 1024 x 1024 pixels through the shipped network, by every engine that is installed, in turns.

Run it with: python benchmarks/engines.py
A machine without bfloat16: ONEDNN_MAX_CPU_ISA=AVX2 ATEN_CPU_CAPABILITY=avx2 python benchmarks/engines.py
"""

from functools import partial
from importlib.util import find_spec

import numpy as np
from report import report, seconds

from hrtem_lab.paths import MODELS
from hrtem_lab.segmentation.exported import ENGINES
from hrtem_lab.segmentation.network_segmenter import NetworkSegmenter

if __name__ == "__main__":
    tile = np.random.default_rng(0).normal(size=(1024, 1024)).astype(np.float32)
    engines = ["torch", *(name for name in ENGINES if find_spec(name))]
    opened = {name: NetworkSegmenter.load(MODELS / "default", name) for name in engines}
    for segmenter in opened.values():
        segmenter.score_map(tile)  # the first call makes the kernels for this size
        print(segmenter.engine)
    report({f"{name}, s": partial(seconds, partial(opened[name].score_map, tile)) for name in engines}, __doc__)
