"""A number and what is counted, in words."""

from __future__ import annotations


def plural(number: float, noun: str) -> str:
    """Format a whole number and a noun, which gets an s unless the number is 1: 1 particle, 2 particles."""
    return f"{number:.0f} {noun}{'' if round(number) == 1 else 's'}"
