# SPDX-License-Identifier: Apache-2.0
import sys

import pytest

from stemtide.exercises import processes


def one(tmp_path, program):
    return processes.Running("a thing", [sys.executable, "-c", program], log=tmp_path / "log")


def test_a_process_that_says_its_address_is_up_until_it_is_stopped(tmp_path):
    thing = one(
        tmp_path,
        "import time; print('talk', flush=True);"
        ' print(\'{"at": "http://127.0.0.1:1"}\', flush=True); time.sleep(600)',
    ).start()
    assert thing.address == "http://127.0.0.1:1"
    assert thing.is_alive()
    thing.stop()
    assert not thing.is_alive()


def test_a_process_that_dies_at_once_is_told_with_its_last_words(tmp_path):
    thing = one(tmp_path, "raise SystemExit('no such database')")
    with pytest.raises(processes.ProcessError, match="no such database"):
        thing.start()


def test_a_killed_process_is_gone(tmp_path):
    thing = one(
        tmp_path, 'import time; print(\'{"at": "http://x"}\', flush=True); time.sleep(600)'
    ).start()
    thing.kill()
    assert not thing.is_alive()
    thing.stop()
