"""Access to the service: which requests are answered at all."""

from __future__ import annotations

import hmac
import ipaddress
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlsplit

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
ANY_ADDRESS = frozenset({"0.0.0.0", "::"})
COOKIE = "hrtem_lab_token"


@dataclass(frozen=True)
class Access:
    """Rules for a request.

    A page of a foreign site, open in the same browser, reaches a service on loopback, too. It can neither leave out the
    header Origin nor forge it; and where its name was made to point here (DNS rebinding), Host holds that name.

    Attributes:
        host: Address that the service listens on.
        token: Secret that every request has to bring; None where the service listens on loopback alone.
    """

    host: str
    token: str | None = None

    def refuse(self, headers: Mapping[str, str]) -> tuple[int, str] | None:
        """Status and reason of a refusal; None for a request that is answered.

        Args:
            headers: Headers of the request, by their names in lower case.
        """
        host = headers.get("host", "")
        if not self._is_ours(_hostname(f"//{host}")):
            return 421, f"the header Host is '{host[:80]}', expected the address of this service"
        origin = headers.get("origin")
        if origin is not None and urlsplit(origin).netloc.lower() != host.lower():
            return 403, f"the request comes from a page of '{origin[:80]}', which may not use this service"
        if self.token is not None and not self._knows_token(headers):
            return (
                401,
                "the token is missing or wrong: send 'Authorization: Bearer TOKEN', or open the page with ?token=",
            )
        return None

    def is_token(self, text: str) -> bool:
        """Whether a text is the token."""
        return self.token is not None and hmac.compare_digest(text.encode(), self.token.encode())

    def _is_ours(self, name: str) -> bool:
        """Whether a host name is one of this service."""
        if name in LOOPBACK or name == self.host.lower():
            return True
        if self.host not in ANY_ADDRESS:
            return False
        return _is_address(name) or name in {socket.gethostname().lower(), socket.getfqdn().lower()}

    def _knows_token(self, headers: Mapping[str, str]) -> bool:
        kind, _, given = headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer" and self.is_token(given.strip()):
            return True
        try:
            cookie = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
        except CookieError:
            return False
        return cookie is not None and self.is_token(cookie.value)


def _hostname(url: str) -> str:
    """Host of a URL in lower case, without its port; '' where it has none."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
