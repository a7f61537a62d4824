# SPDX-License-Identifier: Apache-2.0
"""Whether what the agent applied is proved: for /health, GET /log and a person who settles it."""

import time
from dataclasses import dataclass

from stemtide.agent.config.settings import Config
from stemtide.agent.store.database import Store
from stemtide.agent.store.log import proofs
from stemtide.agent.store.log.proofs import ProofsRecord, WrongProof

LATE_S = 600.0
"""An entry without proof for so long after the first request is an alarm."""

LATE_COSIGNED_S = 1800.0
"""The same if witnesses must have cosigned: a head is offered to them every ten minutes."""


@dataclass(frozen=True, slots=True)
class ProofStatus:
    """The state of proofs. waiting: entries without proof. late: of these, those for too long.

    state: off, none (before the first answer), older (the hub has no proofs) or proving.
    """

    state: str
    record: ProofsRecord
    waiting: int
    late: int
    wrong: list[WrongProof]

    @property
    def alarm(self) -> str:
        """Return the alarm that a person must look at; "" if there is none."""
        texts = []
        if self.wrong:
            texts.append(
                f"the hub's log says something else about {len(self.wrong)} signals than its feed"
                " did; they are switched off here"
            )
        if self.late:
            texts.append(
                f"the hub does not prove {self.late} entries of its feed, which stay applied"
            )
        if not texts:
            return ""
        return (
            f"{'; '.join(texts)}: look at them with `stemtide agent log show`, ask the hub's"
            " operator, and end the alarm with `stemtide agent log settle`"
        )


def proof_status(store: Store, config: Config) -> ProofStatus:
    """Return the state of proofs."""
    record = proofs.read_proofs(store.read)
    wrong = proofs.read_wrong(store.read)
    if not config.witness:
        return ProofStatus("off", record, 0, 0, wrong)
    waiting, late = proofs.count_unproved(store.read, before=late_before(config))
    if record.is_older:
        return ProofStatus("older", record, waiting, 0, wrong)
    return ProofStatus("proving" if record.origin else "none", record, waiting, late, wrong)


def late_before(config: Config) -> float:
    """Return the Unix time before which the hub must have been asked for entries that are late."""
    return time.time() - (LATE_COSIGNED_S if config.witnesses_required else LATE_S)


def settle(store: Store, config: Config) -> int:
    """End the alarm; return how many entries it was about.

    What has no proof stays applied, and what was switched off stays so until a person changes it.
    """
    with store.write() as tx:
        return proofs.settle(tx, before=late_before(config))
