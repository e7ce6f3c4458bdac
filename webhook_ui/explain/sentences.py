"""The engine's sentences, which are stored in English, in the reader's language: of attempts, receivers, filters."""

from webhook_ui.explain.expression_sentences import EXPRESSIONS
from webhook_ui.languages import mark, tr_known

_BLOCKED = (
    mark("The name {host} leads to this address: {address} {words}, and deliveries to it are blocked. {way_out}"),
    mark("{address} {words}, and deliveries to it are blocked. {way_out}"),
)
_WHERE = (
    mark("is this server itself"),
    mark("means this server itself"),
    mark("is in a private network"),
    mark("is in a reserved network"),
    mark("is in a link-local network, where clouds keep their machines' credentials"),
    mark("is a multicast address"),
    mark("is in a network for documentation"),
    mark("is in a provider's shared network"),
    mark("is a cloud's own service for its machines"),
    mark("is in a network for measurements"),
    mark("is in a network that translates to IPv4"),
    mark("is in a network that tunnels to IPv4"),
    mark("To try it with listen, start with --allow-loopback."),
    mark("To allow it, add {network} to {option}."),
    mark("To allow it, set {option}={network}."),
)
_NAMES = (
    mark("The name {host} cannot be resolved ({reason}). Correct the URL, or check this server's name service."),
    mark("No name server told the address of {host} in time. Check this server's name service."),
)
_PROXY = (
    mark(
        "The proxy {proxy} wants other credentials (407). Put a user and a password that it knows into "
        "WEBHOOK_UI_OUTBOUND_PROXY."
    ),
    mark("The proxy {proxy} put no connection through ({status}). Look for the reason in the proxy's log."),
    mark(
        "The proxy {proxy} cannot be used ({reason}). Check that it runs and takes connections from this server, or "
        "correct WEBHOOK_UI_OUTBOUND_PROXY."
    ),
    mark("The proxy {proxy} put no connection through in time. Check the proxy, and what it can reach."),
)
_TLS = (
    mark("{place} broke off the TLS handshake. Check that it serves https, with TLS 1.2 or 1.3."),
    mark("{place} does not speak TLS. Use http:// in the URL, or the port that serves https."),
    mark("The TLS handshake with {place} failed ({reason}). Check the receiver's TLS settings."),
    mark("The certificate of {host} has expired. The receiver must renew it."),
    mark("The certificate shown at {place} is not for {host} ({reason}). Correct one of the two."),
    mark(
        "The certificate of {host} is not trusted here ({reason}). Use one of a known authority at the receiver, or "
        "name a file with its authority in SSL_CERT_FILE."
    ),
)
_CONNECTION = (
    mark("No connection with {place} within {seconds} s. Check the receiver, and the firewalls between."),
    mark("No TLS handshake with {place} within {seconds} s. Check the receiver, and the firewalls between."),
    mark(
        "No answer from {place} within {seconds} s; it may have got the delivery all the same. Let the receiver answer "
        "first and work afterwards."
    ),
    mark("Nothing listens at {place} (connection refused). Start the receiver or correct the URL."),
    mark("There is no way to {place} ({reason}). Check the URL and this server's network."),
    mark("This server has too many open files to connect. Raise its limit (ulimit -n) or lower CONCURRENCY."),
    mark("No connection to {place} ({reason}). Check the receiver and the URL."),
)
_PROTOCOL = (
    mark("{place} speaks TLS, and the URL says http. Write https:// into the URL."),
    mark("What {place} answered is not valid HTTP ({reason}). Check that a web server listens there."),
    mark("{place} sent more than {count} interim answers (1xx) and no final one."),
    mark("{place} closed the connection without an answer. Look for a crash in the receiver's log."),
    mark("{place} broke the connection off ({reason}). Look for a crash in the receiver's log."),
    mark("The exchange with {place} failed ({reason})."),
)
_CRASH = mark(
    "Sending this ended {count} times without a result: the process that sent it stopped each time. "
    "Look for crashes in "
    "the server's log, then redeliver."
)
_ANSWERS = (
    mark("{status} to {url}: redirects are not followed; set the URL to the final address"),
    mark("{status}, asked to wait {seconds} s"),
    mark("{status}: the receiver wants credentials; set them as a header of the webhook"),
    mark("{status}: the receiver refuses this sender; check its credentials and allow list"),
    mark("{status}: check the path of the URL"),
    mark("{status}: the receiver takes no POST here; check the path of the URL"),
    mark("{status}: the receiver wants no more deliveries"),
    mark("{status}: the payload is larger than the receiver takes"),
)
_RECEIVERS = (
    mark("{failed} of the last {total} attempts failed; last: {cause}"),
    mark("Still down after 1 probe; last: {cause}"),
    mark("Still down after {count} probes; last: {cause}"),
    mark("Nothing was delivered since {moment} UTC: every attempt of five days failed; last: {cause}."),
    mark("Its receiver answered 410 Gone: it wants no more events."),
)
PLUGINS = (
    mark("Plugin {plugin}: {work} took longer than {seconds} s."),
    mark("Plugin {plugin}: {work} was cancelled."),
    mark("Plugin {plugin}: {work} raised {cause}"),
    mark(
        "Plugin {plugin}: Switched off: {count} calls of it never ended, the last one of {work}. Put a time limit on "
        "what it waits for, and what blocks into asyncio.to_thread; then start the server again."
    ),
    mark(
        "Switched off: {count} calls of it never ended, the last one of {work}. Put a time limit on what it waits for, "
        "and what blocks into asyncio.to_thread; then start the server again."
    ),
)
_KNOWN = (
    *_RECEIVERS,
    *_ANSWERS,
    *_CONNECTION,
    *_NAMES,
    *_TLS,
    *_PROTOCOL,
    *_PROXY,
    *_BLOCKED,
    *_WHERE,
    _CRASH,
    *PLUGINS,
    *EXPRESSIONS,
)


def said(message: str) -> str:
    """`message` in the reader's language; as it is where it is none of the engine's."""
    return tr_known(message, _KNOWN)
