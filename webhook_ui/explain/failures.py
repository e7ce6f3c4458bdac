"""5xx: whether the application failed, or the proxy before it could not reach it."""

from webhook_ui.explain.cases import SAME, Case, Explanation, quote
from webhook_ui.explain.senders import find_proxy
from webhook_ui.languages import mark, number, tr

_CLOUDFLARE = {
    520: mark("the origin answered with something that Cloudflare could not read"),
    521: mark("the origin refused the connection"),
    522: mark("the origin did not take the connection in time"),
    523: mark("the origin cannot be reached"),
    524: mark("the origin took longer than Cloudflare waits"),
    525: mark("the TLS handshake with the origin failed"),
    526: mark("the origin's certificate is not valid"),
    530: mark("the origin's name cannot be resolved"),
}


def explain_failure(case: Case, status: int) -> Explanation:
    """The cause of an answer from 500 on."""
    if status in _CLOUDFLARE and case.header("server").lower().startswith("cloudflare"):
        return _behind(
            case,
            "Cloudflare",
            tr("Cloudflare answered {status}: {reason}.", status=status, reason=tr(_CLOUDFLARE[status])),
        )
    if status == 503 and case.header("retry-after"):
        return _maintenance(case)
    if status in (502, 503, 504):
        proxy = find_proxy(case)
        if proxy and status == 504:
            return _too_slow(case, proxy)
        if proxy:
            cause = tr(
                "{proxy} answered {status} with a page of its own, so the request never reached the application.",
                proxy=proxy,
                status=status,
            )
            return _behind(case, proxy, cause)
        return _busy(case, status)
    return _broken(case, status)


def _behind(case: Case, proxy: str, cause: str) -> Explanation:
    return Explanation(
        code="proxy",
        title=tr("The receiver’s proxy is up, the application behind it is not"),
        cause=cause,
        steps=(
            tr(
                "Ask who runs `{host}` to restart or scale the application, and to look into the log of "
                "{proxy}. {same}",
                host=case.host,
                proxy=proxy,
                same=tr(SAME),
            ),
        ),
    )


def _too_slow(case: Case, proxy: str) -> Explanation:
    return Explanation(
        code="proxy_timeout",
        title=tr("The application took longer than its proxy waits"),
        cause=tr(
            "{proxy} answered 504 after {seconds} s. The application may have worked on the request all the same.",
            proxy=proxy,
            seconds=number(case.duration_ms / 1000, 1),
        ),
        steps=(
            tr("Let the application store the event, answer 2xx at once, and do the work afterwards."),
            tr("Ask who runs `{host}` whether it is overloaded. {same}", host=case.host, same=tr(SAME)),
        ),
    )


def _maintenance(case: Case) -> Explanation:
    return Explanation(
        code="maintenance",
        title=tr("The receiver is down for a while, and says for how long"),
        cause=tr("It answered 503 with `Retry-After: {wait}`.", wait=quote(case.header("retry-after"), 60)),
        follows=tr("All deliveries to this webhook wait that long, a day at most; then they go on by themselves."),
        steps=(tr("Nothing needs to be done, unless it stays so."),),
    )


def _busy(case: Case, status: int) -> Explanation:
    reason = {
        502: tr("something behind it gave no answer that it understood"),
        503: tr("it is overloaded or being restarted"),
        504: tr("something behind it did not answer in time"),
    }[status]
    return Explanation(
        code="unavailable",
        title=tr("The receiver cannot take deliveries just now"),
        cause=tr("It answered {status}: {reason}.", status=status, reason=reason),
        steps=(
            tr(
                "Ask who runs `{host}` to look into the application's log at the time of this attempt. {same}",
                host=case.host,
                same=tr(SAME),
            ),
        ),
    )


def _broken(case: Case, status: int) -> Explanation:
    if status == 501:
        return Explanation(
            code="not_implemented",
            title=tr("The receiver cannot do what is asked"),
            cause=tr("It answered 501: as a rule it takes no POST at all at this address."),
            steps=(tr("Compare the path in the URL with the receiver's documentation."),),
        )
    return Explanation(
        code="application",
        title=tr("The application failed while it worked on this"),
        cause=tr("It answered {status}, so the request has reached it, and something in it broke.", status=status),
        steps=(
            tr(
                "Show `{host}`’s developers this attempt: its time and `webhook-id` lead to the place in their log.",
                host=case.host,
            ),
            *case.comparing(
                tr("Compare with the last good attempt: a field that is new or missing is the usual reason.")
            ),
        ),
    )
