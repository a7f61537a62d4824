# SPDX-License-Identifier: Apache-2.0
"""Rules of crises: pure functions, without database or clock."""
