# SPDX-License-Identifier: Apache-2.0
"""Whether removed content is gone, and whether it came back: one visit after the other."""
