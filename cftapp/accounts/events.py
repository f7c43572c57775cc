"""What is recorded about accounts, and what pages call it. `account.changed` is recorded by a guard."""

from audit.vocabulary import Kind

EVENTS = {
    "account.created": "created",
    "account.set_up": "set up on the command line",
    "account.role_requested": "role asked for",
    "account.role_granted": "role given",
    "account.role_taken": "role taken away",
    "account.link_requested": "link asked for",
    "account.link_confirmed": "link confirmed",
    "account.request_declined": "request declined",
    "account.request_withdrawn": "request withdrawn",
    "account.closed": "closed",
    "account.reopened": "reopened",
    "account.password_chosen": "password chosen by link",
    "account.password_changed": "password changed",
    "account.password_rehashed": "password hashed anew",
    "account.changed": "changed outside the actions",
}
KINDS = {"account": Kind(), "account_request": Kind(words="request about an account")}
