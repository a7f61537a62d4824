# SPDX-License-Identifier: Apache-2.0
"""The channels through which alerts leave the hub, one folder each. Decision 0030."""
