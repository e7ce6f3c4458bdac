"""What is odd about an attempt that was sent: what is likely to fail soon, or has gone to the wrong place."""

from datetime import UTC, datetime, timedelta

from webhook_ui.explain.cases import Case, Explanation
from webhook_ui.languages import number, tr, trn

SOON = timedelta(days=14)
SLOW_MS = 10_000.0


def warn_of(case: Case) -> Explanation | None:
    """The most urgent of them, if there is one."""
    return _ending_certificate(case) or _page(case) or _slow(case)


def _ending_certificate(case: Case) -> Explanation | None:
    until = case.timings.get("certificate_until")
    if until is None:
        return None
    ends = datetime.fromtimestamp(until, UTC)
    left = ends - case.at
    if left > SOON:
        return None
    days = max(left.days, 0)
    title = trn("The receiver's certificate ends tomorrow", "The receiver's certificate ends in {n} days", days)
    return Explanation(
        code="certificate_ends",
        title=title if days else tr("The receiver's certificate ends within a day"),
        cause=tr(
            "That of `{host}` is valid until {moment} UTC. From then on every delivery fails.",
            host=case.host,
            moment=ends.strftime("%Y-%m-%d %H:%M"),
        ),
        steps=(
            tr(
                "Ask who runs `{host}` to renew it; where that should happen by itself, it has not yet.", host=case.host
            ),
        ),
        warning=True,
    )


def _page(case: Case) -> Explanation | None:
    if not case.is_html or not case.body.strip():
        return None
    cause = (
        tr("The status says received, but the answer is a page for people (“{title}”).", title=case.page_title)
        if case.page_title
        else tr("The status says received, but the answer is a page for people.")
    )
    fate = tr("It may be a sign-in page, or a parked domain that answers 200 to anything, and the event is lost there.")
    return Explanation(
        code="html_answer",
        title=tr("A web page answered, not an API"),
        cause=f"{cause} {fate}",
        steps=(tr("See whether the event has arrived at the receiver. If not, correct the URL, and redeliver."),),
        warning=True,
    )


def _slow(case: Case) -> Explanation | None:
    if case.duration_ms < SLOW_MS:
        return None
    return Explanation(
        code="slow",
        title=tr("It took the receiver {seconds} s to answer", seconds=number(case.duration_ms / 1000, 1)),
        cause=tr("That is close to where attempts are given up, and slow receivers share a quarter of the room."),
        steps=(tr("Let the receiver store the event, answer 2xx at once, and do the work afterwards."),),
        warning=True,
    )
