# SPDX-License-Identifier: Apache-2.0
"""Organisations, their people, contact points, keys and agents."""
