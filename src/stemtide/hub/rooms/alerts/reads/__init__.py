# SPDX-License-Identifier: Apache-2.0
"""Read alerts, as a party may see them."""
