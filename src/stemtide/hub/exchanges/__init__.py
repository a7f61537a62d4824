# SPDX-License-Identifier: Apache-2.0
"""Exchanges: pull from other hubs on a schedule, push to them where allowed, know loops."""
