# SPDX-License-Identifier: Apache-2.0
"""Ask for a second look at acts, and decide."""
