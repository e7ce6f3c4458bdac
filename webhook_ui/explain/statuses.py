"""Why an answer was not the one that was hoped for, by its status; 5xx stand in `failures`."""

from collections.abc import Callable
from urllib.parse import urljoin, urlsplit

from webhook_ui.explain.cases import Case, Explanation, quote
from webhook_ui.explain.failures import explain_failure
from webhook_ui.explain.senders import find_firewall
from webhook_ui.explain.sentences import said
from webhook_ui.languages import mark, tr

_READ = mark("Read what it says about the reason: it stands in the response below.")


def explain_status(case: Case, status: int) -> Explanation:
    """The cause of an answer that is not 2xx."""
    if 300 <= status < 400:
        return _redirect(case, status)
    if status >= 500:
        return explain_failure(case, status)
    if case.is_html and status in (404, 405) and not case.header("allow"):
        return _no_such_page(case, status)
    explainer = _STATUSES.get(status)
    return explainer(case) if explainer else _other(case, status)


def _redirect(case: Case, status: int) -> Explanation:
    lasting = status in (301, 308)
    location = quote(_join(case.url, case.header("location")), 300)
    if not location:
        return Explanation(
            code="redirect_nowhere",
            title=tr("The receiver sends the delivery elsewhere, and does not say where"),
            cause=tr("It answered {status} without a `Location`. Redirects are not followed anyway.", status=status),
            steps=(tr("Ask who runs the receiver for its right address."),),
        )
    if not location.lower().startswith(("http://", "https://")):
        return Explanation(
            code="redirect_nowhere",
            title=tr("The receiver sends the delivery elsewhere, to where none can go"),
            cause=tr(
                "It answered {status} and points to {location}, which is no http or https address.",
                status=status,
                location=location,
            ),
            steps=(tr("Ask who runs the receiver for its right address."),),
        )
    difference = _difference(case.url, location)
    cause = tr(
        "It answered {status} and points to {location}. Redirects are not followed: a signed event should go only "
        "where somebody has decided it goes.",
        status=status,
        location=location,
    )
    return Explanation(
        code="redirect_lasting" if lasting else "redirect_passing",
        title=tr("The receiver sends the delivery elsewhere for good")
        if lasting
        else tr("The receiver sends the delivery elsewhere for now"),
        cause=f"{cause} {difference}".rstrip(),
        steps=(
            tr("Set the webhook's URL to {location}, if that is the right receiver.", location=location)
            if lasting
            else tr("Ask who runs the receiver which address is meant to last, and set it as the webhook's URL."),
            tr(
                "If it points to a page to sign in: the receiver wants credentials. Set them as a "
                "header of the webhook."
            ),
        ),
    )


def _difference(url: str, location: str) -> str:
    try:
        old, new = urlsplit(url), urlsplit(location)
    except ValueError:
        return ""
    same_rest = (old.path.rstrip("/"), old.query) == (new.path.rstrip("/"), new.query)
    if old.hostname != new.hostname or not same_rest:
        return ""
    if old.scheme == "http" and new.scheme == "https":
        return tr("Only the beginning differs: it wants https.")
    if old.path != new.path:
        return tr("Only the slash at the end differs.")
    return ""


def _join(url: str, location: str) -> str:
    try:
        return urljoin(url, location) if location else ""
    except ValueError:
        return location


def _bad_request(case: Case) -> Explanation:
    if "plain http request was sent to https port" in case.body.lower():
        return Explanation(
            code="needs_https",
            title=tr("The receiver serves https at this port, and got plain HTTP"),
            cause=tr("Its proxy said so itself. The request went out unencrypted."),
            steps=(tr("Write `https://` into the URL."),),
        )
    return Explanation(
        code="bad_request",
        title=tr("The receiver finds the request malformed"),
        cause=tr("It answered 400. As a rule it expects other fields, or its check of the signature failed."),
        steps=(
            tr(_READ),
            *case.comparing(tr("Compare with the last good attempt, to see which field is new, gone or different.")),
            tr(
                "If it speaks of the signature: compare the secret, and see that it verifies the body's bytes as they "
                "came, before they are parsed."
            ),
        ),
    )


def _unauthorized(case: Case) -> Explanation:
    wanted = quote(case.header("www-authenticate"), 80)
    return Explanation(
        code="unauthorized",
        title=tr("The receiver does not know who sends"),
        cause=tr("It answered 401: a credential is missing, wrong or expired. It asks for {wanted}.", wanted=wanted)
        if wanted
        else tr("It answered 401: a credential is missing, wrong or expired, or the signature was not accepted."),
        steps=(
            tr("Ask who runs the receiver for the credential, and set it as a header of the webhook."),
            tr("If it verifies signatures: give it the secret that stands on the webhook's page."),
        ),
    )


def _forbidden(case: Case) -> Explanation:
    if (firewall := find_firewall(case)) is not None:
        return Explanation(
            code="firewall",
            title=tr("{firewall} keeps this sender out", firewall=firewall),
            cause=tr(
                "A page for people came back, so the request never reached the application. Such services take "
                "deliveries for robots."
            ),
            steps=(
                tr(
                    "Ask who runs `{host}` to let this path, or this server's address, through {firewall}.",
                    host=case.host,
                    firewall=firewall,
                ),
                tr("It helps them to know the header `user-agent`, as it stands in the request below."),
            ),
        )
    return Explanation(
        code="forbidden",
        title=tr("The receiver refuses this sender"),
        cause=tr("It answered 403: it knows who asks, or does not care, and does not want this."),
        steps=(
            tr(_READ),
            tr(
                "Ask who runs the receiver whether this server's address has to be on a list, and which credential may "
                "do this."
            ),
        ),
    )


def _not_found(_: Case) -> Explanation:
    return Explanation(
        code="not_found",
        title=tr("There is nothing at this path"),
        cause=tr("The server answered 404, so it is up, and does not know this address."),
        steps=(
            tr("Compare the path in the URL with the receiver's documentation, letter by letter."),
            tr("If it worked before: ask who runs the receiver whether it was moved or removed."),
        ),
    )


def _no_such_page(case: Case, status: int) -> Explanation:
    title = case.page_title
    answered = (
        tr("It answered {status} with a page for people (“{title}”).", status=status, title=title)
        if title
        else tr("It answered {status} with a page for people.", status=status)
    )
    belongs = tr("A webhook's receiver would not: this address belongs to a site, or to its proxy.")
    return Explanation(
        code="html_page",
        title=tr("A website answered, not the receiver"),
        cause=f"{answered} {belongs}",
        steps=(
            tr(
                "Compare host and path of the URL with the receiver's documentation: often `api.` or "
                "a prefix is missing."
            ),
            tr("If it worked before: a new version of the site may have taken the path over."),
        ),
    )


def _method(case: Case) -> Explanation:
    allowed = quote(case.header("allow"), 80)
    return Explanation(
        code="method",
        title=tr("The receiver takes no POST here"),
        cause=tr("It answered 405 and takes {allowed}. Deliveries are always POST.", allowed=allowed)
        if allowed
        else tr("It answered 405. Deliveries are always POST."),
        steps=(tr("Compare the path in the URL with the receiver's documentation: this one is for something else."),),
    )


def _request_timeout(_: Case) -> Explanation:
    return Explanation(
        code="request_timeout",
        title=tr("The receiver waited too long for the request"),
        cause=tr("It answered 408: it, or a proxy before it, had not read the whole request in its time."),
        steps=(
            tr("If it happens now and then, nothing needs to be done: the next attempt opens a new connection."),
            tr(
                "If it happens always: the network between is slow, or the receiver's limit is too short for this size."
            ),
        ),
    )


def _conflict(_: Case) -> Explanation:
    return Explanation(
        code="conflict",
        title=tr("The receiver says it has this already, or something that contradicts it"),
        cause=tr("It answered 409. After a timeout that is typical: the first attempt did arrive."),
        steps=(
            tr(_READ),
            tr("If it is a duplicate, cancel the retries. The receiver should answer 2xx to a `webhook-id` it knows."),
        ),
    )


def _gone(_: Case) -> Explanation:
    return Explanation(
        code="gone",
        title=tr("The receiver wants no more deliveries"),
        cause=tr("It answered 410, which says that this address is gone for good."),
        follows=tr("The webhook was disabled and this delivery closed; what waits for it is held."),
        steps=(
            tr("Ask who runs the receiver. If it was meant, delete the webhook."),
            tr("If it was not, or there is a new address: correct the URL, enable the webhook, and redeliver."),
        ),
    )


def _too_large(_: Case) -> Explanation:
    return Explanation(
        code="too_large",
        title=tr("The payload is larger than the receiver takes"),
        cause=tr("It answered 413. It will not change by itself: the next attempt is as large."),
        steps=(
            tr("Ask who runs the receiver to raise its limit (nginx: `client_max_body_size`)."),
            tr("Or let the plugin put less into the payload: ids instead of whole records."),
        ),
    )


def _media_type(_: Case) -> Explanation:
    return Explanation(
        code="media_type",
        title=tr("The receiver does not take JSON here"),
        cause=tr("It answered 415: it expects another `content-type` than `application/json`."),
        steps=(
            tr("Compare the path in the URL with the receiver's documentation: this one may be for uploads or forms."),
            tr("Else the receiver has to learn to take JSON."),
        ),
    )


def _unprocessable(case: Case) -> Explanation:
    return Explanation(
        code="unprocessable",
        title=tr("The receiver understands the request and does not accept what it says"),
        cause=tr("It answered 422: a field's value does not suit it. The same will happen to each further attempt."),
        steps=(
            tr(_READ),
            *case.comparing(tr("Compare with the last good attempt, to see which value is different.")),
            tr("Correct it where the event comes from and fire it anew, or have the receiver mended and redeliver."),
        ),
    )


def _too_many(case: Case) -> Explanation:
    wanted = quote(case.header("retry-after"), 60)
    if wanted:
        return Explanation(
            code="throttled_until",
            title=tr("The receiver is asked too often, and says how long to wait"),
            cause=tr("It answered 429 with `Retry-After: {wanted}`.", wanted=wanted),
            follows=tr("All deliveries to this webhook wait that long, a day at most; then they go on by themselves."),
            steps=(tr("If it happens often, set a rate limit for the webhook: then nothing is refused at all."),),
        )
    return Explanation(
        code="throttled",
        title=tr("The receiver is asked too often"),
        cause=tr("It answered 429 and did not say how long to wait."),
        steps=(
            tr("Set a rate limit for the webhook, a little below what the receiver allows."),
            tr("Ask its developers to send `Retry-After`: then all deliveries wait exactly as long as needed."),
        ),
    )


def _other(case: Case, status: int) -> Explanation:
    return Explanation(
        code="other_status",
        title=tr("The receiver answered {status}", status=status),
        cause=tr("Only 2xx counts as received. {message}.", message=quote(said(case.message), 200)),
        steps=(tr(_READ), tr("Ask who runs the receiver what it means by this status.")),
    )


_STATUSES: dict[int, Callable[[Case], Explanation]] = {
    400: _bad_request,
    401: _unauthorized,
    403: _forbidden,
    404: _not_found,
    405: _method,
    408: _request_timeout,
    409: _conflict,
    410: _gone,
    413: _too_large,
    415: _media_type,
    422: _unprocessable,
    429: _too_many,
}
