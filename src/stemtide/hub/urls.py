# SPDX-License-Identifier: Apache-2.0
"""Routes: the two doors that speak HTTP."""

from django.urls import URLPattern, URLResolver

urlpatterns: list[URLPattern | URLResolver] = []
