# SPDX-License-Identifier: Apache-2.0
"""Refuse what a view that reads the replica writes, also on SQLite, in each test that calls it."""

from django.db import connection

ALLOWED = ("SELECT", "WITH", "SAVEPOINT", "RELEASE SAVEPOINT", "ROLLBACK TO SAVEPOINT")


class RefuseWrites:
    """Middleware that stands last: it calls such a view, on a connection that refuses writes."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        return self.get_response(request)

    def process_view(self, request, view, args, named):
        if not getattr(view, "reads_replica", False):
            return None
        with connection.execute_wrapper(_refuse_writes):
            return view(request, *args, **named)


def _refuse_writes(execute, sql, params, many, context):
    assert sql.lstrip(" (").startswith(ALLOWED), f"a view that reads the replica writes: {sql}"
    return execute(sql, params, many, context)
