# SPDX-License-Identifier: Apache-2.0
"""Local features of pictures in the agent's file, and the search index made of them."""
