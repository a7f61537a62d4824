# SPDX-License-Identifier: Apache-2.0
"""Rules of referrals: pure functions, without database or clock."""
