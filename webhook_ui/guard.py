"""Where deliveries may go: URLs and addresses are judged here. Pure: nothing is resolved or dialled."""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import quote

from webhook_ui.errors import Invalid
from webhook_ui.languages import mark, tr

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address

OPTION = "WEBHOOK_UI_ALLOWED_NETWORKS"
URL_CHARACTERS = 2048


@dataclass(frozen=True, kw_only=True)
class Policy:
    """What the operator allows; `allowed_networks` may be reached although they are not public."""

    allowed_networks: tuple[Network, ...] = ()
    require_https: bool = False


@dataclass(frozen=True, kw_only=True)
class Target:
    """A URL that was judged, in parts; `address` is None when the host is a name, `resource` is path and query."""

    scheme: str
    host: str
    port: int
    address: Address | None
    resource: str

    @property
    def place(self) -> str:
        """Host and port as people write them."""
        return f"{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"

    @property
    def url(self) -> str:
        """The one spelling of this target, which every library reads alike."""
        return f"{self.scheme}://{self.place}{self.resource}"


def _table(*rows: tuple[str, str]) -> tuple[tuple[Network, str], ...]:
    return tuple((ip_network(network), words) for network, words in rows)


_ITSELF = mark("is this server itself")
_PRIVATE = mark("is in a private network")
_RESERVED = mark("is in a reserved network")
_LINK = mark("is in a link-local network, where clouds keep their machines' credentials")
_LISTENERS = mark("is a multicast address")
_EXAMPLES = mark("is in a network for documentation")

# `ipaddress.is_global` differs between versions of Python and is wrong for dozens of addresses, hence own tables.
_BLOCKED_4 = _table(
    ("127.0.0.0/8", _ITSELF),
    ("0.0.0.0/8", mark("means this server itself")),
    ("10.0.0.0/8", _PRIVATE),
    ("172.16.0.0/12", _PRIVATE),
    ("192.168.0.0/16", _PRIVATE),
    ("100.64.0.0/10", mark("is in a provider's shared network")),
    ("169.254.0.0/16", _LINK),
    ("168.63.129.16/32", mark("is a cloud's own service for its machines")),
    ("192.0.0.0/24", _RESERVED),
    ("192.0.2.0/24", _EXAMPLES),
    ("192.31.196.0/24", _RESERVED),
    ("192.52.193.0/24", _RESERVED),
    ("192.88.99.0/24", _RESERVED),
    ("192.175.48.0/24", _RESERVED),
    ("198.18.0.0/15", mark("is in a network for measurements")),
    ("198.51.100.0/24", _EXAMPLES),
    ("203.0.113.0/24", _EXAMPLES),
    ("224.0.0.0/4", _LISTENERS),
    ("240.0.0.0/4", _RESERVED),
)
_BLOCKED_6 = _table(
    ("::1/128", _ITSELF),
    ("::/128", mark("means this server itself")),
    ("64:ff9b::/96", mark("is in a network that translates to IPv4")),
    ("64:ff9b:1::/48", mark("is in a network that translates to IPv4")),
    ("100::/64", _RESERVED),
    ("fc00::/7", _PRIVATE),
    ("fe80::/10", _LINK),
    ("fec0::/10", _PRIVATE),
    ("ff00::/8", _LISTENERS),
    ("2001::/23", _RESERVED),
    ("2001:db8::/32", _EXAMPLES),
    ("2002::/16", mark("is in a network that tunnels to IPv4")),
    ("3fff::/20", _EXAMPLES),
    ("2620:4f:8000::/48", _RESERVED),
    ("::/8", _RESERVED),
    ("5f00::/16", _RESERVED),
)
_PUBLIC_6 = IPv6Network("2000::/3")
_MAPPED = IPv6Network("::ffff:0:0/96")
_LOOPBACK = (IPv4Address("127.0.0.1"), IPv6Address("::1"))


def parse_networks(text: str) -> tuple[Network, ...]:
    """The networks of a comma separated list. Raises ValueError that names the wrong one."""
    return tuple(_network(part.strip()) for part in text.split(",") if part.strip())


def _network(text: str) -> Network:
    if "%" in text:
        raise ValueError(f"{text!r} names a network interface; deliveries never use one")
    try:
        network = ip_network(text)
    except ValueError:
        try:
            nearest = f"; did you mean {ip_network(text, strict=False)}?"
        except ValueError:
            nearest = ", for example 10.0.0.0/8 or ::1/128"
        raise ValueError(f"{text!r} is not a network in CIDR form{nearest}") from None
    if isinstance(network, IPv6Network) and network.subnet_of(_MAPPED):
        mapped = network.network_address.ipv4_mapped
        return IPv4Network((str(mapped), network.prefixlen - 96))
    return network


def check_address(address: str | Address, policy: Policy) -> str | None:
    """None if deliveries may go to `address`, else the reason as a sentence. Anything but an address is refused."""
    try:
        judged = ip_address(address)
    except ValueError:
        return tr("{address} is not an IP address.", address=shown(str(address)))
    if isinstance(judged, IPv4Address):
        return _judge_table(judged, policy, _BLOCKED_4)
    if judged.scope_id is not None:
        return tr(
            "{address} names a network interface of this server, and deliveries to it are blocked.", address=judged
        )
    if judged.ipv4_mapped is not None:
        return _judge_inner(judged, judged.ipv4_mapped, policy)
    if reason := _judge_table(judged, policy, _BLOCKED_6):
        return reason
    reasons = (_judge_inner(judged, inner, policy) for inner in _embedded(judged))
    return next((reason for reason in reasons if reason), None)


def _judge_table(address: Address, policy: Policy, table: tuple[tuple[Network, str], ...]) -> str | None:
    if any(address in network for network in policy.allowed_networks):
        return None
    for network, words in table:
        if address in network:
            return tr(
                "{address} {words}, and deliveries to it are blocked. {way_out}",
                address=address,
                words=tr(words),
                way_out=_way_out(network, policy),
            )
    if isinstance(address, IPv6Address) and address not in _PUBLIC_6:
        return tr("{address} {words}, and deliveries to it are blocked.", address=address, words=tr(_RESERVED))
    return None


def _judge_inner(outer: IPv6Address, inner: IPv4Address, policy: Policy) -> str | None:
    reason = _judge_table(inner, policy, _BLOCKED_4)
    return reason and tr("{outer} leads to {inner}. {reason}", outer=outer, inner=inner, reason=reason)


def _way_out(network: Network, policy: Policy) -> str:
    if network.is_loopback:
        return tr("To try it with listen, start with --allow-loopback.")
    if policy.allowed_networks:
        return tr("To allow it, add {network} to {option}.", network=network, option=OPTION)
    return tr("To allow it, set {option}={network}.", option=OPTION, network=network)


def _embedded(address: IPv6Address) -> Iterator[IPv4Address]:
    """The IPv4 addresses to which a tunnel or translator would bring what is sent to `address`."""
    number = int(address)
    low = number & 0xFFFF_FFFF
    if number >> 32 == 0 and low > 1:  # IPv4-compatible
        yield IPv4Address(low)
    if address.sixtofour is not None:
        yield address.sixtofour
    if address.teredo is not None:
        yield from address.teredo
    if number >> 32 == 0x0064_FF9B << 64:
        yield IPv4Address(low)
    if number >> 80 == 0x0064_FF9B_0001:  # RFC 6052: at the end, or around bits 64 to 71
        around = (number >> 64 & 0xFFFF) << 16 | number >> 40 & 0xFFFF
        yield from (IPv4Address(inner) for inner in (low, around) if inner)
    if number >> 32 & 0xFCFF_FFFF == 0x0000_5EFE:  # ISATAP
        yield IPv4Address(low)


_URL = re.compile(r"(https?)://([^/?]*)(.*)", re.IGNORECASE)
_AUTHORITY = re.compile(r"(\[[^\[\]]*\]|[^:\[\]]*)(:[0-9]{1,5})?")
_NAME = re.compile(r"(?:(?!-)[a-z0-9_-]{1,63}(?<!-)\.)*(?!-)[a-z0-9_-]{1,63}(?<!-)\.?")
_NUMBER_AT_END = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)\.?")
_LOCAL = re.compile(r"(?:.*\.)?localhost\.?")
_ODD = frozenset({"Cc", "Cf", "Cs", "Zs", "Zl", "Zp"})


def check_url(url: str, policy: Policy) -> Target:
    """The target of `url`. Raises Invalid with the field `url`, if it is malformed or may not be reached."""
    scheme, authority, rest = _split(url)
    if policy.require_https and scheme != "https":
        raise _invalid(tr("The URL must start with https://, because WEBHOOK_UI_REQUIRE_HTTPS is set."))
    match = _AUTHORITY.fullmatch(authority)
    if match is None:
        raise _invalid(tr("The part after // must be a host, with a port if needed, for example example.com:8443."))
    host, address = _read_host(match[1])
    port = int(match[2][1:]) if match[2] else {"http": 80, "https": 443}[scheme]
    if not 1 <= port <= 65535:
        raise _invalid(tr("The port {port} does not exist: ports go from 1 to 65535.", port=port))
    if address is not None and (reason := check_address(address, policy)):
        raise _invalid(reason)
    if _LOCAL.fullmatch(host) and all(check_address(itself, policy) for itself in _LOOPBACK):
        way_out = _way_out(_BLOCKED_4[0][0], policy)
        raise _invalid(
            tr(
                "{host} {words}, and deliveries to it are blocked. {way_out}",
                host=host,
                words=tr(_ITSELF),
                way_out=way_out,
            )
        )
    resource = quote(rest if rest.startswith("/") else f"/{rest}", safe="/?:@!$&'()*+,;=%~[]")
    return Target(scheme=scheme, host=host, port=port, address=address, resource=resource)


def _split(url: str) -> tuple[str, str, str]:
    if len(url) > URL_CHARACTERS:
        raise _invalid(
            tr("The URL is {count} characters long; at most {most} are allowed.", count=len(url), most=URL_CHARACTERS)
        )
    if any(unicodedata.category(character) in _ODD for character in url):
        raise _invalid(tr("The URL contains white space or invisible characters. Remove them or write them as %20."))
    if "\\" in url:
        raise _invalid(tr("The URL contains a backslash. Write / instead."))
    match = _URL.fullmatch(url)
    if match is None:
        raise _invalid(tr("The URL must start with http:// or https://."))
    scheme, authority, rest = match[1].lower(), match[2], match[3]
    if "@" in authority:
        raise _invalid(tr("The URL must not contain a user name or password. Send them as a header instead."))
    if "#" in url:
        raise _invalid(tr("The URL must not contain a fragment (#…): it is never sent to the receiver."))
    if "%" in authority:
        raise _invalid(tr("The host of the URL must not contain percent signs."))
    return scheme, authority, rest


def _read_host(text: str) -> tuple[str, Address | None]:
    host = text.lower()
    if not host:
        raise _invalid(tr("The URL names no host. Write one after //, for example https://example.com/hook."))
    if host.startswith("["):
        try:
            address = IPv6Address(host[1:-1])
        except ValueError:
            raise _invalid(tr("{host} is not an IPv6 address.", host=shown(host))) from None
        return str(address), address
    if not host.isascii():
        raise _invalid(f"The host must be written in ASCII{_ascii_form(host)}.")
    if _NUMBER_AT_END.fullmatch(host):
        try:
            return host, IPv4Address(host)
        except ValueError:
            raise _invalid(
                tr("{host} is not an IPv4 address of four numbers from 0 to 255.", host=shown(host))
            ) from None
    if len(host) > 253 or not _NAME.fullmatch(host):
        raise _invalid(tr("{host} is not a valid host name.", host=shown(host)))
    return host, None


def _ascii_form(host: str) -> str:
    """Offers the ASCII form where it is certain; letters that the old and the new standard treat apart are not."""
    try:
        encoded = host.encode("idna")
        certain = encoded.decode("idna") == host
    except UnicodeError:
        return ""
    return f": {encoded.decode()}" if certain else ""


def _invalid(sentence: str) -> Invalid:
    return Invalid({"url": sentence})


def shown(text: str) -> str:
    """`text` for a message: short, and harmless in a log or database."""
    return ascii(text[:80])[1:-1]
