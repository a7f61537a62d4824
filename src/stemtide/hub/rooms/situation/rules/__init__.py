# SPDX-License-Identifier: Apache-2.0
"""Rules of a crisis's situation: pure functions, without database or clock."""
