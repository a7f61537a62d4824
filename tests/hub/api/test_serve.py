# SPDX-License-Identifier: Apache-2.0
"""The hub as a process: it says where it listens, and goes in peace."""

import os
import signal as signals
import socket
import subprocess
import sys

import httpx
import pytest

from stemtide.hub import boot
from tests.hub.api.conftest import serving
from tests.rounds import at_night


@at_night
def test_port_0_takes_a_free_port_and_says_which(hub):
    answer = httpx.get(f"{hub.address}/health", trust_env=False, timeout=60)
    assert answer.status_code == 200
    assert not hub.address.endswith(":0")


@at_night
@pytest.mark.parametrize("sign", [signals.SIGTERM, signals.SIGINT])
def test_a_signal_ends_the_process_without_failure(sign):
    with serving() as hub:
        hub.process.send_signal(sign)

        assert hub.process.wait() == 0


def test_a_taken_port_is_an_error_that_a_command_can_name():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        with pytest.raises(OSError, match="in use"):
            boot.listen("127.0.0.1", port)


def test_an_address_of_ip_version_6_is_written_in_brackets():
    with boot.listen("127.0.0.1", 0) as listening:
        port = listening.getsockname()[1]

        assert boot.address_of(listening, host="::1") == f"http://[::1]:{port}"


@at_night
def test_a_crash_in_the_real_server_is_a_problem_too():
    with serving() as hub, hub.client() as client:
        hub.order("crash")

        # A request with a cookie is not answered from memory.
        answer = client.get("/api/v1/feed", headers={"Cookie": "by=django"})

    assert answer.status_code == 500
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert "secret" not in answer.text


@at_night
def test_what_answers_is_loaded_before_the_first_request(tmp_path):
    program = (
        "import sys; from stemtide.hub import boot; boot.start(); boot.freeze_loaded_code();"
        "print('stemtide.hub.api.v1.signals.signals' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"STEMTIDE_DATA_DIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )

    assert done.stdout.strip() == "True"
