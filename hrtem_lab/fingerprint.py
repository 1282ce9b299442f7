"""Fingerprints: short names for data and settings, equal only where the content is."""

from __future__ import annotations

import hashlib
import json
from typing import Any


def fingerprint(content: Any) -> str:
    """Return 16 hexadecimal digits for anything that JSON can hold; the order of keys does not matter.

    Raises:
        TypeError: JSON cannot hold a part of it.
    """
    return fingerprint_bytes(json.dumps(content, sort_keys=True).encode())


def fingerprint_bytes(content: bytes) -> str:
    """Return 16 hexadecimal digits for a sequence of bytes: the first of its SHA-256."""
    return hashlib.sha256(content).hexdigest()[:16]
