# SPDX-License-Identifier: Apache-2.0
"""Labels of the to-do list: what waits, and the act that ends the wait."""

from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

LABELS: "dict[str, dict[str, str | _StrPromise]]" = {
    "todo": {
        "order": _("Removal order"),
        "order-confirm": _("Order to confirm"),
        "scrutiny": _("Scrutiny of an order"),
        "proposal": _("Proposal to confirm"),
        "invitation": _("Invitation to a crisis"),
        "lead": _("Threat to life"),
        "approval": _("Second look"),
        "complaint": _("Complaint"),
        "rights-request": _("Request of a data subject"),
        "redress": _("Request to reconsider"),
        "referrals": _("Referrals"),
        "task": _("Task"),
        "role": _("Role in a response"),
        "action": _("Action after a crisis"),
        "alert": _("Alert"),
    },
    "todo-act": {
        "order": _("Answer the order"),
        "order-confirm": _("Check and confirm"),
        "scrutiny": _("Decide"),
        "proposal": _("Confirm or decline"),
        "invitation": _("Join or decline"),
        "lead": _("Open the lead"),
        "approval": _("Approve or refuse"),
        "complaint": _("Decide"),
        "rights-request": _("Answer the request"),
        "redress": _("Answer the request"),
        "referrals": _("Answer referrals"),
        "task": _("Open the tasks"),
        "role": _("Accept or decline"),
        "action": _("Open the report"),
        "alert": _("Open"),
    },
}
"""Labels by group, then by kind."""
