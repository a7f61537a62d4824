# SPDX-License-Identifier: Apache-2.0
"""Addresses of the pages of the situation room."""

from django.urls import path

from stemtide.hub.desk import leads, situation

urlpatterns = [
    path("crises/<uuid:uid>/log", situation.log, name="crisis-log"),
    path("crises/<uuid:uid>/_log", situation.log_block, name="crisis-log-block"),
    path("crises/<uuid:uid>/log/post", situation.post, name="crisis-log-post"),
    path("crises/<uuid:uid>/log/<uuid:message>/pin", situation.pin, name="crisis-log-pin"),
    path("crises/<uuid:uid>/lines", situation.lines, name="crisis-lines"),
    path("crises/<uuid:uid>/_lines", situation.lines_block, name="crisis-lines-block"),
    path("crises/<uuid:uid>/lines/propose", situation.propose, name="crisis-lines-propose"),
    path("crises/<uuid:uid>/lines/<uuid:line>/vote", situation.vote, name="crisis-line-vote"),
    path(
        "crises/<uuid:uid>/lines/<uuid:line>/withdraw",
        situation.withdraw,
        name="crisis-line-withdraw",
    ),
    path("crises/<uuid:uid>/_leads", leads.leads_block, name="crisis-leads-block"),
    path("leads", leads.leads, name="leads"),
    path("leads/_list", leads.all_block, name="leads-block"),
    path("leads/new", leads.report, name="lead-new"),
    path("leads/<uuid:uid>", leads.lead, name="lead"),
    path("leads/<uuid:uid>/receive", leads.receive, name="lead-receive"),
    path("leads/<uuid:uid>/pass-on", leads.pass_on, name="lead-pass-on"),
    path("leads/<uuid:uid>/close", leads.close, name="lead-close"),
]
