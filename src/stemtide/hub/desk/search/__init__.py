# SPDX-License-Identifier: Apache-2.0
"""The search: over what the reader's party may see, and the pages that the reader may open."""
