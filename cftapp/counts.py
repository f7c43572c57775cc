"""The figures of accounts, for the header and home. Like `cftapp/grants.py`, it speaks for Django's own tables."""

COUNTS = {
    "roleless": """
        (SELECT count(*) FROM auth_user u WHERE u.is_active AND NOT u.is_superuser
           AND NOT EXISTS (SELECT FROM auth_user_groups g WHERE g.user_id = u.id))
    """,
}
