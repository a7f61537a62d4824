# SPDX-License-Identifier: Apache-2.0
"""The review page: server-rendered, for people at the provider, on this machine only."""
