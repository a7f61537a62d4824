# SPDX-License-Identifier: Apache-2.0
"""Rules of signals: pure functions, without database or clock."""
