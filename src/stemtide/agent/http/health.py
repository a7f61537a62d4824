# SPDX-License-Identifier: Apache-2.0
"""Report the health of the whole agent at GET /health, from any of its processes."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from stemtide import __version__
from stemtide.agent.config.settings import Config
from stemtide.agent.counters import Tally
from stemtide.agent.hma.sync import Companion
from stemtide.agent.hub.connection import Standing
from stemtide.agent.outbox.actions import Deliverer
from stemtide.agent.outbox.outcomes import Reporter
from stemtide.agent.outbox.statements import Statements
from stemtide.agent.store.database import Store
from stemtide.agent.sync.feed import Sync

_TEXT = 2000


class Health:
    """Collector of health figures from the file, shared memory and the primary process."""

    def __init__(
        self,
        *,
        config: Config,
        store: Store,
        tally: Tally,
        sync: Sync,
        deliverer: Deliverer,
        reporter: Reporter,
        statements: Statements,
        companion: Companion,
        open_streams: Callable[[], int],
    ) -> None:
        self._config = config
        self._store = store
        self._tally = tally
        self._sync = sync
        self._deliverer = deliverer
        self._reporter = reporter
        self._statements = statements
        self._companion = companion
        self._open_streams = open_streams

    def leave_notice(self) -> None:
        """Publish the primary process's state to the other processes."""
        if self._tally.notice() != (notice := self._notice()):
            self._tally.leave_notice(notice)

    def hub_trouble(self) -> str:
        """Return why the hub cannot be reached; "" if it can."""
        return str(self._primary_state().get("standing", {}).get("trouble", ""))

    def _primary_state(self) -> dict[str, Any]:
        """Return the state of the primary process."""
        return self._notice() if self._store.is_lead else self._tally.notice()

    def told(self) -> dict[str, Any]:
        """Return the body of /health."""
        notice = self._primary_state()
        standing = Standing(**notice["standing"]) if notice else Standing()
        view, owed = self._store.view, self._statements.counts()
        is_ready, is_reachable = bool(view.origin), standing.is_reachable and not standing.silence
        outbox, deliveries = self._reporter.size(), self._deliverer.size()
        troubles = {
            **_troubles(standing, notice),
            "webhook": deliveries.webhook_trouble,
            "statements": notice.get("statements", "") or owed.refusal,
        }
        return {
            "name": self._config.name,
            "version": __version__,
            "live": True,
            "ready": is_ready,
            "healthy": is_ready and is_reachable and not (standing.disk or standing.stall),
            "exercise": self._config.exercise,
            "hub": self._config.hub_url,
            "hub_reachable": is_reachable,
            "streaming": standing.is_streaming,
            "position": self._tally.slowest(self._store.position),
            "hub_head": standing.head,
            "last_sync_at": view.synced_at.isoformat() if view.synced_at else None,
            "stale_s": view.stale_s(),
            "signals": {str(kind): n for kind, n in self._store.library.counts().items()},
            "outbox": outbox.waiting,
            "outbox_refused": outbox.refused,
            "deliveries": deliveries.waiting,
            "dead_letters": deliveries.dead,
            "statements_owed": owed.owed,
            "statements_refused": owed.refused,
            "unrecorded": self._tally.total("unrecorded"),
            "skipped": self._tally.total("skipped"),
            "http_workers": max(1, len(self._tally.running())),
            "live_streams": self._open_streams(),
            "companion": notice.get("companion") or None,
            "answered_by": self._tally.row + 1,
            "led_by": self._led_by(),
            "troubles": {name: text for name, text in troubles.items() if text},
        }

    def _led_by(self) -> int | None:
        """Return the number of the primary process; None while there is none."""
        if self._store.is_lead:
            return self._tally.row + 1
        flags = self._tally.each("lead")
        return next((row + 1 for row in self._tally.running() if flags[row]), None)

    def _notice(self) -> dict[str, Any]:
        self._sync.look()
        standing = asdict(self._sync.standing)
        return {
            "standing": {name: _short(value) for name, value in standing.items()},
            "actions_file": _short(self._deliverer.file_trouble),
            "store": _short(self._store.trouble),
            "statements": _short(self._statements.trouble),
            "companion": self._companion.told(),
            "companion_trouble": _short(self._companion.trouble),
        }


def _troubles(standing: Standing, notice: Mapping[str, Any]) -> dict[str, str]:
    """Return the problems that the primary process knows of, by name."""
    return {
        "hub": standing.trouble or standing.silence,
        "stalled": standing.stall,
        "disk": standing.disk,
        "key": standing.key_trouble,
        "status": standing.status_trouble,
        "snapshot": standing.snapshot_trouble,
        "actions_file": notice.get("actions_file", ""),
        "store": notice.get("store", ""),
        "companion": notice.get("companion_trouble", ""),
    }


def _short(value: Any) -> Any:  # noqa: ANN401 - text is shortened, numbers are not
    return value[:_TEXT] if isinstance(value, str) else value
