# SPDX-License-Identifier: Apache-2.0
"""Transparency logs as C2SP specifies them: hashes, tiles, signed heads and proofs.

Pure: it knows neither a database nor a network. Decision 0163.
"""
