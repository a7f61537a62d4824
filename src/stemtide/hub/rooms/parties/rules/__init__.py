# SPDX-License-Identifier: Apache-2.0
"""Rules of parties: pure functions, without database or clock."""
