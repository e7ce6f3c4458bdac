"""Passwords are slow to hash on purpose, and tests sign in some hundred times: here they are hashed at little cost."""

from argon2 import PasswordHasher

from webhook_ui.accounts import passwords


def hash_cheaply() -> None:
    """For this process and its forks; what the product's own cost is, test_accounts knows."""
    passwords._hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    passwords.NOBODY = f"$argon2id$v=19$m=8,t=1,p=1${'A' * 22}${'A' * 43}"
