"""Accounts: who may sign in, and what they may do. Whatever gives power takes two admins."""
