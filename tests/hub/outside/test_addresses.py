# SPDX-License-Identifier: Apache-2.0
"""Which addresses the hub may reach on behalf of others."""

import pytest

from stemtide.egress import addresses
from stemtide.egress.addresses import (
    AddressNotAllowedError,
    AllowedAddresses,
    UnknownHostError,
)
from tests.hub.outside.names import NOT_PUBLIC, told_by

HTTPS = AllowedAddresses(schemes=frozenset({"https"}), ports=frozenset({443}))
HERE = AllowedAddresses(schemes=frozenset({"https"}), ports=frozenset({443}), loopback=True)


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_an_address_that_is_not_public_is_never_reached(address):
    assert not addresses.is_public(address)


@pytest.mark.parametrize(
    "address",
    ["8.8.8.8", "93.184.216.34", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"],
)
def test_a_public_address_is(address):
    assert addresses.is_public(address)


def test_one_inner_address_among_public_ones_is_enough_to_refuse(monkeypatch):
    told_by(monkeypatch, ["93.184.216.34", "10.0.0.1"])
    with pytest.raises(AddressNotAllowedError):
        addresses.resolve("hook.example", 443, scheme="https", reach=HTTPS)


@pytest.mark.parametrize(
    ("scheme", "port", "reach", "address"),
    [
        ("http", 443, HTTPS, "8.8.8.8"),
        ("https", 22, HTTPS, "8.8.8.8"),
        ("https", 0, HTTPS, "8.8.8.8"),
        ("http", 80, HERE, "8.8.8.8"),
        ("https", 22, HERE, "8.8.8.8"),
        ("https", 443, HERE, "10.0.0.1"),
        ("https", 443, HTTPS, "127.0.0.1"),
    ],
)
def test_a_connection_is_held_to_scheme_port_and_address(monkeypatch, scheme, port, reach, address):
    told_by(monkeypatch, [address])
    with pytest.raises(AddressNotAllowedError) as refused:
        addresses.resolve("hook.example", port, scheme=scheme, reach=reach)
    assert address not in str(refused.value)


def test_a_public_address_is_resolved_once_each(monkeypatch):
    told_by(monkeypatch, ["8.8.8.8", "2606:4700:4700::1111", "8.8.8.8"])
    found = addresses.resolve("hook.example", 443, scheme="https", reach=HTTPS)
    assert found == ["8.8.8.8", "2606:4700:4700::1111"]


def test_a_name_that_is_none_cannot_be_looked_up():
    with pytest.raises(UnknownHostError):
        addresses.resolve("a" * 300, 443, scheme="https", reach=HTTPS)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://example.org/", "only https addresses"),
        ("https://example.org:22/", "only port 443"),
        ("https://example.org/" + "a" * 300, "longer than 300"),
        ("https://user@example.org/", "no address"),
        ("https://[::1", "no address"),
    ],
)
def test_what_is_refused_says_why(url, words):
    with pytest.raises(AddressNotAllowedError, match=words):
        addresses.check_url(url, reach=HTTPS)
