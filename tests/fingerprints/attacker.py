# SPDX-License-Identifier: Apache-2.0
"""A sandbox whose decoder was taken over: it runs the content as a program.

No content could do more than that. The program says what it saw in `seen`, which comes back as the
remark; a refusal comes back as the name of the error. Walls can be left out, so that each test can
show that without them the attack succeeds.
"""

import importlib
import json
import os
import struct
import sys
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from pathlib import Path

import msgspec

from stemtide.fingerprints.analysis import Analysis
from stemtide.fingerprints.kinds import Fingerprints
from stemtide.fingerprints.limits import DecodingLimits
from stemtide.fingerprints.sandbox import (
    fork_server_process,
    landlock,
    lockdown,
    seccomp,
    worker,
)
from stemtide.fingerprints.sandbox.messages import WorkerMessage
from stemtide.fingerprints.sandbox.pool import Sandbox
from stemtide.fingerprints.sandbox.walls import Wall

REPLACEABLE = frozenset({Wall.LANDLOCK, Wall.SECCOMP, Wall.NETWORK})
_PROGRAM = """#!{python}
import sys
sys.path[:0] = {path}
from tests.fingerprints.attacker import run
run(*sys.argv[-2:], standing={standing})
"""


def attack(content, **_):
    """Stand in for a decoder, in a worker."""
    names = {"say": say, "seen": ""}
    try:
        exec(content, names)  # noqa: S102 - that is the attack
        remark = f"seen: {names['seen']}"
    except (OSError, RuntimeError) as error:
        remark = f"refused: {type(error).__name__}"
    return Analysis(Fingerprints((), media_type="image/attack", remarks=(remark,)))


def say(body):
    """Send whatever it likes to the process that serves uploads."""
    os.write(3, struct.pack(">I", len(body)) + body)


def checked(result, *, kinds=frozenset()):
    """Return what the process that serves uploads reads from a worker's result."""
    body = msgspec.json.encode({"result": result})
    return worker.checked(msgspec.json.decode(body, type=WorkerMessage).result, kinds=kinds)


def run(control, limits, *, standing):
    """Be the server that forks workers, with this decoder, and these of the walls only."""
    pictures = importlib.import_module("stemtide.fingerprints.image.fingerprint")
    pictures.sniff, pictures.analyse = lambda _: "image/attack", attack
    if Wall.LANDLOCK not in standing:
        landlock.refuse_files = lambda: False
    if Wall.SECCOMP not in standing:
        seccomp.install_filter = lambda: False
    if Wall.NETWORK not in standing:
        lockdown._enter_empty_network = lambda: False
    fork_server_process.main(int(control), DecodingLimits(**json.loads(limits)))


@contextmanager
def standing_only(folder: Path, *, standing: AbstractSet[Wall] = REPLACEABLE):
    """Have sandboxes that start meanwhile run the content, behind these of the walls."""
    program = folder / "server"
    path = [str(Path(__file__).parents[2]), *sys.path]
    names = sorted(map(str, standing))
    program.write_text(_PROGRAM.format(python=sys.executable, path=path, standing=names))
    program.chmod(0o700)
    real, sys.executable = sys.executable, str(program)
    try:
        yield
    finally:
        sys.executable = real


@contextmanager
def taken_over(folder: Path, *, standing: AbstractSet[Wall] = REPLACEABLE):
    """Open a sandbox whose decoder runs the content, behind these of the walls."""
    with Sandbox() as sandbox:
        with standing_only(folder, standing=standing):
            sandbox.warm()
        yield sandbox


def seen(sandbox: Sandbox, program: str) -> str:
    """Run a program in the place of a decoder; return what came back."""
    return sandbox.fingerprint(program.encode()).remarks[0]
