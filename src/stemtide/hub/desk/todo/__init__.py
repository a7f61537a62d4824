# SPDX-License-Identifier: Apache-2.0
"""What waits for the signed-in person: one list over all kinds, the most urgent first."""
