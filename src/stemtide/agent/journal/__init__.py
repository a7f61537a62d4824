# SPDX-License-Identifier: Apache-2.0
"""The upload journal: fingerprints of earlier uploads, to find them when a signal comes later."""
