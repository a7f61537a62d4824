# SPDX-License-Identifier: Apache-2.0
"""Rules of alerts: pure functions, without database or clock."""
