# SPDX-License-Identifier: Apache-2.0
"""Fingerprints of videos: sampled frames, encodes and vPDQ."""
