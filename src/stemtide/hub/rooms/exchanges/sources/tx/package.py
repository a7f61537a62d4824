# SPDX-License-Identifier: Apache-2.0
"""What the pull needs of one exchange that the package threatexchange speaks."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from threatexchange.exchanges.fetch_state import FetchedSignalMetadata
from threatexchange.exchanges.signal_exchange_api import AnySignalExchangeAPI
from threatexchange.utils.dataclass_json import dataclass_dump_dict, dataclass_load_dict

from stemtide.interop.exchanges import RecordError
from stemtide.interop.threatexchange.pulled import ForeignOpinion, ForeignVerdict


@dataclass
class PackageExchange:
    """An exchange of the package with its client, opened for one run.

    vocabulary: names its types of values in words.toml.
    edition:    a text that changes with what is read as a whole; "" if changes are sent.
    faults:     records that the client left out of the page that was read last.
    is_over:    whether the package's error means that there is nothing more.
    """

    api: AnySignalExchangeAPI
    vocabulary: str
    edition: str = ""
    faults: list[RecordError] = field(default_factory=list)
    is_over: Callable[[Exception], bool] = lambda _error: False

    def load(self, stored: Mapping[str, Any] | None) -> Any:  # noqa: ANN401  # of each service
        """Return a stored checkpoint as the package's; None if there is none."""
        if stored is None:
            return None
        return dataclass_load_dict(dict(stored), self.api.get_checkpoint_cls())

    def dump(self, checkpoint: Any) -> dict[str, Any]:  # noqa: ANN401  # of each service
        """Return a checkpoint of the package as JSON."""
        return dict(dataclass_dump_dict(checkpoint))

    def deltas(self, checkpoint: Any) -> Iterator[Any]:  # noqa: ANN401  # of each service
        """Yield changes from a checkpoint on, with that of each."""
        yield from self.api.fetch_iter([], checkpoint)

    def opinions(self, value: FetchedSignalMetadata) -> list[ForeignOpinion]:
        """Return the opinions on a value."""
        return [_opinion(opinion) for opinion in value.get_as_opinions()]


def _opinion(opinion: Any) -> ForeignOpinion:  # noqa: ANN401  # of each service
    """Return an opinion of the package, with its descriptor if it has one."""
    descriptor = getattr(opinion, "descriptor_id", None)
    return ForeignOpinion(
        bool(opinion.is_mine),
        ForeignVerdict(opinion.category),
        frozenset(map(str, opinion.tags)),
        str(descriptor) if descriptor is not None and descriptor > 0 else "",
    )
