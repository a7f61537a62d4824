# SPDX-License-Identifier: Apache-2.0
"""Signing keys: the public keys with which parties sign the signals that they share."""
