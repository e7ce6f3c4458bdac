"""Why TLS did not come about: the certificate, the version, the handshake."""

import re
from collections.abc import Callable

from webhook_ui.explain.cases import SAME, Case, Explanation, quote
from webhook_ui.explain.sentences import said
from webhook_ui.languages import tr


def explain_tls(case: Case) -> Explanation:
    """The cause of an attempt that ended before there was a safe connection."""
    explainer = next((explainer for words, explainer in _RULES if re.search(words, case.message)), _handshake)
    return explainer(case)


def _expired(case: Case) -> Explanation:
    return Explanation(
        code="certificate_expired",
        title=tr("The receiver's certificate has expired"),
        cause=tr(
            "`{host}` shows a certificate whose time is over, so the connection was ended before anything was sent.",
            host=case.host,
        ),
        steps=(
            tr(
                "Ask who runs `{host}` to renew it, and to find out why the renewal did not run. {same}",
                host=case.host,
                same=tr(SAME),
            ),
            tr("See that the server was reloaded after the renewal: many go on showing the old one until then."),
        ),
    )


def _not_yet_valid(case: Case) -> Explanation:
    return Explanation(
        code="certificate_early",
        title=tr("The receiver's certificate is not valid yet"),
        cause=tr("The certificate of `{host}` begins in the future.", host=case.host),
        steps=(
            tr("Check the clock of this server."),
            tr("If it is right, ask who runs `{host}` for another one.", host=case.host),
        ),
    )


def _wrong_host(case: Case) -> Explanation:
    return Explanation(
        code="certificate_host",
        title=tr("The certificate is for another name"),
        cause=tr(
            "What answers at `{host}` shows a certificate that does not name it, so nothing was sent.", host=case.host
        ),
        steps=(
            tr("If the URL holds an address, or an old name, write the name that the certificate has."),
            tr(
                "Else ask who runs the receiver for a certificate that covers `{host}`. Often it is a "
                "proxy that does not know this name and shows its default one.",
                host=case.host,
            ),
        ),
    )


def _self_signed(case: Case) -> Explanation:
    return Explanation(
        code="certificate_self_signed",
        title=tr("The receiver's certificate is signed by itself"),
        cause=tr("Nobody vouches for the certificate of `{host}`, so nothing was sent.", host=case.host),
        steps=(
            tr("Let the receiver use a certificate of a known authority; Let's Encrypt gives them for nothing."),
            tr(
                "If it is your own receiver: name a file with this certificate in `SSL_CERT_FILE` "
                "where Webhook UI runs."
            ),
        ),
    )


def _unknown_issuer(case: Case) -> Explanation:
    return Explanation(
        code="certificate_issuer",
        title=tr("The receiver's certificate comes from an authority that is not known here"),
        cause=tr(
            "The certificate of `{host}` leads to no authority that this server trusts, so nothing was sent.",
            host=case.host,
        ),
        steps=(
            tr(
                "Ask who runs the receiver whether it sends the intermediate certificates too. "
                "Browsers find missing ones "
                "by themselves, so it may look right there."
            ),
            tr("If it is your company's own authority: name a file with it in `SSL_CERT_FILE` where Webhook UI runs."),
        ),
    )


def _no_tls(case: Case) -> Explanation:
    return Explanation(
        code="no_tls",
        title=tr("https is asked for, and the receiver speaks plain HTTP"),
        cause=tr("What `{host}` said at this port is no TLS.", host=case.host),
        steps=(tr("Write the port that serves https into the URL, or `http://` where that is meant."),),
    )


def _tls_version(case: Case) -> Explanation:
    return Explanation(
        code="tls_version",
        title=tr("The receiver speaks no TLS that is safe"),
        cause=tr(
            "`{host}` and this server have no version of TLS in common: here it is 1.2 and 1.3, older ones are broken.",
            host=case.host,
        ),
        steps=(tr("Ask who runs `{host}` to switch on TLS 1.2 or 1.3. {same}", host=case.host, same=tr(SAME)),),
    )


def _handshake(case: Case) -> Explanation:
    return Explanation(
        code="tls_handshake",
        title=tr("The TLS handshake failed"),
        cause=quote(said(case.message), 600),
        steps=(
            tr("Check that this port serves https."),
            tr(
                "Ask who runs `{host}` about its TLS settings: ciphers, and whether it wants a client's certificate.",
                host=case.host,
            ),
        ),
    )


_RULES: tuple[tuple[str, Callable[[Case], Explanation]], ...] = (
    (" has expired", _expired),
    ("not yet valid", _not_yet_valid),
    (r"^The certificate shown ", _wrong_host),
    (r"\(self[- ]signed certificate\)", _self_signed),
    (" is not trusted here ", _unknown_issuer),
    (" does not speak TLS", _no_tls),
    # the last is how Debian's OpenSSL puts it: what signs in TLS 1.0 and 1.1 is refused before their version is
    (r"(?i)protocol.version|unsupported.protocol|no protocols available|version too low|legacy.sigalg", _tls_version),
)
