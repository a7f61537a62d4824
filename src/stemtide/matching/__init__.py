# SPDX-License-Identifier: Apache-2.0
"""Fingerprints find signals, exactly."""
