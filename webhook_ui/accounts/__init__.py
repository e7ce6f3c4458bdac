"""Who is there: people, their sessions, programs' tokens. What each may do is decided by `actors.Role`."""

from webhook_ui.accounts.identity import Identity
from webhook_ui.accounts.limits import SetupCode, SignInLimiter, Tries
from webhook_ui.accounts.passwords import hash_password, verify_password
from webhook_ui.accounts.people import (
    any_account,
    change_role,
    check_email,
    create_account,
    disable_account,
    enable_account,
    find_account,
    first_account,
    list_accounts,
    set_password,
)
from webhook_ui.accounts.sessions import (
    COOKIE,
    LIFETIME,
    Credentials,
    SignedIn,
    end_sessions,
    find_credentials,
    find_session,
    see_session,
    sign_in,
    sign_out,
)
from webhook_ui.accounts.tokens import create_token, latest_tokens, list_tokens, revoke_token, token_actor

__all__ = [
    "COOKIE",
    "LIFETIME",
    "Credentials",
    "Identity",
    "SetupCode",
    "SignInLimiter",
    "SignedIn",
    "Tries",
    "any_account",
    "change_role",
    "check_email",
    "create_account",
    "create_token",
    "disable_account",
    "enable_account",
    "end_sessions",
    "find_account",
    "find_credentials",
    "find_session",
    "first_account",
    "hash_password",
    "latest_tokens",
    "list_accounts",
    "list_tokens",
    "revoke_token",
    "see_session",
    "set_password",
    "sign_in",
    "sign_out",
    "token_actor",
    "verify_password",
]
