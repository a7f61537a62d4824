# SPDX-License-Identifier: Apache-2.0
"""Messages between hub and agent: status, feed, snapshots and their signatures."""
