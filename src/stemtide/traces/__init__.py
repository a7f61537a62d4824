# SPDX-License-Identifier: Apache-2.0
"""Traces by OpenTelemetry: the way of a signal, from its share to a provider's webhook."""
