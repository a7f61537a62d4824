# SPDX-License-Identifier: Apache-2.0
"""Extension of tx, the command of threatexchange: `tx config extensions add stemtide.tx`."""

from threatexchange.extensions.manifest import ThreatExchangeExtensionManifest

from stemtide.tx.exchange import StemtideExchangeAPI
from stemtide.tx.kinds import SIGNAL_TYPES

TX_MANIFEST = ThreatExchangeExtensionManifest(
    signal_types=SIGNAL_TYPES, apis=(StemtideExchangeAPI,)
)
"""The manifest through which tx loads this extension."""
