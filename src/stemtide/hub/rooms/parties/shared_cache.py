# SPDX-License-Identifier: Apache-2.0
"""Django's cache in a table, so that all processes and hosts of a hub share it. Decision 0171.

Unlike Django's own cache in a table, values are JSON and keys are digests: who can write the
database cannot run code in the hub, and who can read it finds no authorization code.
"""

import hashlib
import json
from datetime import UTC, datetime
from typing import Any

from django.core.cache.backends.base import DEFAULT_TIMEOUT, BaseCache
from django.db import connection, transaction

from stemtide.hub.rooms.parties.models import CachedValue


class SharedCache(BaseCache):
    """A cache of few values that live for a short time."""

    def __init__(self, _location: str, options: dict[str, Any]) -> None:
        super().__init__(options)

    def get(self, key: str, default: Any = None, version: int | None = None) -> Any:  # noqa: ANN401  # Django's signature
        """Return a value.

        In a transaction the row is locked until its end, so that a code is used only once.
        """
        rows = CachedValue.objects.filter(pk=self._digest(key, version))
        if connection.in_atomic_block:
            rows = rows.select_for_update()
        row = rows.first()
        if row is None or (row.expires_at is not None and row.expires_at <= datetime.now(UTC)):
            return default
        return json.loads(row.value)

    def set(
        self,
        key: str,
        value: Any,  # noqa: ANN401  # Django's signature
        timeout: float | None = DEFAULT_TIMEOUT,
        version: int | None = None,
    ) -> None:
        """Store a value, and delete those that have expired."""
        CachedValue.objects.filter(expires_at__lte=datetime.now(UTC)).delete()
        CachedValue.objects.update_or_create(
            pk=self._digest(key, version), defaults=self._columns(value, timeout)
        )

    @transaction.atomic
    def add(
        self,
        key: str,
        value: Any,  # noqa: ANN401  # Django's signature
        timeout: float | None = DEFAULT_TIMEOUT,
        version: int | None = None,
    ) -> bool:
        """Store a value unless there is one; return whether it was stored."""
        pk = self._digest(key, version)
        CachedValue.objects.filter(pk=pk, expires_at__lte=datetime.now(UTC)).delete()
        columns = self._columns(value, timeout)
        return CachedValue.objects.get_or_create(pk=pk, defaults=columns)[1]

    def delete(self, key: str, version: int | None = None) -> bool:
        """Delete a value; return whether it was there."""
        return bool(CachedValue.objects.filter(pk=self._digest(key, version)).delete()[0])

    def clear(self) -> None:
        """Delete all values."""
        CachedValue.objects.all().delete()

    def _digest(self, key: str, version: int | None) -> str:
        return hashlib.sha256(self.make_key(key, version).encode()).hexdigest()

    def _columns(self, value: object, timeout: float | None) -> dict[str, object]:
        ends = self.get_backend_timeout(timeout)
        expires_at = None if ends is None else datetime.fromtimestamp(ends, UTC)
        return {"value": json.dumps(value), "expires_at": expires_at}
