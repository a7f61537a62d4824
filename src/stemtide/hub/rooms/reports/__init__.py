# SPDX-License-Identifier: Apache-2.0
"""Timelines, post-crisis reports, progress figures and yearly reports, also as PDF."""
