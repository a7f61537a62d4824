# SPDX-License-Identifier: Apache-2.0
"""URLs of referrals, batches and holds."""

from django.urls import path

from stemtide.hub.desk.referrals import batches, holds, views

urlpatterns = [
    path("referrals", views.referrals, name="referrals"),
    path("referrals/new", views.new, name="referral-new"),
    path("referrals/batches", batches.batches, name="batches"),
    path("referrals/batches/new", batches.new, name="batch-new"),
    path("referrals/batches/<uuid:uid>", batches.batch, name="batch"),
    path("referrals/batches/<uuid:uid>/outcomes.csv", batches.file, name="batch-file"),
    path("referrals/holds", holds.holds, name="holds"),
    path("referrals/holds/new", holds.new, name="hold-new"),
    path("referrals/holds/<uuid:uid>/do/<slug:verb>", holds.act, name="hold-act"),
    path("referrals/<uuid:uid>", views.referral, name="referral"),
    path("referrals/<uuid:uid>/_blocks", views.blocks, name="referral-blocks"),
    path("referrals/<uuid:uid>/do/<slug:verb>", views.act, name="referral-act"),
]
