# SPDX-License-Identifier: Apache-2.0
"""URLs of exercises."""

from django.urls import path

from stemtide.hub.desk.exercises import views

urlpatterns = [
    path("exercises", views.exercises, name="exercises"),
    path("exercises/new/<slug:name>", views.new, name="exercise-new"),
    path("exercises/<uuid:uid>", views.exercise, name="exercise"),
    path("exercises/<uuid:uid>/_blocks", views.blocks, name="exercise-blocks"),
    path("exercises/_lesson", views.lesson, name="exercise-lesson"),
    path("exercises/<uuid:uid>/files/<int:number>", views.file, name="exercise-file"),
    path("exercises/<uuid:uid>/<slug:verb>", views.act, name="exercise-act"),
]
