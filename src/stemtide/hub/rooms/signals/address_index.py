# SPDX-License-Identifier: Apache-2.0
"""The SQL expression by which signals of web addresses are indexed and looked up."""

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import CharField, Func
from django.db.models.sql.compiler import SQLCompiler

HEAD_CHARS = 200
"""Characters of an address in the index: PostgreSQL refuses index rows above 2.7 kB."""


class AddressHead(Func):
    """The first characters of an address, compared byte by byte in any language of the database.

    A range of such heads is then what begins with the same characters, and the index serves it.
    """

    arity = 1
    template = f"SUBSTR(%(expressions)s, 1, {HEAD_CHARS})"
    output_field = CharField()

    def as_postgresql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **_extra: object
    ) -> tuple[str, tuple[str | int, ...]]:
        """Return the expression in the collation that compares bytes."""
        template = f'(LEFT(%(expressions)s, {HEAD_CHARS}) COLLATE "C")'
        sql, params = self.as_sql(compiler, connection, template=template)
        return sql, tuple(params)
