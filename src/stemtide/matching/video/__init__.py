# SPDX-License-Identifier: Apache-2.0
"""Find known videos in other videos."""
