# SPDX-License-Identifier: Apache-2.0
"""Find personal data in text before it is shared."""
