# SPDX-License-Identifier: Apache-2.0
"""Acts that wait for a second pair of eyes: who asks, why they wait, who decides."""
