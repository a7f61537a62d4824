# SPDX-License-Identifier: Apache-2.0
"""What stays of a crisis: its timeline, its post-crisis report, both on paper."""
