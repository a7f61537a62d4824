# SPDX-License-Identifier: Apache-2.0
"""Run every benchmark, one after the other: python -m benchmarks [NAME …] [--OPTION …]."""

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def main() -> int:
    """Run those named, or all, each with the options; the worst exit code."""
    files = [one.stem for one in HERE.glob("*.py") if not one.stem.startswith("_")]
    known = sorted([*files, *(one.parent.name for one in HERE.glob("*/__main__.py"))])
    begin = next((at for at, word in enumerate(sys.argv) if word.startswith("-")), len(sys.argv))
    wanted, options = sys.argv[1:begin] or known, sys.argv[begin:]
    if unknown := set(wanted) - set(known):
        print(f"there is no benchmark {', '.join(sorted(unknown))}; known are {', '.join(known)}")
        return 2
    worst = 0
    for name in wanted:
        print(f"== {name}", flush=True)
        done = subprocess.run([sys.executable, "-m", f"benchmarks.{name}", *options], check=False)
        worst = max(worst, done.returncode)
    return worst


if __name__ == "__main__":
    sys.exit(main())
