# SPDX-License-Identifier: Apache-2.0
"""Rules of complaints: pure functions, without database or clock."""
