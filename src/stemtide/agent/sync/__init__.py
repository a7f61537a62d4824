# SPDX-License-Identifier: Apache-2.0
"""Follow the hub: snapshots first, then the feed."""
