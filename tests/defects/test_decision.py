"""The decision for a class at given costs."""

import pandas as pd

from hrtem_lab.defects.decision import decide
from hrtem_lab.micrograph import CLASSES


def test_a_costly_class_is_predicted_at_a_lower_probability():
    given = pd.DataFrame([[0.3, 0.5, 0.2, 0, 0], [0.2, 0.5, 0.3, 0, 0]], columns=list(CLASSES), index=[7, 9])
    assert decide(given)["class"].tolist() == ["no_fault", "no_fault"]
    costly = decide(given, {"fault": 2.0})
    assert costly["class"].tolist() == ["fault", "no_fault"]
    assert costly["confidence"].tolist() == [0.3, 0.5]
    assert costly.index.tolist() == [7, 9]
    assert decide(given.iloc[:0], {"fault": 2.0}).empty
