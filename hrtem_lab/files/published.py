"""Published sets of labelled micrographs: what they are, and their download by DOI."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import pooch
import requests

from hrtem_lab.micrograph import InputError
from hrtem_lab.progress import ProgressCallback

TIMEOUT_S = 30.0
"""Longest silence of a server."""
RETRIES = 3
"""Number of further attempts where a connection breaks or a file arrives damaged."""
CHUNK_BYTES = 2**16

Bar = Callable[[str], AbstractContextManager[ProgressCallback]]
"""Shows the progress of a file, given its name; done and total are in bytes."""


@dataclass(frozen=True)
class PublishedSet:
    """A set in a repository that knows the names and checksums of its files.

    Attributes:
        name: Short name, also of the file of `conf/data` that reads it.
        doi: Digital object identifier.
        title: Content in a line.
        licence: Licence of the data.
        citation: Publication to cite.
    """

    name: str
    doi: str
    title: str
    licence: str
    citation: str

    def fetch(self, folder: Path, bar: Bar, wanted: Sequence[str] | None = None) -> list[Path]:
        """Download the files that are not there yet, and verify the checksums of all.

        Args:
            folder: Folder of the files.
            bar: Shows the progress of a file.
            wanted: Names of the files; None for all.

        Returns:
            Paths of the files.

        Raises:
            InputError: The repository cannot be reached, a file does not arrive whole or has another checksum, or there
                is no such file. The message says what to download by hand and where to put it.
        """
        cache = pooch.create(folder, base_url=f"doi:{self.doi}/", retry_if_failed=RETRIES)
        try:
            cache.load_registry_from_doi()
        except (OSError, ValueError) as error:  # those of requests are OSErrors
            raise InputError(self._by_hand(folder, error)) from error
        names = sorted(cache.registry) if wanted is None else list(wanted)
        if unknown := [name for name in names if name not in cache.registry]:
            raise InputError(
                f"{', '.join(unknown)}: not in {self.doi}, which holds {', '.join(sorted(cache.registry))}"
            )
        return [self._fetch_one(cache, name, folder, bar) for name in names]

    def _fetch_one(self, cache: pooch.Pooch, name: str, folder: Path, bar: Bar) -> Path:
        repository = pooch.downloaders.doi_to_repository(self.doi, timeout=TIMEOUT_S)
        cache.urls[name] = repository.download_url(name)
        try:
            with bar(name) as progress:
                return Path(cache.fetch(name, downloader=ResumingDownloader(folder / f".{name}.part", progress)))
        except ValueError as error:  # the checksum
            raise InputError(
                f"{name}: does not have the checksum that {self.doi} states; it was removed: call fetch again, and if "
                "that happens once more, tell the authors"
            ) from error
        except OSError as error:
            raise InputError(self._by_hand(folder, error, name)) from error

    def _by_hand(self, folder: Path, error: Exception, name: str = "its files") -> str:
        reason = str(error).split("(Caused by")[0].strip()[:160]
        return (
            f"https://doi.org/{self.doi} cannot be downloaded ({reason}): check the connection (a proxy is given as "
            f"HTTPS_PROXY) and call fetch again, which goes on; or download {name} in a browser into {folder}"
        )


class ResumingDownloader:
    """Downloads a file by HTTP and goes on where an earlier attempt broke off, as one of pooch's downloaders.

    Args:
        part: File of what has arrived so far.
        progress: Called with the bytes that are there and those of the whole file.
    """

    def __init__(self, part: Path, progress: ProgressCallback) -> None:
        self.part, self.progress = part, progress

    def __call__(self, url: str, output_file: str, _: pooch.Pooch | None) -> None:
        """Download a file.

        Raises:
            requests.RequestException: The connection broke, or the file ended too early; what has arrived is kept.
        """
        there = self.part.stat().st_size if self.part.is_file() else 0
        headers = {"Range": f"bytes={there}-"} if there else {}
        with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT_S) as response:
            if response.status_code == requests.codes.requested_range_not_satisfiable:  # all of it is there, or more
                self.part.unlink()
                raise requests.ConnectionError("the part that was there did not fit the file; it is downloaded anew")
            response.raise_for_status()
            goes_on = response.status_code == requests.codes.partial_content
            done = there if goes_on else 0
            total = done + int(response.headers.get("Content-Length", 0))
            with self.part.open("ab" if goes_on else "wb") as file:
                for chunk in response.iter_content(CHUNK_BYTES):
                    file.write(chunk)
                    done += len(chunk)
                    self.progress(done, total)
        if done < total:
            raise requests.ConnectionError(f"the connection broke after {done} of {total} bytes")
        self.part.replace(output_file)
