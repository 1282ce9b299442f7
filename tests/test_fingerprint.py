"""Fingerprints name content, not the way that it is written."""

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hrtem_lab.fingerprint import fingerprint, fingerprint_bytes

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@settings(max_examples=30)
@given(st.dictionaries(st.text(), JSON))
def test_the_order_of_keys_does_not_matter(content):
    assert fingerprint(dict(reversed(content.items()))) == fingerprint(content)


def test_other_content_has_another_fingerprint():
    different = ({"a": 1}, {"a": 2}, {"b": 1}, {"a": [1]}, [1], 1, "1", None, {})
    assert len({fingerprint(content) for content in different}) == len(different)


def test_a_fingerprint_is_the_beginning_of_a_sha256():
    assert fingerprint_bytes(b"abc") == hashlib.sha256(b"abc").hexdigest()[:16]
    assert fingerprint({"b": 1, "a": 2}) == fingerprint_bytes(b'{"a": 2, "b": 1}')


def test_what_json_cannot_hold_is_refused():
    with pytest.raises(TypeError):
        fingerprint({"a": np.float32(1)})
