# SPDX-License-Identifier: Apache-2.0
"""Addresses of callers: what stands for one, and which proxy is believed about it."""

import asyncio
from ipaddress import ip_network

import pytest
import uvicorn
from django.core.exceptions import ImproperlyConfigured

from stemtide.hub import boot, settings as hub_settings
from stemtide.hub.platform import networks


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:db8:1:2::", "2001:db8:1:2::"),
        ("2001:db8:1:3::1", "2001:db8:1:3::"),
        ("fe80::1%eth0", "fe80::"),
        ("", None),
        ("unknown", None),
        ("192.0.2.7:4711", None),
        ("192.0.2.256", None),
    ],
)
def test_a_caller_is_an_ipv4_address_or_an_ipv6_network(address, network):
    assert networks.network_of(address) == network


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.0/24"),
        ("2001:db8:1:2::", "2001:db8:1::/48"),
        ("unknown", ""),
    ],
)
def test_people_are_told_roughly_where_a_call_came_from(address, network):
    assert networks.rough(address) == network


def test_proxies_are_addresses_and_networks():
    assert networks.read_proxies("") == ()
    proxies = networks.read_proxies("10.0.0.0/24, ::1 192.0.2.7")
    expected = ["10.0.0.0/24", "::ffff:a00:0/120", "::1", "192.0.2.7", "::ffff:c000:207"]
    # Python 3.13 writes ::ffff:c000:207 as ::ffff:192.0.2.7.
    assert [ip_network(each) for each in proxies] == [ip_network(each) for each in expected]


@pytest.mark.parametrize(
    "text", ["*", "proxy.example", "10.0.0.1/24", "0.0.0.0/0", "::/0", "1.2.3"]
)
def test_a_proxy_that_is_none_or_everybody_stops_the_start(text, monkeypatch):
    monkeypatch.setenv("STEMTIDE_TRUSTED_PROXIES", f"127.0.0.1 {text}")
    with pytest.raises(ImproperlyConfigured, match="STEMTIDE_TRUSTED_PROXIES"):
        hub_settings._proxies("STEMTIDE_TRUSTED_PROXIES")


async def _nobody(scope, receive, send):
    pass


def client_of(peer, *forwarded):
    """The address that the hub's server hands on, of a call from a peer with these headers."""
    from stemtide.hub import asgi

    config = uvicorn.Config(
        asgi._behind_proxies(_nobody), log_config=None, lifespan="off", **boot._proxy_options()
    )
    config.load()
    headers = [(b"x-forwarded-for", one.encode()) for one in forwarded]
    scope = {"type": "http", "scheme": "http", "client": (peer, 1), "headers": headers}
    asyncio.run(config.loaded_app(scope, None, None))
    return scope["client"][0]


@pytest.mark.parametrize("peer", ["127.0.0.1", "::1", "10.0.0.5"])
def test_nobody_is_believed_about_others_unless_named(peer, monkeypatch):
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "*")  # uvicorn's own setting decides nothing here
    assert client_of(peer, "192.0.2.7") == peer


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("10.0.0.5", ["192.0.2.7"], "192.0.2.7"),
        ("::ffff:10.0.0.5", ["192.0.2.7"], "192.0.2.7"),
        ("10.0.1.5", ["192.0.2.7"], "10.0.1.5"),
        ("10.0.0.5", ["192.0.2.99", "192.0.2.7"], "192.0.2.7"),
        ("10.0.0.5", ["192.0.2.99, 192.0.2.7, 10.0.0.6"], "192.0.2.7"),
    ],
)
def test_a_named_proxy_is_believed_about_the_last_address_that_is_no_proxys(
    peer, forwarded, client, settings
):
    settings.TRUSTED_PROXIES = networks.read_proxies("10.0.0.0/24")
    assert client_of(peer, *forwarded) == client


def test_a_hub_behind_a_proxy_that_it_does_not_know_says_so(settings, caplog):
    settings.NETWORKS_ARE_KNOWN = False
    boot._proxy_options()
    assert "STEMTIDE_TRUSTED_PROXIES names none" in caplog.text
