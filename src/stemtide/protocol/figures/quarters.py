# SPDX-License-Identifier: Apache-2.0
"""Calendar quarters in UTC, with names such as 2026-Q3."""

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple, Self

_NAME = re.compile(r"([0-9]{4})-Q([1-4])")


class QuarterError(ValueError):
    """A text does not name a quarter."""


class Quarter(NamedTuple):
    """A calendar quarter. number: 1 to 4."""

    year: int
    number: int

    @classmethod
    def read(cls, name: str) -> Self:
        """Return the quarter of a name. raises: QuarterError."""
        match = _NAME.fullmatch(name)
        if match is None:
            raise QuarterError(f"{name[:20]!r} is not a quarter: write one such as 2026-Q3")
        return cls(int(match[1]), int(match[2]))

    @classmethod
    def of(cls, day: date) -> Self:
        """Return the quarter of a day."""
        return cls(day.year, (day.month + 2) // 3)

    @property
    def name(self) -> str:
        """Return its name."""
        return f"{self.year}-Q{self.number}"

    @property
    def first(self) -> date:
        """Return its first day."""
        return date(self.year, 3 * self.number - 2, 1)

    @property
    def last(self) -> date:
        """Return its last day."""
        return self.next.first - timedelta(days=1)

    @property
    def since(self) -> datetime:
        """Return its start in UTC."""
        return datetime.combine(self.first, time(), tzinfo=UTC)

    @property
    def until(self) -> datetime:
        """Return its end in UTC, which is the start of the next quarter."""
        return self.next.since

    @property
    def next(self) -> Self:
        """Return the quarter after it."""
        number = self.number % 4 + 1
        return type(self)(self.year + (number == 1), number)

    @property
    def before(self) -> Self:
        """Return the quarter before it."""
        return type(self).of(self.first - timedelta(days=1))
