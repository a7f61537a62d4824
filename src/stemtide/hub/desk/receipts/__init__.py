# SPDX-License-Identifier: Apache-2.0
"""Pages behind the link in a message: acknowledge and answer without an account."""
