# SPDX-License-Identifier: Apache-2.0
"""The address of a database may name several hosts, of which one takes writes."""

import pytest

from stemtide.hub.database_url import OPTIONS_OF_SEVERAL, read_database_url


@pytest.mark.parametrize(
    ("hosts", "host", "port"),
    [
        ("db1,db2", "db1,db2", "5432,5432"),
        ("db1:5433,db2", "db1,db2", "5433,5432"),
        ("[2001:db8::1]:5433,[2001:db8::2]", "2001:db8::1,2001:db8::2", "5433,5432"),
    ],
)
def test_several_hosts_are_read_as_libpq_wants_them(hosts, host, port):
    database = read_database_url(f"postgres://me:p%40ss@{hosts}/stemtide")
    assert (database["HOST"], database["PORT"]) == (host, port)
    assert (database["USER"], database["PASSWORD"]) == ("me", "p@ss")
    assert database["OPTIONS"] == OPTIONS_OF_SEVERAL


def test_parameters_of_the_address_replace_ours():
    url = "postgres://me@db1,db2/stemtide?connect_timeout=9&sslmode=require"
    options = read_database_url(url)["OPTIONS"]
    assert options == OPTIONS_OF_SEVERAL | {"connect_timeout": 9, "sslmode": "require"}


def test_one_host_gets_no_parameters_of_ours():
    database = read_database_url("postgres://me@db1:5433/stemtide")
    assert (database["HOST"], database["PORT"]) == ("db1", 5433)
    assert "OPTIONS" not in database


@pytest.mark.parametrize("hosts", ["db1,,db2", "db1:many,db2", ",db2"])
def test_hosts_that_nobody_understands_are_refused(hosts):
    with pytest.raises(ValueError, match=r"host has no name|valid url|could not be cast"):
        read_database_url(f"postgres://me@{hosts}/stemtide")
