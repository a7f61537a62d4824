# SPDX-License-Identifier: Apache-2.0
"""Match live streams while they run."""
