# SPDX-License-Identifier: Apache-2.0
"""A terminal at a hub's own machine that stays open: python -m tests.flows.operating.

Reads one command a line, as JSON: {"words": [...], "sent": "what comes on stdin"}. Answers with one
line: {"code": 0, "said": stdout, "told": stderr}. Starting the program takes longer than what it
does, and stories type many commands.
"""

import contextlib
import io
import json
import sys
import traceback

import typer

from stemtide.cli.app import app


def obey(words, sent):
    out, err, stdin = io.StringIO(), io.StringIO(), sys.stdin
    sys.stdin = io.StringIO(sent)
    code = 0
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = app(words, standalone_mode=False) or 0
    except typer.Exit as end:
        code = end.exit_code
    except Exception:  # noqa: BLE001  # told to whoever typed it
        code = 1
        err.write(traceback.format_exc())
    finally:
        sys.stdin = stdin
    return {"code": code, "said": out.getvalue(), "told": err.getvalue()}


def main():
    for line in sys.stdin:
        asked = json.loads(line)
        print(json.dumps(obey(asked["words"], asked["sent"])), flush=True)


if __name__ == "__main__":
    main()
