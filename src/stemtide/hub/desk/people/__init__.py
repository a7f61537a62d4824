# SPDX-License-Identifier: Apache-2.0
"""Pages of a party's people and contact points."""
