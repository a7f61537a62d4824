# SPDX-License-Identifier: Apache-2.0
"""Who gets which page of the desk: written out, by address, method, party and role.

An address that is missing here makes tests/hub/desk/test_page_table.py fail.
"""

from stemtide.protocol.enums import Role

WHO = (
    (None, None),
    ("authority", Role.DUTY_OFFICER),
    ("authority", Role.ANALYST),
    ("authority", Role.DATA_PROTECTION_OFFICER),
    ("authority", Role.OBSERVER),
    ("authority", Role.ADMINISTRATOR),
    ("agency", Role.COORDINATOR),
    ("neighbour", Role.DUTY_OFFICER),
    ("provider", Role.DUTY_OFFICER),
    ("provider", Role.OBSERVER),
    ("rival", Role.DUTY_OFFICER),
    ("observer", Role.DUTY_OFFICER),
    ("forum", Role.DUTY_OFFICER),
)
"""The columns. The crisis is the authority's, live; the provider joined, the neighbour did not.

The forum is a consortium. To the rival and to the observer the crisis does not exist.
"""

TABLE = """
GET  account_change_password      in  200 200 200 200 200 200 200 200 200 200 200 200
POST account_change_password      in  200 200 200 200 200 200 200 200 200 200 200 200
GET  account_reauthenticate       in  200 200 200 200 200 200 200 200 200 200 200 200
POST account_reauthenticate       in  200 200 200 200 200 200 200 200 200 200 200 200
GET  alert                        in  200 200 200 200 200 404 404 404 404 404 404 404
POST alert-acknowledge            in  302 302 403 403 302 404 404 404 403 404 404 404
POST alert-act                    in  302 302 403 403 302 404 404 404 403 404 404 404
GET  alerts                       in  200 200 200 200 200 200 200 200 200 200 200 200
GET  alerts-bar                   in  200 200 200 200 200 200 200 200 200 200 200 200
GET  alerts-blocks                in  200 200 200 200 200 200 200 200 200 200 200 200
GET  allow-entry                  in  200 200 200 200 200 200 200 200 200 200 200 200
POST allow-entry-act              in  403 403 403 403 403 302 403 403 403 403 403 403
GET  allowlist                    in  200 200 200 200 200 200 200 200 200 200 200 200
POST allowlist                    in  403 403 403 403 403 422 403 403 403 403 403 403
GET  approval                     in  200 200 200 200 200 200 200 404 404 404 404 404
POST approval-act                 in  302 302 403 403 302 302 302 404 403 404 404 404
GET  approvals                    in  200 200 200 200 200 200 200 200 200 200 200 200
GET  batch                        in  200 200 200 200 200 200 404 404 404 404 404 404
GET  batch-file                   in  200 200 200 200 200 200 404 404 404 404 404 404
GET  batch-new                    in  200 403 403 403 403 200 200 403 403 403 403 403
POST batch-new                    in  200 403 403 403 403 200 200 403 403 403 403 403
GET  batches                      in  200 200 200 200 200 200 200 200 200 200 200 200
GET  board                        in  200 200 200 200 200 200 200 200 200 200 200 200
GET  board-blocks                 in  200 200 200 200 200 200 200 200 200 200 200 200
GET  board-stream                 403 200 200 200 200 200 200 200 200 200 200 200 200
POST board-stream                 403 200 200 200 200 200 200 200 200 200 200 200 200
GET  child-abuse                 200 200 200 200 200 200 200 200 200 200 200 200 200
POST child-abuse                 422 422 422 422 422 422 422 422 422 422 422 422 422
GET  cluster                      in  200 200 200 200 200 200 200 200 200 404 404 200
POST colleague-act                in  403 403 403 403 302 404 403 403 403 403 403 403
GET  colleagues                   in  403 403 200 403 200 200 403 403 403 403 403 403
POST colleagues                   in  403 403 403 403 200 200 403 403 403 403 403 403
GET  complain                     200 200 200 200 200 200 200 200 200 200 200 200 200
POST complain                     302 302 302 302 302 302 302 302 302 302 302 302 302
GET  complain-code                200 200 200 200 200 200 200 200 200 200 200 200 200
POST complain-code                422 422 422 422 422 422 422 422 422 422 422 422 422
POST complaint-act                in  404 404 403 403 404 404 404 302 403 404 404 404
GET  complaint                    in  404 404 404 403 404 404 404 200 403 404 404 404
GET  complaint-link-new           in  403 403 403 403 403 403 403 200 403 200 403 403
POST complaint-link-new           in  403 403 403 403 403 403 403 200 403 200 403 403
GET  complaint-new                in  403 403 403 403 403 403 403 200 403 200 403 403
POST complaint-new                in  403 403 403 403 403 403 403 302 403 302 403 403
GET  complaints                   in  200 200 200 403 200 200 200 200 403 200 200 200
GET  contact                      in  403 403 403 403 200 404 403 403 403 403 403 403
POST contact                      in  403 403 403 403 422 404 403 403 403 403 403 403
GET  contact-new                  in  403 403 403 403 200 200 403 403 403 403 403 403
POST contact-new                  in  403 403 403 403 302 302 403 403 403 403 403 403
POST contact-remove               in  403 403 403 403 302 404 403 403 403 403 403 403
GET  contacts                     in  200 200 200 200 200 200 200 200 200 200 200 200
GET  crises                       in  200 200 200 200 200 200 200 200 200 200 200 200
GET  crisis                       in  200 200 200 200 200 200 200 200 200 404 404 200
POST crisis-act                   in  302 403 403 403 403 302 403 403 403 404 404 403
GET  crisis-activation            in  302 302 302 302 302 302 302 302 302 404 404 302
POST crisis-activation-save       in  409 409 403 403 409 409 403 403 403 404 404 403
GET  crisis-blocks                in  200 200 200 200 200 200 200 200 200 404 404 200
GET  crisis-event                 in  200 200 200 200 200 200 200 200 200 404 404 200
GET  crisis-content               in  200 200 200 200 200 200 200 200 200 404 404 200
GET  crisis-closing               in  200 200 200 200 200 200 403 403 403 404 404 403
POST crisis-closing               in  302 403 403 403 403 302 403 403 403 404 404 403
POST crisis-event-enter           in  404 404 403 403 404 404 403 403 403 404 404 403
GET  crisis-tasks                 in  200 200 200 200 200 200 403 200 200 404 404 403
POST crisis-tasks                 in  302 302 403 403 302 302 403 302 403 404 404 403
POST crisis-task-move             in  302 302 403 403 302 302 404 302 403 404 404 404
GET  crisis-hand-over             in  200 200 200 200 200 200 403 200 200 404 404 403
GET  crisis-leads-block           in  200 200 200 200 200 200 200 200 200 200 200 200
POST crisis-line-vote             in  302 403 403 403 403 302 404 302 403 404 404 404
POST crisis-line-withdraw         in  302 302 403 403 302 403 404 403 403 404 404 404
GET  crisis-lines                 in  200 200 200 200 200 200 403 200 200 404 404 403
GET  crisis-lines-block           in  200 200 200 200 200 200 403 200 200 404 404 403
POST crisis-lines-propose         in  302 302 403 403 302 302 403 302 403 404 404 403
GET  crisis-log                   in  200 200 200 200 200 200 403 200 200 404 404 403
GET  crisis-log-block             in  200 200 200 200 200 200 403 200 200 404 404 403
POST crisis-log-pin               in  302 403 403 403 403 302 404 403 403 404 404 404
POST crisis-log-post              in  302 302 403 403 302 302 403 302 403 404 404 403
GET  crisis-log-suggestions       in  200 200 403 403 200 200 403 200 403 404 404 403
GET  crisis-new                   in  200 200 403 403 200 200 200 200 403 200 403 200
POST crisis-new                   in  302 302 403 403 302 302 302 302 403 302 403 302
GET  crisis-report                in  302 302 302 302 302 302 403 302 302 404 404 403
POST crisis-report-open           in  302 302 403 403 302 302 403 403 403 404 404 403
GET  crisis-stream                403 200 200 200 200 200 200 200 200 200 404 404 200
POST crisis-stream                403 200 200 200 200 200 200 200 200 200 404 404 200
GET  crisis-timeline              in  200 200 200 200 200 200 403 200 200 404 404 403
POST crisis-timeline-export       in  200 403 200 403 403 200 403 200 403 404 404 403
GET  deliveries                   in  200 200 200 200 200 200 200 200 200 200 200 200
POST delivery-drop                in  302 302 403 403 302 302 404 404 404 404 404 404
POST delivery-retry               in  302 302 403 403 302 302 404 404 404 404 404 404
GET  dismissal                    in  404 404 404 404 404 200 404 200 200 404 404 404
POST dismissal-act                in  404 404 403 403 404 302 404 302 403 404 404 404
GET  document-verify              in  200 200 200 200 200 200 200 200 200 200 200 200
POST document-verify              in  422 422 422 422 422 422 422 422 422 422 422 422
GET  drill                        in  200 200 200 200 200 200 404 404 404 404 404 404
GET  drill-block                  in  200 200 200 200 200 200 404 404 404 404 404 404
POST drill-start                  in  302 403 403 403 403 302 403 403 403 403 403 403
GET  drills                       in  200 200 200 200 200 200 200 200 200 200 200 200
GET  figures                      200 200 200 200 200 200 200 200 200 200 200 200 200
GET  final-orders                 in  200 200 200 200 200 200 200 200 200 200 200 200
POST hold-act                     in  302 403 403 403 403 403 404 404 403 404 404 404
GET  hold-new                     in  200 403 403 403 403 200 200 403 403 403 403 403
POST hold-new                     in  302 403 403 403 403 302 302 403 403 403 403 403
GET  exchange                      in  200 200 200 200 200 200 200 403 403 403 403 200
POST exchange-act                 in  403 403 403 403 403 302 403 403 403 403 403 403
POST exchange-withdrawal           in  403 403 403 403 403 302 403 403 403 403 403 403
GET  exchange-new                  in  403 403 403 403 403 200 403 403 403 403 403 403
POST exchange-new                  in  403 403 403 403 403 422 403 403 403 403 403 403
GET  exercise                     in  200 200 200 200 200 200 404 200 200 404 404 404
POST exercise-act                 in  302 302 403 403 302 302 404 302 403 404 404 404
GET  exercise-blocks              in  200 200 200 200 200 200 404 200 200 404 404 404
GET  exercise-file                in  404 404 404 404 404 404 404 200 200 404 404 404
GET  exercise-lesson              in  200 200 200 200 200 200 200 200 200 200 200 200
GET  exercise-new                 in  403 403 403 403 403 200 403 403 403 403 403 403
POST exercise-new                 in  403 403 403 403 403 422 403 403 403 403 403 403
GET  exercises                    in  200 200 200 200 200 200 200 200 200 200 200 200
GET  exchanges                    in  200 200 200 200 200 200 200 403 403 403 403 200
GET  holds                        in  200 200 200 200 200 200 200 403 403 403 403 403
GET  hub-settings                  in  403 403 403 403 403 200 403 403 403 403 403 403
POST hub-setting-act               in  403 403 403 403 403 302 403 403 403 403 403 403
GET  inbox                        in  403 403 403 403 403 403 403 200 200 200 403 403
GET  inbox-batch                  in  403 403 403 403 403 403 403 200 200 404 403 403
POST inbox-batch-act              in  403 403 403 403 403 403 403 302 403 404 403 403
GET  inbox-batch-blocks           in  403 403 403 403 403 403 403 200 200 404 403 403
GET  inbox-blocks                 in  403 403 403 403 403 403 403 200 200 200 403 403
GET  inbox-referral               in  302 302 302 302 302 302 404 200 200 404 404 404
POST inbox-referral-act           in  403 403 403 403 403 403 404 302 403 404 404 404
GET  inbox-referral-blocks        in  403 403 403 403 403 403 404 200 200 404 404 404
POST inbox-several                in  403 403 403 403 403 403 403 302 403 302 403 403
GET  invited                      200 200 200 200 200 200 200 200 200 200 200 200 200
POST invited                      422 422 422 422 422 422 422 422 422 422 422 422 422
GET  first-person                  in  403 403 403 403 403 200 403 403 403 403 403 403
POST first-person                  in  403 403 403 403 403 200 403 403 403 403 403 403
GET  key-new                       in  403 403 403 403 200 200 403 403 403 403 403 403
POST key-new                       in  403 403 403 403 200 200 403 403 403 403 403 403
GET  key-replace                   in  403 403 403 403 200 404 403 403 403 403 403 403
POST key-replace                   in  403 403 403 403 200 404 403 403 403 403 403 403
POST key-revoke                    in  403 403 403 403 404 404 403 403 403 403 403 403
GET  keys                          in  403 403 403 403 200 200 403 403 403 403 403 403
POST ladder                       in  403 403 403 403 302 302 403 403 403 403 403 403
GET  lead                         in  200 200 200 403 200 200 404 200 403 404 404 404
POST lead-close                   in  302 403 403 403 403 302 404 403 403 404 404 404
GET  lead-new                     in  200 200 403 403 200 200 200 200 403 200 403 200
POST lead-new                     in  302 302 403 403 302 302 302 422 403 422 403 302
POST lead-pass-on                 in  302 403 403 403 403 302 404 403 403 404 404 404
POST lead-receive                 in  302 302 403 403 302 302 404 403 403 404 404 404
GET  leads                        in  200 200 200 200 200 200 200 200 200 200 200 200
GET  leads-block                  in  200 200 200 200 200 200 200 200 200 200 200 200
GET  look                         in  404 404 404 404 404 200 404 404 404 404 404 404
GET  retention                    in  403 403 200 403 200 200 403 403 403 403 403 403
GET  retention-row                in  403 403 200 403 200 200 403 403 403 403 403 403
GET  ledger                       in  403 403 200 403 200 200 403 403 403 403 403 403
POST ledger-export                in  403 403 200 403 200 200 403 403 403 403 403 403
GET  records                      in  403 403 200 403 200 200 403 403 403 403 403 403
GET  rights-request               in  403 403 200 403 200 404 403 403 403 403 403 403
POST rights-request-act           in  403 403 302 403 302 404 403 403 403 403 403 403
GET  rights-request-new           in  403 403 200 403 200 200 403 403 403 403 403 403
POST rights-request-new           in  403 403 302 403 302 302 403 403 403 403 403 403
GET  rights-requests              in  403 403 200 403 200 200 403 403 403 403 403 403
POST retention-act                in  403 403 302 403 302 302 403 403 403 403 403 403
GET  look-counts                  in  403 403 200 403 200 200 403 403 403 403 403 403
GET  look-new                     in  200 200 403 403 200 200 403 200 403 403 404 403
POST look-new                     in  302 302 403 403 302 302 403 302 403 403 404 403
POST look-reveal                  in  404 404 404 404 404 302 404 404 404 404 404 404
GET  look-still                   in  404 404 404 404 404 200 404 404 404 404 404 404
GET  mfa_activate_totp            in  302 302 302 302 302 302 302 302 302 302 302 302
POST mfa_activate_totp            in  302 302 302 302 302 302 302 302 302 302 302 302
GET  mfa_add_webauthn             in  302 302 302 302 302 302 302 302 302 302 302 302
POST mfa_add_webauthn             in  302 302 302 302 302 302 302 302 302 302 302 302
GET  mfa_authenticate             in  302 302 302 302 302 302 302 302 302 302 302 302
POST mfa_authenticate             in  302 302 302 302 302 302 302 302 302 302 302 302
GET  mfa_deactivate_totp          in  404 404 404 404 404 404 404 404 404 404 404 404
POST mfa_deactivate_totp          in  404 404 404 404 404 404 404 404 404 404 404 404
GET  mfa_generate_recovery_codes  in  302 302 302 302 302 302 302 302 302 302 302 302
POST mfa_generate_recovery_codes  in  302 302 302 302 302 302 302 302 302 302 302 302
GET  mfa_login_webauthn           in  302 302 302 302 302 302 302 302 302 302 302 302
POST mfa_login_webauthn           in  302 302 302 302 302 302 302 302 302 302 302 302
GET  mfa_reauthenticate           in  302 302 302 302 302 302 302 302 302 302 302 302
POST mfa_reauthenticate           in  302 302 302 302 302 302 302 302 302 302 302 302
GET  mfa_reauthenticate_webauthn  in  302 302 302 302 302 302 302 302 302 302 302 302
POST mfa_reauthenticate_webauthn  in  302 302 302 302 302 302 302 302 302 302 302 302
GET  mfa_remove_webauthn          in  302 302 302 302 302 302 302 302 302 302 302 302
POST mfa_remove_webauthn          in  302 302 302 302 302 302 302 302 302 302 302 302
GET  mfa_view_recovery_codes      in  404 404 404 404 404 404 404 404 404 404 404 404
GET  openid_connect_callback      404 404 404 404 404 404 404 404 404 404 404 404 404
POST openid_connect_callback      404 404 404 404 404 404 404 404 404 404 404 404 404
GET  openid_connect_login         404 404 404 404 404 404 404 404 404 404 404 404 404
POST openid_connect_login         404 404 404 404 404 404 404 404 404 404 404 404 404
GET  openid-authorize              in  404 404 404 404 404 404 404 404 404 404 404 404
GET  openid-configuration         200 200 200 200 200 200 200 200 200 200 200 200 200
GET  openid-keys                  200 200 200 200 200 200 200 200 200 200 200 200 200
POST openid-token                 400 400 400 400 400 400 400 400 400 400 400 400 400
GET  order                         in  200 200 200 200 200 404 404 200 200 404 404 404
POST order-act                     in  302 403 403 403 403 404 404 302 403 404 404 404
GET  order-answer                  in  302 302 403 403 302 404 404 200 403 404 404 404
POST order-answer                  in  302 302 403 403 302 404 404 302 403 404 404 404
GET  order-blocks                  in  200 200 200 200 200 404 404 200 200 404 404 404
GET  order-draft                   in  200 200 403 403 200 404 404 404 403 404 404 404
POST order-draft                   in  302 302 403 403 302 404 404 404 403 404 404 404
GET  order-document               in  404 404 404 404 404 404 404 404 404 404 404 404
GET  order-enter                  in  200 403 403 403 403 403 403 200 403 200 403 403
POST order-enter                  in  422 403 403 403 403 403 403 422 403 422 403 403
GET  order-inform                  in  200 200 200 200 200 200 200 200 200 200 200 200
POST order-inform                  in  302 302 403 403 302 403 403 403 403 403 403 403
GET  order-new                     in  200 200 403 403 200 403 403 403 403 403 403 403
POST order-new                     in  302 302 403 403 302 403 403 403 403 403 403 403
GET  order-paper                   in  200 200 200 200 200 404 404 200 200 404 404 404
GET  orders                        in  200 200 200 200 200 200 200 200 200 200 200 200
GET  orders-blocks                 in  200 200 200 200 200 200 200 200 200 200 200 200
GET  own-contacts                 in  200 200 200 200 200 200 200 200 200 200 200 200
GET  own-signals                  in  200 200 200 200 200 200 200 200 200 200 200 200
GET  parties                      in  403 403 403 403 403 200 403 403 403 403 403 403
GET  party                        in  403 403 403 403 403 200 403 403 403 403 403 403
GET  party-new                     in  403 403 403 403 403 200 403 403 403 403 403 403
POST party-new                     in  403 403 403 403 403 302 403 403 403 403 403 403
POST own-name                      in  302 302 302 302 302 302 302 302 302 302 302 302
POST party-act                    in  403 403 403 403 403 302 403 403 403 403 403 403
GET  preferences                  in  200 200 200 200 200 200 200 200 200 200 200 200
POST preferences                  in  302 302 302 302 302 302 302 302 302 302 302 302
POST preview-destroy              in  302 302 403 403 302 302 404 403 403 404 404 404
GET  preview-send                 in  200 200 403 403 200 403 403 403 403 403 404 403
POST preview-send                 in  302 302 403 403 302 403 403 403 403 403 404 403
GET  progress                     in  200 200 200 200 200 200 200 200 200 200 200 200
GET  progress-orders              in  200 200 200 200 200 200 200 200 200 200 200 200
GET  progress-dsa                 in  403 403 403 403 403 403 403 200 200 200 403 403
POST progress-dsa-finish          in  403 403 403 403 403 403 403 302 403 302 403 403
POST progress-dsa-write           in  403 403 403 403 403 403 403 302 403 302 403 403
GET  progress-yearly              in  200 200 200 200 200 403 200 200 200 200 403 403
POST progress-yearly-finish       in  422 422 403 403 422 403 422 422 403 422 403 403
POST progress-yearly-write        in  302 302 403 403 302 403 302 302 403 302 403 403
GET  propagation                  in  200 200 200 200 200 200 200 200 200 200 200 200
GET  receipt                      200 200 200 200 200 200 200 200 200 200 200 200 200
POST receipt                      200 200 200 200 200 200 200 200 200 200 200 200 200
GET  receipt-answer               200 200 200 200 200 200 200 200 200 200 200 200 200
POST receipt-answer               422 422 422 422 422 422 422 422 422 422 422 422 422
GET  receipt-file                 200 200 200 200 200 200 200 200 200 200 200 200 200
POST receipt-renew                409 409 409 409 409 409 409 409 409 409 409 409 409
GET  redress                      in  200 200 200 403 200 404 404 404 403 404 404 404
POST redress-act                  in  302 302 403 403 302 404 404 404 403 404 404 404
GET  recheck                      in  200 200 200 200 200 200 404 200 200 404 404 404
POST recheck-visit                in  302 302 403 403 302 403 404 302 403 404 404 404
GET  rechecks                     in  200 200 200 200 200 200 200 200 200 200 200 200
GET  rechecks-blocks              in  200 200 200 200 200 200 200 200 200 200 200 200
GET  referral                     in  200 200 200 200 200 200 404 302 302 404 404 404
POST referral-act                 in  302 403 403 403 403 403 404 403 403 404 404 404
GET  referral-blocks              in  200 200 200 200 200 200 404 200 200 404 404 404
GET  referral-new                 in  200 200 403 403 200 200 200 403 403 403 403 403
POST referral-new                 in  200 200 403 403 200 200 200 403 403 403 403 403
GET  referrals                    in  200 200 200 200 200 200 200 200 200 200 200 200
GET  report                       in  200 200 200 200 200 200 404 200 200 404 404 404
POST report-action                in  302 302 403 403 302 302 404 403 403 404 404 404
POST report-action-done           in  302 302 403 403 302 403 404 403 403 404 404 404
POST report-agree                 in  302 403 403 403 403 302 404 403 403 404 404 404
POST report-note                  in  302 302 403 403 302 302 404 302 403 404 404 404
GET  report-draft                 in  200 200 200 200 200 200 404 200 200 404 404 404
POST report-draft-again           in  302 302 403 403 302 302 404 403 403 404 404 404
GET  report-pdf                   in  200 200 200 200 200 200 404 200 200 404 404 404
POST report-publish               in  302 403 403 403 403 302 404 403 403 404 404 404
POST report-sections              in  302 302 403 403 302 302 404 403 403 404 404 404
GET  reports                      in  200 200 200 200 200 200 200 200 200 200 200 200
POST restore-confirm              in  403 403 403 403 403 404 403 403 403 403 403 403
GET  search                       in  200 200 200 200 200 200 200 200 200 200 200 200
GET  search-quick                 in  200 200 200 200 200 200 200 200 200 200 200 200
GET  set-up                       404 404 404 404 404 404 404 404 404 404 404 404 404
POST set-up                       404 404 404 404 404 404 404 404 404 404 404 404 404
GET  set-up-link                  404 404 404 404 404 404 404 404 404 404 404 404 404
GET  share                        in  200 200 403 403 200 200 200 200 403 200 403 200
POST share                        in  422 422 403 403 422 422 422 422 403 422 403 422
GET  share-done                   in  200 200 200 200 200 200 200 200 200 200 200 200
POST share-undo                   in  302 302 403 403 302 302 302 302 403 302 302 302
GET  sign-in                      200 302 302 302 302 302 302 302 302 302 302 302 302
POST sign-in                      200 302 302 302 302 302 302 302 302 302 302 302 302
POST sign-out                     in  in  in  in  in  in  in  in  in  in  in  in  in
GET  signal                       in  200 200 200 200 200 200 200 200 200 200 404 200
POST signal-act                   in  302 302 403 403 302 302 302 302 403 302 404 302
GET  signal-propagation           in  200 200 200 200 200 200 200 200 200 200 404 200
POST signal-outlier               in  302 403 403 403 403 302 403 403 403 404 404 403
POST signal-withdraw              in  302 302 403 403 302 302 403 403 403 403 404 403
POST signals-selected             in  302 302 403 403 302 302 302 302 403 302 302 302
GET  signing-key-new               in  403 403 403 403 200 200 403 403 403 403 403 403
POST signing-key-new               in  403 403 403 403 422 422 403 403 403 403 403 403
POST signing-key-revoke            in  403 403 403 403 302 302 403 403 403 403 403 403
GET  signing-keys                  in  403 403 403 403 200 200 403 403 403 403 403 403
POST sitting-end                  in  302 302 302 302 302 302 302 302 302 302 302 302
GET  stylesheet                   200 200 200 200 200 200 200 200 200 200 200 200 200
GET  to-do                        in  200 200 200 200 200 200 200 200 200 200 200 200
GET  to-do-blocks                 in  200 200 200 200 200 200 200 200 200 200 200 200
GET  transparency                 200 200 200 200 200 200 200 200 200 200 200 200 200
GET  webhook                       in  403 403 403 403 200 404 403 403 403 403 403 403
POST webhook-act                   in  403 403 403 403 302 404 403 403 403 403 403 403
POST webhook-again                 in  403 403 403 403 302 404 403 403 403 403 403 403
GET  webhook-new                   in  403 403 403 403 200 200 403 403 403 403 403 403
POST webhook-new                   in  403 403 403 403 422 422 403 403 403 403 403 403
GET  webhooks                      in  403 403 403 403 200 200 403 403 403 403 403 403
GET  you                          in  200 200 200 200 200 200 200 200 200 200 200 200
"""
"""in: led to the page to sign in on. 302: led elsewhere, as after an act that was done.

Acts are sent with what DATA says. POST is missing where it is answered with 405 by everyone.
"""

TWICE = {"account_login": "sign-in", "mfa_index": "you", "mfa_list_webauthn": "you"}
"""Names by which allauth looks for pages of ours."""

PARTS = {
    "retention-row": {"uid": "signal"},
    "retention-act": {"uid": "signal"},
    "rights-request": {"uid": "rights_request"},
    "rights-request-act": {"uid": "rights_request"},
    "exercise": {"uid": "exercise"},
    "exercise-act": {"uid": "exercise"},
    "exercise-blocks": {"uid": "exercise"},
    "exercise-file": {"uid": "exercise", "number": "exercise_file"},
    "signal": {"uid": "signal"},
    "signal-withdraw": {"uid": "signal"},
    "signal-act": {"uid": "signal"},
    "signal-outlier": {"uid": "signal", "outlier": "outlier"},
    "signal-propagation": {"uid": "signal"},
    "cluster": {"uid": "crisis", "key": "signal"},
    "look-new": {"uid": "signal"},
    "preview-send": {"uid": "signal"},
    "preview-destroy": {"uid": "preview"},
    "look": {"uid": "look"},
    "look-reveal": {"uid": "look"},
    "look-still": {"uid": "look", "preview": "preview"},
    "crisis-log-pin": {"uid": "crisis", "message": "message"},
    "crisis-task-move": {"uid": "crisis", "task": "task"},
    "crisis-event-enter": {"uid": "crisis", "message": "signal"},
    "crisis-line-vote": {"uid": "crisis", "line": "line"},
    "crisis-line-withdraw": {"uid": "crisis", "line": "line"},
    "lead": {"uid": "lead"},
    "lead-receive": {"uid": "lead"},
    "lead-pass-on": {"uid": "lead"},
    "lead-close": {"uid": "lead"},
    "referral": {"uid": "referral"},
    "referral-act": {"uid": "referral"},
    "order": {"uid": "order"},
    "order-act": {"uid": "order"},
    "order-answer": {"uid": "order"},
    "order-blocks": {"uid": "order"},
    "order-document": {"uid": "order"},
    "order-draft": {"uid": "draft"},
    "order-paper": {"uid": "order"},
    "referral-blocks": {"uid": "referral"},
    "inbox-referral": {"uid": "referral"},
    "inbox-referral-act": {"uid": "referral"},
    "inbox-referral-blocks": {"uid": "referral"},
    "inbox-batch": {"uid": "batch"},
    "inbox-batch-act": {"uid": "batch"},
    "inbox-batch-blocks": {"uid": "batch"},
    "recheck": {"uid": "recheck"},
    "recheck-visit": {"uid": "recheck"},
    "batch": {"uid": "batch"},
    "batch-file": {"uid": "batch"},
    "hold-act": {"uid": "hold"},
    "report": {"uid": "report"},
    "report-draft": {"uid": "report"},
    "report-draft-again": {"uid": "report"},
    "report-pdf": {"uid": "report"},
    "report-note": {"uid": "report"},
    "report-action": {"uid": "report"},
    "report-agree": {"uid": "report"},
    "report-publish": {"uid": "report"},
    "report-action-done": {"uid": "report", "action": "action"},
    "alert": {"uid": "alert"},
    "alert-acknowledge": {"uid": "alert"},
    "alert-act": {"uid": "alert"},
    "receipt": {"token": "order_token"},
    "receipt-answer": {"token": "order_token"},
    "receipt-file": {"token": "order_token"},
    "receipt-renew": {"token": "order_token"},
    "delivery-retry": {"uid": "delivery"},
    "delivery-drop": {"uid": "delivery"},
    "drill": {"uid": "drill"},
    "drill-block": {"uid": "drill"},
    "report-sections": {"uid": "report"},
    "colleague-act": {"number": "person"},
    "exchange": {"name": "exchange"},
    "exchange-act": {"name": "exchange"},
    "exchange-withdrawal": {"name": "exchange"},
    "contact": {"number": "contact"},
    "contact-remove": {"number": "contact"},
    "invited": {"secret": "secret"},
    "set-up-link": {"secret": "secret"},
    "allow-entry": {"uid": "allow_entry"},
    "dismissal": {"uid": "dismissal"},
    "dismissal-act": {"uid": "dismissal"},
    "approval": {"uid": "approval"},
    "approval-act": {"uid": "approval"},
    "allow-entry-act": {"uid": "allow_entry"},
    "key-replace": {"prefix": "key"},
    "webhook": {"uid": "webhook"},
    "webhook-act": {"uid": "webhook"},
    "webhook-again": {"uid": "webhook", "delivery": "sent_event"},
    "complain": {"token": "ticket"},
    "complaint": {"uid": "complaint"},
    "complaint-act": {"uid": "complaint"},
    "redress": {"uid": "redress"},
    "redress-act": {"uid": "redress"},
}
FIXED = {
    "retention-row": {"row_class": "signal"},
    "retention-act": {"row_class": "signal", "verb": "hold"},
    "rights-request-act": {"verb": "withdraw"},
    "alert-act": {"verb": "acknowledge"},
    "stylesheet": {"digest": "of-another-version"},
    "receipt-answer": {"verb": "execute"},
    "receipt-file": {"name": "paper"},
    "complaint-act": {"verb": "take"},
    "signal-act": {"verb": "dispute"},
    "crisis-act": {"verb": "keep"},
    "redress-act": {"verb": "keep"},
    "referral-act": {"verb": "withdraw"},
    "order-act": {"verb": "withdraw"},
    "first-person": {"name": "forum"},
    "key-revoke": {"prefix": "abcd2345"},
    "party": {"name": "provider"},
    "party-act": {"name": "provider", "verb": "make-trusted"},
    "order-answer": {"name": "annex-2"},
    "order-paper": {"name": "annex-1", "kind": "json"},
    "hold-act": {"verb": "lift"},
    "inbox-referral-act": {"verb": "acknowledge"},
    "inbox-batch-act": {"verb": "acknowledge"},
    "colleague-act": {"verb": "deactivate"},
    "exchange-act": {"verb": "pause"},
    "exchange-withdrawal": {"verb": "share-again"},
    "hub-setting-act": {"name": "media_max_days", "verb": "propose"},
    "exercise-act": {"verb": "observe"},
    "exercise-new": {"name": "false-alarm"},
    "allow-entry-act": {"verb": "remove"},
    "dismissal-act": {"verb": "answer"},
    "approval-act": {"verb": "approve"},
    "webhook-act": {"verb": "test"},
    "mfa_remove_webauthn": {"pk": 1},
    "openid_connect_login": {"provider_id": "nobody"},
    "openid_connect_callback": {"provider_id": "nobody"},
}

MESSAGE = {
    "message-kind": "observation",
    "message-text": "Seen.",
    "message-urgency": "now",
    "message-tlp": "amber",
    "message-language": "en",
}
LEAD = {
    "level": "high_specific",
    "bases": ["voluntary"],
    "country": "be",
    "facts": "Somebody announces an attack at six.",
    "reasons": "A rifle.",
    "callback": "+32 2 555 0199",
}
WARNING = {
    "warning-name": "Attack",
    "warning-happened_at": "2026-01-01T10:00",
    "warning-countries": "BE",
    "warning-framework": "eucp-2023",
}
REFERRAL = {
    "url": "https://video.example/watch?v=3",
    "provider": "provider",
    "content_type": "video",
    "labels": ["incitement"],
    "reason": "It calls for murder.",
}
HOLD = {
    "url": "https://video.example/watch?v=4",
    "hours": "24",
    "reason": "evidence",
    "contact": "the duty desk",
}
DECISION = {"reference": "case-7", "measure": "blocked", "basis": "own"}
ORDER_ANSWER = {
    "annex-measure": "removed",
    "annex-measure_at": "2026-01-01T10:00:00",
    "annex-provider_name": "The provider",
    "annex-provider_state": "IE",
    "annex-authorised_person": "A. Moderator",
    "annex-contact_mail": "tco@provider.example",
    "annex-signed_on": "2026-01-01",
}
DATA = {
    "retention-act": {"hold-reason": "A court asked for it."},
    "rights-request-new": {"reference": "DP-8", "right": "access", "received_on": "2026-01-02"},
    "rights-request-act": {"withdraw-confirm": "on"},
    "ledger-export": {"as": "csv"},
    "progress-dsa-finish": {"year": "2025", "half": "0"},
    "progress-yearly-finish": {"year": "2025"},
    "progress-dsa-write": {"year": "2025", "half": "0", "kind": "platform"},
    "complain": {"text": "This is my report for the evening news.", "language": "en"},
    "complain-code": {"code": "ABCD-EFGH-JKMN-PQRS"},
    "complaint-link-new": DECISION,
    "complaint-new": {**DECISION, "text": "It is the evening news.", "language": "en"},
    "redress-act": {"keep-reason": "It shows the attack itself."},
    "order-act": {"withdraw-text": "A mistake.", "withdraw-confirm": "on"},
    "order-answer": ORDER_ANSWER,
    "order-draft": {"language": "en", "content_type": "video"},
    "allow-entry-act": {"remove-reason": "It was wrong."},
    "dismissal-act": {"answer-text": "It was right."},
    "approval-act": {"target": "1"},
    "order-inform": {"to": "provider", "text": "Orders come by webhook and by mail."},
    "order-new": {"to": "provider"},
    "batch-new": {"name": "Another day", "rows": "url\nhttps://video.example/watch?v=5"},
    "hold-new": HOLD,
    "referral-act": {"withdraw-reason": "mistake"},
    "referral-new": REFERRAL,
    "crisis-closing": {"act": "answer", "answer-adopt": "none"},
    "crisis-act": {"keep-reason": "variants still come"},
    "crisis-line-vote": {"vote": "agree"},
    "crisis-tasks": {
        "task-title": "Ask the media",
        "task-owner": "role:media",
        "task-due_in": "4",
    },
    "crisis-task-move": {"state": "done"},
    "exercise-act": {"text": "They called by phone."},
    "crisis-lines-propose": {"line-language_0": "en", "line-text_0": "Stay away."},
    "crisis-log-post": MESSAGE,
    "crisis-log-pin": {"pinned": "1"},
    "crisis-new": WARNING,
    "crisis-timeline-export": {"as": "json"},
    "delivery-drop": {"reason": "They moved."},
    "lead-close": {"outcome": "no_threat"},
    "lead-new": LEAD,
    "lead-pass-on": {"to": ""},
    "look-new": {"purpose": "review"},
    "party-act": {"make-trusted-reason": "They answer fast."},
    "preview-send": {"excerpt": "Some words.", "days": "1"},
    "report-action": {
        "action-text": "Drill.",
        "action-owner": "provider",
        "action-due": "2030-01-31",
    },
    "report-note": {"note-topic": "idea", "note-text": "Call earlier."},
    "report-publish": {"audience": "room"},
    "report-sections": {"text-lessons": "Learnt."},
    "signals-selected": {"act": "confirm"},
    "signal-act": {"dispute-text": "It is the evening news."},
    "signal-withdraw": {"withdraw-reason": "mistake"},
    "signal-outlier": {"decision": "count"},
    "exchange-act": {"confirm": "on"},
    "hub-setting-act": {"value": "30", "reason": "The court asked."},
    "drill-start": {"party": ["authority"]},
    "contact-new": {
        "channel": "mail",
        "address": "duty@desk.example",
        "time_zone": "UTC",
    },
    "first-person": {"name": "Ada", "email": "first@desk.example", "role": "coordinator"},
    "key-new": {"name": "agent-2", "scopes": ["feed:read"], "days": "90"},
    "key-replace": {"overlap_hours": "24"},
    "key-revoke": {"confirm": "yes"},
    "party-new": {"title": "X", "name": "x", "kind": "provider", "reason": "Known."},
    "colleagues": {"name": "Ada", "email": "another@desk.example", "role": "analyst"},
}
