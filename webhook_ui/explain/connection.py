"""Why there was no answer at all. What went wrong is told by the engine's own sentences, see `faults`."""

import re
from collections.abc import Callable

from webhook_ui.explain.cases import Case, Explanation, quote
from webhook_ui.explain.sentences import said
from webhook_ui.explain.tls import explain_tls
from webhook_ui.languages import mark, number, tr

_LOG = mark("Look into the receiver's log at the time of this attempt: it may have crashed, or a proxy cut it off.")


def explain_silence(case: Case) -> Explanation:
    """The cause of an attempt without an answer."""
    for kind, words, explainer in _RULES:
        if case.error_class == kind and re.search(words, case.message):
            return explainer(case)
    return Explanation(
        code="other",
        title=tr("No answer came"),
        cause=quote(said(case.message), 600) or tr("Nothing more is known of it."),
        steps=(tr("Check the URL, and whether the receiver runs."),),
    )


def _name_not_found(case: Case) -> Explanation:
    return Explanation(
        code="name_not_found",
        title=tr("There is no server named {host}", host=case.host),
        cause=tr("The name service knows no address for `{host}`, so nothing was sent.", host=case.host),
        steps=(
            tr("Look for a typing error in the URL, and correct it."),
            tr(
                "If it is right: ask who owns `{host}` whether its DNS entry was removed, or is not published yet.",
                host=case.host,
            ),
        ),
    )


def _name_service_failed(case: Case) -> Explanation:
    return Explanation(
        code="name_service",
        title=tr("This server's name service does not answer"),
        cause=tr(
            "The address of `{host}` could not be asked for just now. That is no fault of the receiver.", host=case.host
        ),
        steps=(
            tr("See whether other webhooks fail in the same way: then it is this server's network or its resolver."),
            tr("On this server, try `getent hosts {host}`, and check `/etc/resolv.conf`.", host=case.host),
        ),
    )


def _refused(case: Case) -> Explanation:
    return Explanation(
        code="refused",
        title=tr("Nothing listens there"),
        cause=tr(
            "The machine of `{host}` is up, but refused the connection: no program listens on that port.",
            host=case.host,
        ),
        steps=(
            tr("Start the receiver, or ask who runs it to do so."),
            tr(
                "If it runs: compare the port in the URL with the one it listens on, and see that it "
                "listens on more than "
                "its own loopback address."
            ),
        ),
    )


def _unreachable(case: Case) -> Explanation:
    return Explanation(
        code="unreachable",
        title=tr("There is no way to the receiver"),
        cause=tr("The network knows no route to `{host}`, or a router on the way said so.", host=case.host),
        steps=(
            tr("See whether other webhooks get through: if none does, this server's own network is down."),
            tr("If the others do: check the address in the URL, the receiver's network, and a VPN that may be needed."),
        ),
    )


def _too_many_files(_: Case) -> Explanation:
    return Explanation(
        code="too_many_files",
        title=tr("This server has no sockets left"),
        cause=tr("It may open no more files, and each connection is one. That is no fault of the receiver."),
        steps=(tr("Raise the limit of open files (`ulimit -n`) for this server, or lower `WEBHOOK_UI_CONCURRENCY`."),),
    )


def _no_connection(case: Case) -> Explanation:
    return Explanation(
        code="no_connection",
        title=tr("No connection came about"),
        cause=quote(said(case.message), 600),
        steps=(tr("Check that the receiver runs, and the URL."),),
    )


def _own_proxy(case: Case) -> Explanation:
    return Explanation(
        code="own_proxy",
        title=tr("The proxy of this server put no connection through"),
        cause=tr("{message} The receiver was not asked.", message=quote(said(case.message), 600)),
        steps=(
            tr("See that the proxy named in `WEBHOOK_UI_OUTBOUND_PROXY` runs and takes this server's credentials."),
            tr("Look into the proxy's log: its rules may not allow `{host}`.", host=case.host),
        ),
    )


def _connect_timeout(case: Case) -> Explanation:
    return Explanation(
        code="connect_timeout",
        title=tr("The receiver does not pick up"),
        cause=tr(
            "No connection to `{host}` came about in time, and nobody refused it either. Nothing was "
            "sent. As a rule a firewall drops what comes from here, or the machine is off or "
            "overloaded.",
            host=case.host,
        ),
        steps=(
            tr("Ask who runs the receiver whether it is up, and whether its firewall lets this server's address in."),
            tr("Check the port in the URL."),
        ),
    )


def _tls_timeout(case: Case) -> Explanation:
    return Explanation(
        code="tls_timeout",
        title=tr("The TLS handshake was never finished"),
        cause=tr("`{host}` took the connection and then said nothing. Nothing was sent.", host=case.host),
        steps=(
            tr("Check that this port serves https: a port of plain HTTP waits for a request that never comes."),
            tr("If it does, the receiver or the proxy before it is overloaded: ask who runs it."),
        ),
    )


def _no_answer(case: Case) -> Explanation:
    return Explanation(
        code="no_answer",
        title=tr("The receiver took the request and did not answer in time"),
        cause=tr(
            "`{host}` was connected, got the request, and was still silent after {seconds} s. It "
            "may have worked on it all the same, so the next attempt may be a duplicate: the header "
            "`webhook-id` tells.",
            host=case.host,
            seconds=number(case.duration_ms / 1000, 1),
        ),
        steps=(
            tr("Let the receiver store the event, answer 2xx at once, and do the work afterwards."),
            tr("If it cannot be made quicker, raise this webhook's timeout."),
        ),
    )


def _blocked(case: Case) -> Explanation:
    return Explanation(
        code="blocked",
        title=tr("This address is not allowed for deliveries"),
        cause=tr(
            "{message} The guard keeps deliveries from reaching what is not public, because whoever "
            "enters a URL could otherwise talk to your inner network. Nothing was sent.",
            message=quote(said(case.message), 600),
        ),
        steps=(
            tr("If the URL, or where its name leads, is a mistake: correct it."),
            tr("If the receiver is yours and meant to be reached: allow its network, and restart."),
        ),
    )


def _bad_url(case: Case) -> Explanation:
    return Explanation(
        code="url",
        title=tr("Nothing can be sent to this URL"),
        cause=quote(said(case.message), 600),
        steps=(tr("Correct the URL of the webhook."),),
    )


def _speaks_tls(case: Case) -> Explanation:
    return Explanation(
        code="speaks_tls",
        title=tr("The receiver speaks TLS where http is asked for"),
        cause=tr("What `{host}` answered is the beginning of TLS, not HTTP.", host=case.host),
        steps=(tr("Write `https://` into the URL."),),
    )


def _invalid_http(case: Case) -> Explanation:
    return Explanation(
        code="invalid_http",
        title=tr("What came back is not HTTP"),
        cause=quote(said(case.message), 600),
        steps=(
            tr("Check the port in the URL: another kind of program may listen there."),
            tr("If it is the right one, the receiver writes broken answers: show its developers the message above."),
        ),
    )


def _interim(case: Case) -> Explanation:
    return Explanation(
        code="interim",
        title=tr("The receiver announced an answer and never gave it"),
        cause=quote(said(case.message), 600),
        steps=(tr("Tell the receiver's developers: after interim answers (1xx) a final one has to come."),),
    )


def _empty(case: Case) -> Explanation:
    return Explanation(
        code="empty",
        title=tr("The receiver hung up without an answer"),
        cause=tr(
            "`{host}` took the request and closed the connection before a complete answer. It may "
            "have worked on it all the same.",
            host=case.host,
        ),
        steps=(tr(_LOG), tr("See whether it closes idle connections early: then the next attempt gets through.")),
    )


def _reset(case: Case) -> Explanation:
    return Explanation(
        code="reset",
        title=tr("The connection was reset before an answer"),
        cause=tr(
            "`{host}`, or something on the way, broke the connection off. It may have worked on the "
            "request all the same.",
            host=case.host,
        ),
        steps=(tr(_LOG), tr("If nothing stands there, ask who runs the firewall or load balancer on the way.")),
    )


def _template(case: Case) -> Explanation:
    return Explanation(
        code="template",
        title="The webhook's template gave no body",
        cause=quote(case.message, 600),
        steps=(
            "Open the webhook's tab Settings, edit filter and body, and choose this event's trigger there: the preview "
            "shows what goes wrong.",
            "Then redeliver. The receiver needs no change; it was not asked.",
        ),
    )


def _plugin(case: Case) -> Explanation:
    return Explanation(
        code="plugin",
        title=tr("It failed here, before anything was sent"),
        cause=quote(said(case.message), 600),
        steps=(
            tr("Correct what the message names: a plugin, or a setting of this webhook such as its secret."),
            tr("The receiver needs no change; it was not asked."),
        ),
    )


def _crash(case: Case) -> Explanation:
    return Explanation(
        code="crash",
        title=tr("The dispatcher broke off each time it tried this delivery"),
        cause=tr("{message} Its neighbours lost nothing by it.", message=quote(said(case.message), 600)),
        steps=(
            tr(
                "Look into the server's log for why its process ended: killed for want of memory, or "
                "a plugin that takes "
                "the process with it."
            ),
        ),
        follows=tr("It was closed, so that it does no more harm."),
    )


_RULES: tuple[tuple[str, str, Callable[[Case], Explanation]], ...] = (
    ("dns", r"\((?:Temporary failure|System error|Try again)", _name_service_failed),
    ("dns", "", _name_not_found),
    ("connect", "^The proxy ", _own_proxy),
    ("connect", r"^Nothing listens ", _refused),
    ("connect", r"^There is no way ", _unreachable),
    ("connect", r"too many open files", _too_many_files),
    ("connect", "", _no_connection),
    ("timeout", "^The proxy ", _own_proxy),
    ("timeout", "^No name server ", _name_service_failed),
    ("timeout", "^No connection ", _connect_timeout),
    ("timeout", "^No TLS handshake ", _tls_timeout),
    ("timeout", "", _no_answer),
    ("tls", "", explain_tls),
    ("blocked", "deliveries to it are blocked", _blocked),
    ("blocked", "", _bad_url),
    ("protocol", " speaks TLS, ", _speaks_tls),
    ("protocol", "not valid HTTP", _invalid_http),
    ("protocol", "interim answers", _interim),
    ("protocol", "closed the connection without", _empty),
    ("protocol", "broke the connection off", _reset),
    ("plugin", r"The template \(", _template),
    ("plugin", "", _plugin),
    ("crash", "", _crash),
)
