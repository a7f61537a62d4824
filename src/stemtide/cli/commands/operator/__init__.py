# SPDX-License-Identifier: Apache-2.0
"""Commands for the operator of the hub's machine."""
