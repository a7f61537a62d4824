# SPDX-License-Identifier: Apache-2.0
"""Other programs' formats: STIX, MISP, StopNCII, and records pulled from other servers."""
