# SPDX-License-Identifier: Apache-2.0
"""Read complaints, as a party may see them."""
