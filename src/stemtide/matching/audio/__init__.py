# SPDX-License-Identifier: Apache-2.0
"""Find known sound in other sound."""
