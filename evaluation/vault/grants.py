"""The vault's three doors. Nobody may change or delete (but the evaluator takes its offers back); the trainer and the
curator may not even connect.

The evaluator reads the exam and adds to it. The web process drops mail in and reads nothing, not even what it dropped.
The screener reads keyed fingerprints, never an item's text.
"""

GRANTS = {
    "evaluator": {
        "vault_item": "SELECT, INSERT",
        "vault_itemscore": "SELECT, INSERT",
        "vault_referencetext": "SELECT, INSERT",
        "vault_registrysnapshot": "SELECT, INSERT",
        "vault_mailboxentry": "SELECT",
        "vault_offer": "SELECT, INSERT, DELETE",
    },
    "mailbox": {"vault_mailboxentry": "INSERT"},
    "screener": {"vault_registrysnapshot": "SELECT", "vault_offer": "SELECT"},
}
FUNCTIONS: dict[str, list[str]] = {}
