"""Numbers and what is counted."""

import pytest

from hrtem_lab.plural import plural


@pytest.mark.parametrize(
    ("number", "expected"), [(0, "0 particles"), (1, "1 particle"), (2, "2 particles"), (7.0, "7 particles")]
)
def test_a_noun_is_in_the_plural_unless_there_is_one(number: float, expected: str):
    assert plural(number, "particle") == expected
