# SPDX-License-Identifier: Apache-2.0
"""Pages of exchanges with other hubs."""
