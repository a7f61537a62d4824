# SPDX-License-Identifier: Apache-2.0
"""Content items, signals, sightings, opinions and withdrawal."""
