"""Train a forest on single pixels' filter responses, as ParticleSpy and scikit-image's example of it do.

    peers/bin/python experiments/peers/pixel_forest.py outputs/peers --steps 50 --masks outputs/peers/forest

Intensity, edges and texture by Gaussians of 1 to 16 pixels; `--steps` trees on 200,000 pixels of the training images.
"""

import numpy as np
from arrays import Curve, arguments, load, write_masks
from skimage.feature import multiscale_basic_features
from sklearn.ensemble import RandomForestClassifier

PIXELS = 200_000
IMAGES = 128


def features(image: np.ndarray) -> np.ndarray:
    """Filter responses of every pixel, (rows, columns, features)."""
    return multiscale_basic_features(image, sigma_min=1, sigma_max=16)


def main() -> None:
    """Fit, validate, and write masks."""
    given = arguments(__doc__)
    images, masks = load(given.folder, "train")
    order = np.random.default_rng(given.seed)
    forest = RandomForestClassifier(given.steps, max_depth=16, max_samples=0.2, random_state=given.seed)

    def predict(stack: np.ndarray) -> np.ndarray:
        return np.stack([_probability(forest, features(image)) for image in stack])

    curve = Curve(given.folder, predict)
    chosen = order.permutation(len(images))[:IMAGES]
    described = np.stack([features(images[number]) for number in chosen])
    described, labels = described.reshape(-1, described.shape[-1]), masks[chosen].ravel()
    taken = order.permutation(len(labels))[:PIXELS]
    forest.fit(described[taken], labels[taken])
    curve.note(given.steps)
    if given.masks:
        write_masks(given.masks, given.folder, predict, curve.best[1])


def _probability(forest: RandomForestClassifier, described: np.ndarray) -> np.ndarray:
    """Probability of a particle, (rows, columns)."""
    probability = forest.predict_proba(described.reshape(-1, described.shape[-1]))[:, 1]
    return probability.reshape(described.shape[:2])


if __name__ == "__main__":
    main()
