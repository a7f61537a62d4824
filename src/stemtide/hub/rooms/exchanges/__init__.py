# SPDX-License-Identifier: Apache-2.0
"""Exchanges with other hubs: pull on a schedule, push permitted signals, and detect loops."""
