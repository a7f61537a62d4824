# SPDX-License-Identifier: Apache-2.0
"""Refuse a shell glob after --against, which would turn references into content to look up.

The shell writes `--against refs/*` as `--against refs/a refs/b refs/c`: one reference, and two more
things to look up. Nothing would look wrong.
"""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from typer.core import TyperCommand

from stemtide.cli.output import fail

AGAINST = "--against"
ADDRESSES = ("http://", "https://")


class MatchCommand(TyperCommand):
    """A command whose --against takes one reference each time."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 - typer's own
        """Check the arguments as typed, then parse them as usual."""
        options = [param for param in self.params if param.param_type_name == "option"]
        valued = {
            name
            for option in options
            if not getattr(option, "is_flag", True)
            for name in option.opts
        }
        check_references(args, valued=valued)
        return super().parse_args(ctx, args)


def check_references(words: Sequence[str], *, valued: Collection[str]) -> None:
    """End the command, with the remedy, if a shell pattern after --against was expanded.

    That is assumed if content to look up came before, or if the next name is in the same folder.

    valued: the options that take a value.
    """
    place, names = 0, 0
    while place < len(words) and words[place] != "--":
        word = words[place]
        if word in valued:
            reference, after = (*words[place + 1 : place + 3], "", "")[:2]
            if word == AGAINST and (names or _is_sibling(reference, after)):
                _check_after(reference, after)
            place += 1
        elif _is_name(word):
            names += 1
        place += 1


def _check_after(reference: str, after: str) -> None:
    if not _is_name(after) or reference.startswith(ADDRESSES):
        return
    folder = Path(reference).parent
    fail(
        f"{AGAINST} takes one reference, and {after} follows {reference}: did the shell expand"
        f" a pattern? Name the folder ({AGAINST} {folder}), or repeat {AGAINST} for each"
        f" reference; put content to look up before {AGAINST}",
        code=2,
    )


def _is_name(word: str) -> bool:
    """Whether an argument names content and is not an option."""
    return bool(word) and (word == "-" or not word.startswith("-"))


def _is_sibling(reference: str, after: str) -> bool:
    """Whether two names are in one folder, like those of an expanded pattern."""
    return "://" not in after and Path(reference).parent == Path(after).parent
