# SPDX-License-Identifier: Apache-2.0
"""Scans of content that a provider has stored: on one machine, or on a Ray cluster."""
