# SPDX-License-Identifier: Apache-2.0
"""The door for machines: JSON, the feed, the snapshot and the stream."""
