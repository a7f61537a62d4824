# SPDX-License-Identifier: Apache-2.0
"""The cells of a DSA transparency report that are filled in, and the rows that they make."""

from collections.abc import Iterable, Mapping

from stemtide.protocol.law.dsa.template import TOTAL, Category, Place, Worksheet, template

Value = int | float | str
"""What a cell holds."""


class Cells(dict[Place, Value]):
    """Cells by place. States and added sub-categories get rows once the cells are built."""

    def __init__(self, values: Mapping[Place, Value]) -> None:
        super().__init__(values)
        self._states: dict[str, set[str]] = {}
        added: dict[tuple[str, str], set[str]] = {}
        for place in values:
            self._states.setdefault(place.sheet, set()).add(place.scope)
            if place.other:
                added.setdefault((place.sheet, place.row), set()).add(place.other)
        self._added = {row: sorted(names) for row, names in added.items()}

    def scopes(self, sheet: Worksheet) -> list[str]:
        """Return TOTAL and the States that have rows, in the template's order."""
        if not sheet.has_states:
            return [TOTAL]
        used = self._states.get(sheet.name, set())
        return [TOTAL, *(state for state in template().member_states if state in used)]

    def others(self, sheet: Worksheet, category: Category) -> list[str]:
        """Return the descriptions of a category's rows: "" unless sub-categories were added."""
        return self._added.get((sheet.name, category.label)) or [""]

    def parts(
        self, sheet: Worksheet, categories: Iterable[Category], *, column: str, scope: str
    ) -> list[Place]:
        """Return the cells of some categories in one column and scope."""
        return [
            Place(sheet.name, category.label, column, scope, other)
            for category in categories
            for other in self.others(sheet, category)
        ]
