# SPDX-License-Identifier: Apache-2.0
"""Keep a provider's own HMA up to date with the signals."""
