# SPDX-License-Identifier: Apache-2.0
"""Rules of reports: pure functions, without database or clock."""
