# SPDX-License-Identifier: Apache-2.0
"""Commands for an agent: run it, look content up, follow its companion."""
