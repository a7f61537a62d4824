# SPDX-License-Identifier: Apache-2.0
"""Report the health of the whole agent at GET /health, from any of its processes."""

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from stemtide import __version__
from stemtide.agent.config.settings import Config
from stemtide.agent.counters import Counters
from stemtide.agent.hma.sync import HmaSync
from stemtide.agent.hub import certificate
from stemtide.agent.hub.connection import HubConnection
from stemtide.agent.journal.file import JournalFile
from stemtide.agent.outbox.engine import Outboxes
from stemtide.agent.review.kept_files import KeptFiles
from stemtide.agent.store.database import Store
from stemtide.agent.store.log.heads import read_log
from stemtide.agent.store.match_rates import COUNT_LOWERED
from stemtide.agent.store.parties import NAMES
from stemtide.agent.store.review import COUNT_LATE, COUNT_WAITING
from stemtide.agent.sync.feed import Sync
from stemtide.agent.sync.proof_status import ProofStatus, proof_status
from stemtide.agent.sync.retro_match import RetroMatcher
from stemtide.fingerprints.archive.foreign import opened_kinds
from stemtide.fingerprints.external.installed import installed_types
from stemtide.fingerprints.sandbox.walls import Wall

_TEXT = 2000


class HealthCollector:
    """Collector of health figures from the file, shared memory and the primary process."""

    def __init__(
        self,
        *,
        config: Config,
        store: Store,
        counters: Counters,
        sync: Sync,
        log_trouble: Callable[[], str],
        outboxes: Outboxes,
        companion: HmaSync,
        journal: JournalFile | None,
        kept_files: KeptFiles,
        retro: RetroMatcher,
        open_streams: Callable[[], int],
        walls: Callable[[], frozenset[Wall] | None],
    ) -> None:
        self._config = config
        self._store = store
        self._tally = counters
        self._sync = sync
        self._log_trouble = log_trouble
        self._outboxes = outboxes
        self._companion = companion
        self._journal = journal
        self._kept = kept_files
        self._retro = retro
        self._open_streams = open_streams
        self._walls = walls

    def publish_notice(self) -> None:
        """Publish the primary process's state to the other processes."""
        if self._tally.notice() != (notice := self._notice()):
            self._tally.publish_notice(notice)

    def hub_trouble(self) -> str:
        """Return why the hub cannot be reached; "" if it can."""
        return str(self._primary_state().get("connection", {}).get("trouble", ""))

    def journal(self) -> dict[str, Any] | None:
        """Return the state of the search of the upload journal; None if it is off or not known."""
        return self._primary_state().get("journal") or None

    def _primary_state(self) -> dict[str, Any]:
        """Return the state of the primary process."""
        return self._notice() if self._store.is_primary else self._tally.notice()

    def report(self) -> dict[str, Any]:
        """Return the body of /health."""
        notice = self._primary_state()
        connection = HubConnection(**notice["connection"]) if notice else HubConnection()
        view = self._store.view
        is_ready, is_reachable = bool(view.origin), connection.is_heard
        deliveries, outcomes, owed = (outbox.counts() for outbox in self._outboxes)
        ((lowered,),) = self._store.read(COUNT_LOWERED)
        proofs = proof_status(self._store, self._config)
        own = _flood_trouble(lowered) | self._own_troubles(proofs) | {"webhook": deliveries.trouble}
        troubles = _troubles(connection, notice, statements=owed.trouble) | own
        return {
            "name": self._config.name,
            "version": __version__,
            "live": True,
            "ready": is_ready,
            "healthy": is_ready and is_reachable and not (connection.disk or connection.stall),
            "exercise": self._config.exercise,
            "hub": self._config.hub_url,
            "hub_reachable": is_reachable,
            "streaming": connection.is_streaming,
            "position": self._tally.slowest(self._store.position),
            "hub_head": connection.head,
            "last_sync_at": view.synced_at.isoformat() if view.synced_at else None,
            "stale_s": view.stale_s(),
            "signals": {str(kind): n for kind, n in self._store.library.counts().items()},
            "outbox": outcomes.waiting,
            "outbox_refused": outcomes.refused,
            "deliveries": deliveries.waiting,
            "dead_letters": deliveries.refused,
            "statements_owed": owed.waiting,
            "statements_refused": owed.refused,
            "unrecorded": self._tally.total("unrecorded"),
            "skipped": self._tally.total("skipped"),
            "live_streams": self._open_streams(),
            "lowered": lowered,
            **_proofs(proofs),
            **self._decoding(),
            **self._other_parts(notice, connection),
            **self._processes(),
            "troubles": {name: text for name, text in troubles.items() if text},
        }

    def _other_parts(self, notice: Mapping[str, Any], connection: HubConnection) -> dict[str, Any]:
        """Return the states of companion, journal and review page, and what goes wrong slowly."""
        return {
            "companion": notice.get("companion") or None,
            "journal": self.journal(),
            "review": self._review(),
            "operation": self._operation(connection),
        }

    def _operation(self, connection: HubConnection) -> dict[str, Any]:
        """Return what goes wrong slowly: room, age of queues, clock, certificate, busy decoders."""
        deliveries, outcomes, _ = self._outboxes
        path, now = self._config.client_certificate, datetime.now(UTC)
        return {
            "disk_free_bytes": self._store.disk.free_bytes,
            "oldest_delivery_s": deliveries.oldest_waiting_s(),
            "oldest_outcome_s": outcomes.oldest_waiting_s(),
            "clock_offset_s": connection.clock_offset_s,
            "certificate_days": certificate.days_left(path, now=now),
            "decoding": self._tally.total("decoding"),
            "decoders": self._config.workers * max(1, len(self._tally.running())),
        }

    def _review(self) -> dict[str, int] | None:
        """Return how much held content waits for a person; None without a review page."""
        settings = self._config.review
        if not settings.enabled:
            return None
        late_at = time.time() - settings.decide_within_hours * 3600
        ((waiting,),) = self._store.read(COUNT_WAITING)
        ((late,),) = self._store.read(COUNT_LATE, (late_at,))
        copies = self._kept.count()
        counts = {"waiting": waiting, "late": late}
        return counts | {"kept_files": copies.files, "kept_bytes": copies.size_bytes}

    def _signal_types(self) -> dict[str, Any]:
        """Return the installed signal types of other packages, and signals that are not compared.

        Signals of a type that is not installed here are stored and skipped.
        """
        finder = self._store.library.external
        return {
            "installed": {
                name: signal_type.version for name, signal_type in installed_types().items()
            },
            "skipped": finder.skipped(),
        }

    def _decoding(self) -> dict[str, Any]:
        """Return the walls around decoders, the kinds of archives, and types of other packages."""
        return {
            "walls": _walls(self._walls()),
            "archives": opened_kinds(),
            "signal_types": self._signal_types(),
        }

    def _processes(self) -> dict[str, int | None]:
        """Return how many processes there are, which one answers, and which one is primary."""
        return {
            "http_workers": max(1, len(self._tally.running())),
            "answered_by": self._tally.row + 1,
            "led_by": self._led_by(),
        }

    def _shadow_trouble(self) -> str:
        """Return which names in shadow the hub does not know; their signals would act."""
        policy = self._config.policy
        if self._store.origin is None or not (policy.parties or policy.groups):
            return ""
        rows = self._store.read(NAMES)
        # An older hub names no parties: then names still fit signals, but groups fit none.
        names = {name for name, _ in rows} or policy.parties
        groups = {group for _, group in rows}
        unknown = sorted(policy.parties - names) + sorted(policy.groups - groups)
        if not unknown:
            return ""
        return (
            f"policy.shadow names {', '.join(unknown)}, which the hub does not know, so nothing of"
            " it is in shadow: correct the name"
        )

    def _own_troubles(self, proofs: ProofStatus) -> dict[str, str]:
        """Return problems of the settings, the upload journal and the hub's log, by name."""
        return {
            "log_proofs": proofs.alarm,
            "shadow": self._shadow_trouble(),
            "log_alarm": self._log_alarm(),
            "policy": self._sharers_trouble(),
            "journal": self._journal.trouble if self._journal else "",
            "kept_files": self._kept.trouble,
            "signal_types": "; ".join(
                f"{name}: {why}" for name, why in self._store.library.external.troubles.items()
            ),
        }

    def _log_alarm(self) -> str:
        """Return why the hub's transparency log does not continue; "" if it does."""
        alarm = read_log(self._store.read).alarm
        if alarm is None:
            return ""
        return (
            f"the hub's transparency log does not continue: {alarm.text}. Compare both heads with"
            " the hub's operator and with another member: stemtide agent log show"
        )

    def _sharers_trouble(self) -> str:
        """Return which sharers in rules the hub does not know; their rules never apply."""
        policies = self._config.policies
        rules = [
            rule
            for policy in (policies.acting, *policies.shadows.values())
            for rule in policy.rules
        ]
        named = {name for rule in rules for name in rule.sharers}
        origin = self._store.origin
        parties = {name for name, _ in self._store.read(NAMES)} if named and origin else set()
        # An older hub names no parties, so that nothing can be said.
        unknown = sorted(named - parties - {origin.party}) if parties and origin else []
        if not unknown:
            return ""
        return (
            f"sharers of policy.rules name {', '.join(unknown)}, which the hub does not know, so"
            " the rule does not apply to them: correct the name"
        )

    def _led_by(self) -> int | None:
        """Return the number of the primary process; None while there is none."""
        if self._store.is_primary:
            return self._tally.row + 1
        flags = self._tally.values("lead")
        return next((row + 1 for row in self._tally.running() if flags[row]), None)

    def _notice(self) -> dict[str, Any]:
        self._sync.look()
        connection = asdict(self._sync.connection)
        return {
            "connection": {name: _short(value) for name, value in connection.items()},
            "actions_file": _short(self._outboxes.deliveries.trouble),
            "store": _short(self._store.trouble),
            "statements": _short(self._outboxes.statements.trouble),
            "companion": self._companion.health(),
            "journal": self._retro.health(),
            "companion_trouble": _short(self._companion.trouble),
            "log": _short(self._log_trouble()),
        }


def _proofs(status: ProofStatus) -> dict[str, Any]:
    """Return whether the hub's log proves what the feed brought."""
    unprovable = status.record.unprovable + status.record.beyond
    return {"unproved": status.waiting, "unprovable": unprovable, "log_proofs": status.state}


def _flood_trouble(lowered: int) -> dict[str, str]:
    """Return the remedy for signals that the flood guard lowered."""
    text = (
        f"{lowered} signals match far more uploads than is plausible and only hold: look at them"
        " with `stemtide agent runaway list`"
    )
    return {"flood_guard": text if lowered else ""}


def _walls(standing: frozenset[Wall] | None) -> dict[str, bool] | None:
    """Return whether each wall of the sandbox is up; None before the first worker is ready."""
    return None if standing is None else {str(wall): wall in standing for wall in Wall}


def _troubles(
    connection: HubConnection, notice: Mapping[str, Any], *, statements: str
) -> dict[str, str]:
    """Return the problems that the primary process knows of, by name."""
    return {
        "hub": connection.trouble or connection.silence,
        "stalled": connection.stall,
        "disk": connection.disk,
        "key": connection.key_trouble,
        "status": connection.status_trouble,
        "snapshot": connection.snapshot_trouble,
        "parties": connection.parties_trouble,
        "local_features": connection.local_trouble,
        "actions_file": notice.get("actions_file", ""),
        "store": notice.get("store", ""),
        "statements": notice.get("statements", "") or statements,
        "companion": notice.get("companion_trouble", ""),
        "log": notice.get("log", ""),
    }


def _short(value: Any) -> Any:  # noqa: ANN401 - text is shortened, numbers are not
    return value[:_TEXT] if isinstance(value, str) else value
