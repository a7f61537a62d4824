# SPDX-License-Identifier: Apache-2.0
"""Rules of exchanges: pure functions, without database or clock."""
