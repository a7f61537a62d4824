# SPDX-License-Identifier: Apache-2.0
"""Measurements, both sides in one run where there is a peer. `make bench` runs them all."""
