# SPDX-License-Identifier: Apache-2.0
"""The to-do list of the signed-in person, over all kinds, the most urgent first."""
