# SPDX-License-Identifier: Apache-2.0
"""Addresses that are not public, and names that lead where a test says."""

import socket

NOT_PUBLIC = [
    *(
        "127.0.0.1",
        "127.9.9.9",
        "0.0.0.0",  # noqa: S104  # nothing is bound
        "10.0.0.1",
        "172.16.0.1",
        "172.31.255.255",
    ),
    *("192.168.1.1", "169.254.169.254", "100.64.0.1", "100.100.100.200", "192.0.0.192"),
    *("168.63.129.16", "198.18.0.1", "192.0.2.1", "203.0.113.9", "224.0.0.1", "239.255.255.250"),
    *("240.0.0.1", "255.255.255.255", "192.88.99.1", "::", "::1", "::ffff:127.0.0.1"),
    *("::ffff:10.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1", "fe80::1", "fe80::1%lo"),
    *("fc00::1", "fd00:ec2::254", "fec0::1", "ff02::1", "64:ff9b::7f00:1", "64:ff9b::a00:1"),
    *("64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "2002:7f00:1::", "2001::1", "2001:db8::1"),
    *("100::1", "3fff::1", "5f00::1"),
]


def told_by(monkeypatch, *answers):
    """Let names lead to these addresses, one answer after the other; returns what was asked."""
    asked = []
    left = list(answers)
    real = socket.getaddrinfo

    def getaddrinfo(host, port, *more, **named):
        if host in {"127.0.0.1", "::1"}:  # what connects to an address asks as well
            return real(host, port, *more, **named)
        asked.append(host)
        found = left.pop(0) if len(left) > 1 else left[0]
        return [
            (
                socket.AF_INET6 if ":" in one else socket.AF_INET,
                socket.SOCK_STREAM,
                6,
                "",
                (one, port),
            )
            for one in found
        ]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return asked
