"""5xx: whether the application failed, or the proxy before it could not reach it."""

from webhook_ui.explain.cases import SAME, Case, Explanation, quote
from webhook_ui.explain.senders import find_proxy

_CLOUDFLARE = {
    520: "the origin answered with something that Cloudflare could not read",
    521: "the origin refused the connection",
    522: "the origin did not take the connection in time",
    523: "the origin cannot be reached",
    524: "the origin took longer than Cloudflare waits",
    525: "the TLS handshake with the origin failed",
    526: "the origin's certificate is not valid",
    530: "the origin's name cannot be resolved",
}


def explain_failure(case: Case, status: int) -> Explanation:
    """The cause of an answer from 500 on."""
    if status in _CLOUDFLARE and case.header("server").lower().startswith("cloudflare"):
        return _behind(case, "Cloudflare", f"Cloudflare answered {status}: {_CLOUDFLARE[status]}.")
    if status == 503 and case.header("retry-after"):
        return _maintenance(case)
    if status in (502, 503, 504):
        proxy = find_proxy(case)
        if proxy and status == 504:
            return _too_slow(case, proxy)
        if proxy:
            cause = f"{proxy} answered {status} with a page of its own, so the request never reached the application."
            return _behind(case, proxy, cause)
        return _busy(case, status)
    return _broken(case, status)


def _behind(case: Case, proxy: str, cause: str) -> Explanation:
    return Explanation(
        code="proxy",
        title="The receiver’s proxy is up, the application behind it is not",
        cause=cause,
        steps=(
            f"Ask who runs `{case.host}` to restart or scale the application, and to look into the log of {proxy}. "
            f"{SAME}",
        ),
    )


def _too_slow(case: Case, proxy: str) -> Explanation:
    return Explanation(
        code="proxy_timeout",
        title="The application took longer than its proxy waits",
        cause=f"{proxy} answered 504 after {case.duration_ms / 1000:.1f} s. The application may have worked on the "
        "request all the same.",
        steps=(
            "Let the application store the event, answer 2xx at once, and do the work afterwards.",
            f"Ask who runs `{case.host}` whether it is overloaded. {SAME}",
        ),
    )


def _maintenance(case: Case) -> Explanation:
    return Explanation(
        code="maintenance",
        title="The receiver is down for a while, and says for how long",
        cause=f"It answered 503 with `Retry-After: {quote(case.header('retry-after'), 60)}`.",
        follows="All deliveries to this webhook wait that long, a day at most; then they go on by themselves.",
        steps=("Nothing needs to be done, unless it stays so.",),
    )


def _busy(case: Case, status: int) -> Explanation:
    what = {
        502: "something behind it gave no answer that it understood",
        503: "it is overloaded or being restarted",
        504: "something behind it did not answer in time",
    }[status]
    return Explanation(
        code="unavailable",
        title="The receiver cannot take deliveries just now",
        cause=f"It answered {status}: {what}.",
        steps=(f"Ask who runs `{case.host}` to look into the application's log at the time of this attempt. {SAME}",),
    )


def _broken(case: Case, status: int) -> Explanation:
    if status == 501:
        return Explanation(
            code="not_implemented",
            title="The receiver cannot do what is asked",
            cause="It answered 501: as a rule it takes no POST at all at this address.",
            steps=("Compare the path in the URL with the receiver's documentation.",),
        )
    return Explanation(
        code="application",
        title="The application failed while it worked on this",
        cause=f"It answered {status}, so the request has reached it, and something in it broke.",
        steps=(
            f"Show `{case.host}`’s developers this attempt: its time and `webhook-id` lead to the place in their log.",
            "Compare with the last good attempt: a field that is new or missing is the usual reason.",
        ),
    )
