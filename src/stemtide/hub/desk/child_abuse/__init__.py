# SPDX-License-Identifier: Apache-2.0
"""The page for somebody who has seen child sexual abuse material. It reads and writes no table."""
