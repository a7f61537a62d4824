# SPDX-License-Identifier: Apache-2.0
"""Fingerprints of sound: decoding and the words of aud1."""
