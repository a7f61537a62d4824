# SPDX-License-Identifier: Apache-2.0
"""One act on many signals: select, preview what happens, give one reason, confirm."""
