# SPDX-License-Identifier: Apache-2.0
"""Stress test of a running hub: simulated agents on real streams, and shares at a rate."""
