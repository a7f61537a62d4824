# SPDX-License-Identifier: Apache-2.0
"""URLs of the hub: the API and the desk."""

from django.urls import URLPattern, URLResolver, include, path

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("stemtide.hub.api.urls")),
    path("", include("stemtide.hub.desk.urls")),
]
