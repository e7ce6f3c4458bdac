"""Why an attempt failed before there was an answer: its class, and a sentence for people."""

import errno
import ssl

import aiohttp
from aiohttp.http import HttpProcessingError

from webhook_ui import answers, guard
from webhook_ui.dialling import CONNECT_SECONDS, Trip
from webhook_ui.transport import INTERIM_ANSWERS, TooManyInterimAnswers
from webhook_ui.wire import ErrorClass

_TLS_RECORDS = (r"b'\x15\x03", r"b'\x16\x03\x03")  # how aiohttp shows an alert, or a greeting, that it took for HTTP


def classify(error: Exception, trip: Trip) -> ErrorClass:
    """Where it failed. The order matters: aiohttp's errors are often several of these at once."""
    if trip.refusal:
        return ErrorClass.blocked
    if _tls_fault(error) is not None:
        return ErrorClass.tls
    if isinstance(error, TimeoutError):
        return ErrorClass.timeout
    if _is_of_proxy(trip) or isinstance(error, aiohttp.ClientConnectorError):
        return _classify_connecting(error, trip)
    return ErrorClass.protocol


def _classify_connecting(error: Exception, trip: Trip) -> ErrorClass:
    if _is_of_proxy(trip):
        return ErrorClass.connect
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return ErrorClass.dns
    return ErrorClass.tls if trip.is_tls and trip.dialled else ErrorClass.connect


def _is_of_proxy(trip: Trip) -> bool:
    """Whether it failed between this server and its proxy, or at the proxy, before there was a way to the target."""
    return trip.proxy is not None and trip.connected is None and not trip.tunnelled


def explain(kind: ErrorClass, error: Exception, trip: Trip, target: guard.Target, timeout: float) -> str:
    """A sentence that says what went wrong and what to do."""
    match kind:
        case ErrorClass.blocked:
            return f"{'' if target.address else f'The name {target.host} leads to this address: '}{trip.refusal}"
        case ErrorClass.dns:
            return _explain_dns(error, target)
        case ErrorClass.tls:
            return _explain_tls(_tls_fault(error), target)
        case ErrorClass.timeout:
            return _explain_timeout(trip, target, timeout)
        case ErrorClass.connect:
            return _explain_connect(error, target) if trip.proxy is None else _explain_proxy(error, trip.proxy)
        case _:
            return _explain_protocol(error, target)


def _explain_dns(error: Exception, target: guard.Target) -> str:
    cause = error.os_error if isinstance(error, aiohttp.ClientConnectorDNSError) else error
    text = f"The name {target.host} cannot be resolved ({_words(cause)})."
    return f"{text} Correct the URL, or check this server's name service."


def explain_proxy_status(status: int, proxy: str) -> str:
    """A sentence for a refusal by the proxy at `proxy`."""
    if status == 407:
        return (
            f"The proxy {proxy} wants other credentials (407). "
            "Put a user and a password that it knows into WEBHOOK_UI_OUTBOUND_PROXY."
        )
    return f"The proxy {proxy} put no connection through ({status}). Look for the reason in the proxy's log."


def _explain_proxy(error: Exception, proxy: str) -> str:
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return explain_proxy_status(error.status, proxy)
    cause = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    return (
        f"The proxy {proxy} cannot be used ({_words(cause)}). "
        "Check that it runs and takes connections from this server, or correct WEBHOOK_UI_OUTBOUND_PROXY."
    )


def _words(error: Exception) -> str:
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return answers.one_line(text.partition("\n")[0]) or type(error).__name__


def _tls_fault(error: Exception) -> ssl.SSLError | None:
    chain = (error.__cause__, error)
    return next((fault for fault in chain if isinstance(fault, ssl.SSLError)), None)


def _explain_tls(fault: ssl.SSLError | None, target: guard.Target) -> str:
    if fault is None:
        return f"{target.place} broke off the TLS handshake. Check that it serves https, with TLS 1.2 or 1.3."
    if not isinstance(fault, ssl.SSLCertVerificationError):
        if fault.reason in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE"):
            return f"{target.place} does not speak TLS. Use http:// in the URL, or the port that serves https."
        return f"The TLS handshake with {target.place} failed ({_words(fault)}). Check the receiver's TLS settings."
    what = answers.one_line(fault.verify_message)
    if fault.verify_code == 10:
        return f"The certificate of {target.host} has expired. The receiver must renew it."
    if fault.verify_code in (62, 64):
        return f"The certificate shown at {target.place} is not for {target.host} ({what}). Correct one of the two."
    return (
        f"The certificate of {target.host} is not trusted here ({what}). Use one of a known authority at the receiver, "
        "or name a file with its authority in SSL_CERT_FILE."
    )


def _explain_timeout(trip: Trip, target: guard.Target, timeout: float) -> str:
    if _is_of_proxy(trip):
        return f"The proxy {trip.proxy} put no connection through in time. Check the proxy, and what it can reach."
    if trip.looked_up_from is not None and trip.looked_up is None:
        return f"No name server told the address of {target.host} in time. Check this server's name service."
    if trip.connected is None and trip.dialled_from is not None:
        limit = min(timeout, CONNECT_SECONDS)
        step = "TLS handshake" if trip.dialled else "connection"
        return f"No {step} with {target.place} within {limit:g} s. Check the receiver, and the firewalls between."
    return (
        f"No answer from {target.place} within {timeout:g} s; it may have got the delivery all the same. "
        "Let the receiver answer first and work afterwards."
    )


def _explain_connect(error: Exception, target: guard.Target) -> str:
    cause = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    number = getattr(cause, "errno", None)
    if number == errno.ECONNREFUSED:
        return f"Nothing listens at {target.place} (connection refused). Start the receiver or correct the URL."
    if number in (errno.ENETUNREACH, errno.EHOSTUNREACH):
        return f"There is no way to {target.place} ({_words(cause)}). Check the URL and this server's network."
    if number in (errno.EMFILE, errno.ENFILE):
        return "This server has too many open files to connect. Raise its limit (ulimit -n) or lower CONCURRENCY."
    return f"No connection to {target.place} ({_words(cause)}). Check the receiver and the URL."


def _explain_protocol(error: Exception, target: guard.Target) -> str:
    if isinstance(error, HttpProcessingError):
        if any(record in error.message for record in _TLS_RECORDS):
            return f"{target.place} speaks TLS, and the URL says http. Write https:// into the URL."
        what = answers.one_line(error.message.partition("\n")[0])
        return f"What {target.place} answered is not valid HTTP ({what}). Check that a web server listens there."
    if isinstance(error, TooManyInterimAnswers):
        return f"{target.place} sent more than {INTERIM_ANSWERS} interim answers (1xx) and no final one."
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return f"{target.place} closed the connection without an answer. Look for a crash in the receiver's log."
    if isinstance(error, OSError):
        return f"{target.place} broke the connection off ({_words(error)}). Look for a crash in the receiver's log."
    return f"The exchange with {target.place} failed ({type(error).__name__}: {_words(error)})."
