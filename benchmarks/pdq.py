# SPDX-License-Identifier: Apache-2.0
"""Our PDQ beside `pdqhash`, in one process, on the same pictures; ratios, as times drift.

    python -m benchmarks.pdq [--json]

It is the speed part of benchmarks.media.image, for a quick look after a change.
"""

import argparse
import json
import sys

from benchmarks.media.image import speed_cases


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--json", action="store_true", help="one JSON object a line")
    is_json = arguments.parse_args().json
    for one in speed_cases():
        if is_json:
            print(json.dumps(one), flush=True)
            continue
        beside = f"{one['peer']} {one['peer_value']}: {one['ratio']} x" if "peer" in one else ""
        bar = f"(bar {one['bar']})" if "bar" in one else ""
        print(f"{one['case']:>46}  {one['ours']:9.3f} {one['unit']:14} {beside} {bar}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
