# SPDX-License-Identifier: Apache-2.0
"""URLs of the hub: the API, the desk and the documentation."""

from django.urls import URLPattern, URLResolver, include, path

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("stemtide.hub.api.urls")),
    path("", include("stemtide.hub.desk.urls")),
    path("", include("stemtide.hub.desk.documentation.views")),
]
