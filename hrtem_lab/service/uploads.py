"""Files that are sent: received in pieces, within limits, under a name of ours."""

from __future__ import annotations

import asyncio
import math
import re
import unicodedata
from collections.abc import AsyncIterator
from pathlib import Path

from starlette.requests import ClientDisconnect

from hrtem_lab.files import SUFFIXES
from hrtem_lab.service.refusal import Refusal

WITHOUT_PIXELS = ".emi"
"""Suffix of descriptions, whose images lie in other files."""
UPLOADED_SUFFIXES = [suffix for suffix in SUFFIXES if suffix != WITHOUT_PIXELS]
"""Suffixes of files that can be sent; a `.zspy` is sent as a ZIP file of that name."""
MAX_NAME = 80
"""Largest number of characters of a name that is kept."""


def safe_name(name: str) -> str:
    """The last part of a path that a client gave, without what has a meaning to a file system.

    It is shown, and called in an archive; no file of the service ever has it.
    """
    last = re.split(r"[/\\]", unicodedata.normalize("NFC", name))[-1]
    plain = re.sub(r"[^\w .()+-]+", "_", last).strip(" .")
    stem, dot, suffix = plain.rpartition(".")
    return f"{(stem or 'file')[:MAX_NAME]}.{suffix[:8]}" if dot else (plain or "file")[:MAX_NAME]


def check_suffix(name: str) -> str:
    """The suffix of a name, in lower case.

    Raises:
        Refusal: Files of this kind are not read, or hold no pixels.
    """
    suffix = Path(name).suffix.lower()
    if suffix == WITHOUT_PIXELS:
        raise Refusal(415, f"{name}: holds no pixels; send the .ser files that lie beside it")
    if suffix not in UPLOADED_SUFFIXES:
        raise Refusal(415, f"{name}: the suffix is not read, expected one of {' '.join(UPLOADED_SUFFIXES)}")
    return suffix


def check_pixel_size(text: str) -> float | None:
    """A pixel size in nm that a client gave, None for an empty text.

    Raises:
        Refusal: It is no positive number.
    """
    if not text.strip():
        return None
    try:
        size = float(text)
    except ValueError:
        size = math.nan
    if not 0 < size < math.inf:
        raise Refusal(422, f"pixel_size_nm is {text[:40]}, expected a positive number of nm, such as 0.02")
    return size


async def receive(
    pieces: AsyncIterator[bytes], path: Path, announced: str | None, max_bytes: int, limit_s: float
) -> None:
    """Write a body to a file as it comes.

    Args:
        pieces: The body.
        path: The file.
        announced: Header Content-Length.
        max_bytes: Largest size.
        limit_s: Time that it may take.

    Raises:
        Refusal: It is empty, too large or too slow.
    """
    too_large = Refusal(
        413, f"the file is larger than {max_bytes / 2**20:g} MiB, the most that is taken (max_upload_mib=)"
    )
    if announced is not None and announced.isdigit() and int(announced) > max_bytes:
        raise too_large
    size = 0
    try:
        async with asyncio.timeout(limit_s):
            with path.open("wb") as file:
                async for piece in pieces:
                    size += len(piece)
                    if size > max_bytes:
                        raise too_large
                    file.write(piece)
    except ClientDisconnect:
        raise Refusal(400, "the connection ended before the file had arrived; send it again") from None
    except TimeoutError:
        raise Refusal(408, f"the file took longer than {limit_s:g} s to arrive (upload_limit_s=)") from None
    except OSError as error:
        raise Refusal(507, f"the file cannot be stored ({error.strerror or error}); try again later") from error
    if not size:
        raise Refusal(422, "the request has no body: send the bytes of the file, as curl --data-binary @FILE does")
