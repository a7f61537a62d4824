# SPDX-License-Identifier: Apache-2.0
"""Routes: the two doors that speak HTTP."""

from django.urls import URLPattern, URLResolver, include, path

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("stemtide.hub.api.urls")),
    path("", include("stemtide.hub.desk.urls")),
]
