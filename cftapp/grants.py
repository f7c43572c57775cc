"""What each process role may do with Django's own tables, and the form every app states its grants in.

An app declares in `<app>/grants.py`:

    GRANTS = {"web": {"feedback_source": "SELECT", "feedback_case": "SELECT, INSERT, UPDATE(state, note)"}}
    FUNCTIONS = {"all": ["audit_append(bytea)"]}
    FILLED = {"audit_speaker": (("login", "speaker", "event"), speaker_rows)}  # a table that provision writes

Keys are roles without their prefix (`cft_web` is "web"; "all" is every role that may connect to the database the app
lives in). Whatever is not named is denied. Identity columns need no grant on their sequence. Note that Django's
INSERT ... RETURNING id needs SELECT on that column: give a table that is INSERT-only a key made by the client.
"""

READ, EDIT = "SELECT", "SELECT, INSERT, UPDATE, DELETE"

GRANTS = {
    "all": {"django_migrations": READ, "django_content_type": READ},
    "curator": {"django_session": "SELECT(expire_date), DELETE"},  # clears old ones, and sees whose none of them is
    "web": {
        # Roles are given by PostgreSQL, when a second admin confirms (cftapp/accounts/guards).
        "auth_user": "SELECT, INSERT, UPDATE(password, last_login, is_active, is_staff, is_superuser)",
        "auth_user_groups": "SELECT, DELETE",
        "auth_user_user_permissions": READ,
        "auth_group": READ,
        "auth_group_permissions": READ,
        "auth_permission": READ,
        "django_admin_log": "SELECT, INSERT",
        "django_session": EDIT,
    },
}
FUNCTIONS: dict[str, list[str]] = {}
