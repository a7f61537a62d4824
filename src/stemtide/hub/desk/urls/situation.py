# SPDX-License-Identifier: Apache-2.0
"""URLs of a crisis' log, statements, leads and reports; documents and search."""

from django.urls import path

from stemtide.hub.desk import documents
from stemtide.hub.desk.reports import differences, page, views
from stemtide.hub.desk.search import views as search
from stemtide.hub.desk.situation import leads, references, views as situation

urlpatterns = [
    path("crises/<uuid:uid>/log", situation.log, name="crisis-log"),
    path("crises/<uuid:uid>/_log", situation.log_block, name="crisis-log-block"),
    path("crises/<uuid:uid>/log/_suggestions", references.suggest, name="crisis-log-suggestions"),
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
    path("crises/<uuid:uid>/timeline", views.timeline, name="crisis-timeline"),
    path("crises/<uuid:uid>/timeline/export", views.export, name="crisis-timeline-export"),
    path("crises/<uuid:uid>/report", views.of_crisis, name="crisis-report"),
    path("crises/<uuid:uid>/report/open", views.open_report, name="crisis-report-open"),
    path("reports", views.published, name="reports"),
    path("reports/<uuid:uid>", views.report, name="report"),
    path("reports/<uuid:uid>/pdf", views.report_pdf, name="report-pdf"),
    path("reports/<uuid:uid>/draft", differences.draft, name="report-draft"),
    path("reports/<uuid:uid>/draft/again", page.draft_again, name="report-draft-again"),
    path("reports/<uuid:uid>/sections", page.save, name="report-sections"),
    path("reports/<uuid:uid>/note", page.note, name="report-note"),
    path("reports/<uuid:uid>/action", page.action, name="report-action"),
    path(
        "reports/<uuid:uid>/actions/<uuid:action>/done",
        page.complete,
        name="report-action-done",
    ),
    path("reports/<uuid:uid>/agree", page.agree, name="report-agree"),
    path("reports/<uuid:uid>/publish", page.publish, name="report-publish"),
    path("documents/verify", documents.verify, name="document-verify"),
    path("search", search.search, name="search"),
    path("search/_results", search.quick, name="search-quick"),
    path("leads", leads.leads, name="leads"),
    path("leads/_list", leads.all_block, name="leads-block"),
    path("leads/new", leads.report, name="lead-new"),
    path("leads/<uuid:uid>", leads.lead, name="lead"),
    path("leads/<uuid:uid>/receive", leads.receive, name="lead-receive"),
    path("leads/<uuid:uid>/pass-on", leads.pass_on, name="lead-pass-on"),
    path("leads/<uuid:uid>/close", leads.close, name="lead-close"),
]
