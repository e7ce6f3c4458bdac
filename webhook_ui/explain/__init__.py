"""From an attempt to its cause in plain words and what to do about it. Pure: no database, no screen, nothing is asked.

`cases` says what is known of an attempt and what an explanation is; `connection` explains attempts that got no answer,
`statuses` those that got the wrong one, `senders` who it was that answered, `warnings` what is odd about a success,
`sentences` says what the engine has stored in the reader's language.
"""

from webhook_ui.explain.cases import Case, Explanation
from webhook_ui.explain.connection import explain_silence
from webhook_ui.explain.sentences import said
from webhook_ui.explain.statuses import explain_status
from webhook_ui.explain.warnings import warn_of

__all__ = ["Case", "Explanation", "explain", "said"]


def explain(case: Case) -> Explanation | None:
    """Why it failed; for a success what will go wrong soon, or None."""
    if case.error_class is None:
        return warn_of(case)
    if case.response_status is not None:
        return explain_status(case, case.response_status)
    return explain_silence(case)
