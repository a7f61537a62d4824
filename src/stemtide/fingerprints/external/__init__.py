# SPDX-License-Identifier: Apache-2.0
"""Signal types of other packages: their contract, where they are found, and their values."""
