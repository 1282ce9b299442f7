"""Tables of particles whose classes are separated by two features."""

from functools import partial

import numpy as np
import pandas as pd
from sklearn.ensemble import RandomForestClassifier

from hrtem_lab.defects.forest import Forest
from hrtem_lab.micrograph import CLASSES


def trees(seed=0):
    return RandomForestClassifier(20, random_state=seed)


def table(counts, groups=6, seed=0):
    """Particles of classes that are separated by two features; `counts` holds the number of each class."""
    rng = np.random.default_rng(seed)
    rows = []
    for name, count in counts.items():
        centre = np.array([CLASSES.index(name), 2.0 * (CLASSES.index(name) % 2)])
        for _ in range(count):
            rows.append([*(centre + rng.normal(0, 0.1, 2)), name])
    rows = pd.DataFrame(rows, columns=["first", "second", "label"]).sample(frac=1, random_state=seed)
    rows["group"] = [f"specimen_{i % groups}" for i in range(len(rows))]
    rows.index = pd.MultiIndex.from_arrays([rows["group"] + "_0", range(len(rows))], names=["micrograph", "particle"])
    return rows


MANY = {"fault": 12, "no_fault": 18, "no_fringe": 12}


def alone(classifier):
    """A function that fits a forest and makes no choices."""
    return partial(Forest.fit, classifier)


def certain(guesses, index=None):
    """Probability 1 for the given class of every particle."""
    return pd.DataFrame([[float(name == c) for c in CLASSES] for name in guesses], columns=list(CLASSES), index=index)


def given_to_fault(*probabilities):
    """Rows with a probability of fault, and the rest of no_fault."""
    rows = pd.DataFrame(0.0, index=range(len(probabilities)), columns=list(CLASSES))
    return rows.assign(fault=probabilities, no_fault=1 - np.array(probabilities))
