# SPDX-License-Identifier: Apache-2.0
"""Commands for whoever runs the hub's machine."""
