"""Requests that are let in, and those that are not."""

import pytest

from hrtem_lab.service.access import COOKIE, Access

TOKEN = "a-token-of-some-length"
HERE, NETWORK = Access("127.0.0.1"), Access("0.0.0.0", TOKEN)


@pytest.mark.parametrize("host", ["127.0.0.1:8765", "localhost:9000", "LOCALHOST", "[::1]:8765"])
def test_loopback_is_answered_on_any_port(host: str):
    assert HERE.refuse({"host": host}) is None
    assert HERE.refuse({"host": host, "origin": f"http://{host}"}) is None


@pytest.mark.parametrize(
    "host",
    ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:8765", "10.0.0.5", "", "user@", "[::1", "a/b"],
)
def test_a_foreign_name_that_points_here_is_refused(host: str):
    assert HERE.refuse({"host": host})[0] == 421


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "null",
        "http://localhost:8766",
        "http://127.0.0.1",
        "http://127.0.0.1:8765.evil.example",
        "",
    ],
)
def test_a_page_from_elsewhere_is_refused(origin: str):
    assert HERE.refuse({"host": "127.0.0.1:8765", "origin": origin})[0] == 403


@pytest.mark.parametrize("given", ["", "Bearer", "Bearer wrong", f"Basic {TOKEN}", f"Bearer {TOKEN}x", "Bearer \xff"])
def test_other_computers_need_the_token(given: str):
    assert NETWORK.refuse({"host": "192.168.1.5:8765", "authorization": given})[0] == 401
    assert NETWORK.refuse({"host": "192.168.1.5:8765", "cookie": f"{COOKIE}=wrong; other={TOKEN}"})[0] == 401


def test_the_token_is_taken_as_a_header_and_as_a_cookie():
    assert NETWORK.refuse({"host": "192.168.1.5:8765", "authorization": f"Bearer {TOKEN}"}) is None
    assert NETWORK.refuse({"host": "192.168.1.5:8765", "cookie": f"a=b; {COOKIE}={TOKEN}"}) is None


def test_the_token_does_not_excuse_a_foreign_page():
    cookie = {"cookie": f"{COOKIE}={TOKEN}"}
    assert NETWORK.refuse({"host": "evil.example", **cookie})[0] == 421
    assert NETWORK.refuse({"host": "192.168.1.5", "origin": "http://evil.example", **cookie})[0] == 403


def test_an_address_by_name_is_answered_under_that_name_alone():
    access = Access("lab-pc.example", TOKEN)
    bearer = {"authorization": f"Bearer {TOKEN}"}
    assert access.refuse({"host": "Lab-PC.example:8765", **bearer}) is None
    assert access.refuse({"host": "192.168.1.5:8765", **bearer})[0] == 421
