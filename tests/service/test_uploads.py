"""Names, sizes and bodies that a client sends."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hrtem_lab.service.refusal import Refusal
from hrtem_lab.service.uploads import check_pixel_size, check_suffix, receive, safe_name


@given(st.text(max_size=300))
def test_a_name_is_never_a_path(name: str):
    safe = safe_name(name)
    assert Path(safe).name == safe
    assert safe == safe.strip(" ") != ""
    assert not safe.startswith(".")
    assert not set(safe) & set('/\\:*?"<>|\0\n')
    assert len(safe) < 100
    assert safe_name(safe) == safe


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\data\\Au 5 nm (2).dm3", "Au 5 nm (2).dm3"),
        ("..", "file"),
        ("", "file"),
        (".tif", "tif"),
        ("ohne_Maßstab.png", "ohne_Maßstab.png"),
        ("a\0b\n<script>.tif", "a_b_script_.tif"),
    ],
)
def test_names_for_people_stay(name: str, safe: str):
    assert safe_name(name) == safe


def test_kinds_that_are_not_read_are_refused():
    assert check_suffix("a.DM3") == ".dm3"
    for name in ("a.exe", "a", "a.dm3.zip"):
        with pytest.raises(Refusal, match="the suffix is not read"):
            check_suffix(name)
    with pytest.raises(Refusal, match=r"^a.EMI: holds no pixels; send the .ser files that lie beside it$"):
        check_suffix("a.EMI")


@pytest.mark.parametrize("size", ["0", "-0.02", "inf", "nan", "0.02nm", "1e999"])
def test_a_pixel_size_that_is_none_is_refused(size: str):
    assert check_pixel_size(" 0.02 ") == 0.02
    assert check_pixel_size("") is None
    with pytest.raises(Refusal, match="expected a positive number of nm"):
        check_pixel_size(size)


async def pieces(number: int, wait_s: float = 0.0) -> AsyncIterator[bytes]:
    for _ in range(number):
        await asyncio.sleep(wait_s)
        yield b"x" * 100


@pytest.mark.parametrize(
    ("body", "announced", "status"),
    [
        (pieces(11), None, 413),
        (pieces(11), "5", 413),
        (pieces(1), "1001", 413),
        (pieces(3, wait_s=10), None, 408),
        (pieces(0), None, 422),
    ],
    ids=["too large", "larger than announced", "announced too large", "too slow", "empty"],
)
def test_a_body_beyond_the_limits_is_refused(body, announced: str | None, status: int, tmp_path: Path):
    with pytest.raises(Refusal) as refused:
        asyncio.run(receive(body, tmp_path / "upload.tif", announced, max_bytes=1000, limit_s=0.3))
    assert refused.value.status == status
    assert "\n" not in refused.value.reason


def test_a_body_is_written_as_it_is(tmp_path: Path):
    asyncio.run(receive(pieces(10), tmp_path / "upload.tif", "1000", max_bytes=1000, limit_s=10))
    assert (tmp_path / "upload.tif").read_bytes() == b"x" * 1000
