# SPDX-License-Identifier: Apache-2.0
"""A new hub prints the link that sets it up where a person reads it, and not into a journal."""

import os
import pty
import subprocess
import sys

import pytest

MAIN = "from stemtide.cli.app import main; main()"


def lines_of(descriptor):
    """Read lines until the hub says how to stop it, or ends."""
    read = b""
    while b"Ctrl-C" not in read and (more := os.read(descriptor, 4096)):
        read += more
    return read.decode()


def started(environment, *, stderr):
    """Start a hub of which stderr goes there."""
    return subprocess.Popen(
        [sys.executable, "-c", MAIN, "hub", "start", "--port", "0"],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=stderr,
    )


@pytest.mark.nightly
def test_the_link_is_printed_on_a_terminal_only(empty_hub):
    reader, writer = pty.openpty()
    with started(empty_hub, stderr=writer) as hub:
        assert "/set-up/" in lines_of(reader)
        hub.terminate()
    reader, writer = os.pipe()
    with started(empty_hub, stderr=writer) as hub:
        printed = lines_of(reader)
        hub.terminate()
    assert "/set-up/" not in printed
    assert "stemtide hub set-up" in printed
