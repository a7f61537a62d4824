# SPDX-License-Identifier: Apache-2.0
"""Rules of removal orders: pure functions, without database or clock."""
