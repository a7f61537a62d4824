# SPDX-License-Identifier: Apache-2.0
"""Values and opinions of exchanges that the package threatexchange can speak."""
