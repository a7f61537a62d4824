# SPDX-License-Identifier: Apache-2.0
"""Pages of retention: what is erased when, what is held and why."""
