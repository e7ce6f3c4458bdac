"""The guard's verdicts. Nothing is dialled here: every address is only put to the deciding function."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhook_ui import guard
from webhook_ui.errors import Invalid
from webhook_ui.guard import Policy, check_address, check_url, parse_networks
from webhook_ui.header_rules import check_headers

NOTHING = Policy()


def listed(text: str) -> list[str]:
    return text.split()


def allowing(networks: str) -> Policy:
    return Policy(allowed_networks=parse_networks(networks))


def refusal(url: str, policy: Policy = NOTHING) -> str:
    with pytest.raises(Invalid) as caught:
        check_url(url, policy)
    assert list(caught.value.fields) == ["url"]
    sentence = caught.value.fields["url"]
    assert sentence.isascii() or "…" in sentence
    assert sentence.isprintable()
    return sentence


# Addresses

BLOCKED_NETWORKS = listed("""
0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.2.0/24 192.31.196.0/24
192.52.193.0/24 192.88.99.0/24 192.168.0.0/16 192.175.48.0/24 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 224.0.0.0/4
240.0.0.0/4 168.63.129.16/32 ::/128 ::1/128 ::/8 64:ff9b::/96 64:ff9b:1::/48 100::/64 fc00::/7 fe80::/10 fec0::/10
ff00::/8 5f00::/16 2001::/23 2001:db8::/32 2002::/16 3fff::/20 2620:4f:8000::/48 4000::/3 8000::/1
""")


@pytest.mark.parametrize("network", BLOCKED_NETWORKS)
def test_every_network_that_is_not_public_is_blocked_to_its_ends(network: str) -> None:
    block = ip_network(network)
    for address in (block[0], block[-1], block[block.num_addresses // 2]):
        reason = check_address(address, NOTHING)
        assert reason is not None
        assert "blocked" in reason
        assert check_address(str(address), NOTHING) == reason


@pytest.mark.parametrize(
    "address",
    listed("""
    1.1.1.1 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0 169.253.255.255 172.15.255.255
    172.32.0.0 192.0.1.0 192.167.255.255 192.169.0.0 198.17.255.255 198.20.0.0 223.255.255.255 168.63.129.15
    2001:200:: 2606:4700::1111 2a00:1450:4001::1 2003:: 2001:4860:4860::8888 2600::5efe 3ffe:ffff::
    """),
)
def test_the_public_neighbours_are_open(address: str) -> None:
    assert check_address(address, NOTHING) is None


@pytest.mark.parametrize(
    ("address", "inner"),
    [
        ("::ffff:127.0.0.1", "127.0.0.1"),
        ("::ffff:a9fe:a9fe", "169.254.169.254"),
        ("2001:470::5efe:10.0.0.1", "10.0.0.1"),
        ("2001:470::200:5efe:192.168.0.1", "192.168.0.1"),
    ],
)
def test_an_address_that_hides_another_is_judged_by_it(address: str, inner: str) -> None:
    reason = check_address(address, NOTHING)
    assert reason is not None
    assert f"leads to {inner}. {inner} is" in reason


def test_mapped_public_addresses_are_open() -> None:
    assert check_address("::ffff:1.1.1.1", NOTHING) is None


def test_allowed_networks_open_exactly_what_they_name() -> None:
    policy = allowing("127.0.0.1/32, 10.1.0.0/16,fd00:1::/32")
    for address in ("127.0.0.1", "::ffff:127.0.0.1", "10.1.255.255", "::ffff:10.1.0.1", "fd00:1::5"):
        assert check_address(address, policy) is None
    for address in ("127.0.0.2", "::1", "::127.0.0.1", "10.2.0.0", "fd00:2::", "::ffff:127.0.0.2", "fe80::1"):
        assert check_address(address, policy) is not None


@pytest.mark.parametrize(
    ("tunnel", "opened", "closed"),
    [
        ("64:ff9b::/96", "64:ff9b::1.1.1.1", "64:ff9b::127.0.0.1"),
        ("64:ff9b:1::/48", "64:ff9b:1::1.1.1.1", "64:ff9b:1::10.0.0.1"),
        ("64:ff9b:1::/48", "64:ff9b:1:101:1:100::", "64:ff9b:1:a00:0:100::"),
        ("2002::/16", "2002:101:101::1", "2002:7f00:1::1"),
        ("2001::/32", "2001:0:101:101:0:0:fefe:fefe", "2001:0:101:101:0:0:80ff:fffe"),
        ("::/96", "::1.1.1.1", "::127.0.0.1"),
        ("2001:470::/32", "2001:470::5efe:1.1.1.1", "2001:470::5efe:127.0.0.1"),
    ],
)
def test_an_opened_tunnel_does_not_open_what_lies_behind_it(tunnel: str, opened: str, closed: str) -> None:
    assert check_address(opened, allowing(tunnel)) is None
    assert "leads to" in (check_address(closed, allowing(tunnel)) or "")


@pytest.mark.parametrize("address", ["fe80::1%eth0", "2606:4700::1%1", "fd00::1%eth0"])
def test_zones_are_never_open(address: str) -> None:
    assert "network interface" in (check_address(address, allowing("fd00::/8,fe80::/10")) or "")


@pytest.mark.parametrize("address", ["", "localhost", "127.1", "0x7f000001", "2130706433", "127.0.0.01", "1.2.3.4\n"])
def test_what_is_no_address_is_refused(address: str) -> None:
    assert "is not an IP address" in (check_address(address, NOTHING) or "")


@given(st.ip_addresses(v=4))
def test_each_ipv4_address_has_one_verdict_in_all_its_forms(address: IPv4Address) -> None:
    blocked = check_address(address, NOTHING) is not None
    number = int(address)
    for outer in (0xFFFF << 32 | number, 0x2001_0470 << 96 | 0x5EFE << 32 | number):
        assert (check_address(IPv6Address(outer), NOTHING) is not None) == blocked
    open_tunnels = allowing("64:ff9b::/96,2002::/16")
    for outer in (0x64_FF9B << 96 | number, 0x2002 << 112 | number << 80):
        assert (check_address(IPv6Address(outer), open_tunnels) is not None) == blocked


@given(st.ip_addresses())
def test_nothing_that_the_standard_library_calls_private_is_open(address: IPv4Address | IPv6Address) -> None:
    mapped = isinstance(address, IPv6Address) and address.ipv4_mapped  # all of them count as private there
    if not mapped and (address.is_private or address.is_multicast or address.is_reserved):
        assert check_address(address, NOTHING) is not None


def test_reasons_name_the_way_out() -> None:
    assert check_address("127.0.0.1", NOTHING) == (
        "127.0.0.1 is this server itself, and deliveries to it are blocked. "
        "To try it with listen, start with --allow-loopback."
    )
    assert check_address("10.1.2.3", NOTHING) == (
        "10.1.2.3 is in a private network, and deliveries to it are blocked. "
        "To allow it, set WEBHOOK_UI_ALLOWED_NETWORKS=10.0.0.0/8."
    )
    assert "set WEBHOOK_UI_ALLOWED_NETWORKS=fc00::/7" in (check_address("fd12::1", NOTHING) or "")
    assert "add 192.168.0.0/16 to WEBHOOK_UI_ALLOWED_NETWORKS" in (
        check_address("192.168.1.1", allowing("10.0.0.0/8")) or ""
    )


@pytest.mark.parametrize("network", BLOCKED_NETWORKS)
def test_the_way_out_leads_out(network: str) -> None:
    address = ip_network(network)[-1]
    _, found, named = (check_address(address, NOTHING) or "").rstrip(".").partition("WEBHOOK_UI_ALLOWED_NETWORKS=")
    if found:
        verdict = check_address(address, allowing(named))
        assert verdict is None or "leads to" in verdict
    else:
        assert network in ("127.0.0.0/8", "::1/128", "4000::/3", "8000::/1")


# Networks


def test_networks_are_read_from_a_list() -> None:
    assert parse_networks(" 127.0.0.0/8, ::1/128,,10.1.2.3 ") == (
        ip_network("127.0.0.0/8"),
        ip_network("::1/128"),
        ip_network("10.1.2.3/32"),
    )
    assert parse_networks("") == ()
    assert parse_networks("::ffff:10.0.0.0/104") == (IPv4Network("10.0.0.0/8"),)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("127.0.0.0/8,localhost", "'localhost' is not a network"),
        ("10.1.2.3/8", "did you mean 10.0.0.0/8"),
        ("10.0.0.0/33", "'10.0.0.0/33' is not a network"),
        ("fe80::%eth0/64", "network interface"),
        ("10.0.0.0/8;::1", "is not a network"),
    ],
)
def test_a_wrong_network_is_named(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parse_networks(text)


# URLs


@pytest.mark.parametrize(
    ("url", "host", "port", "resource"),
    [
        ("https://example.com", "example.com", 443, "/"),
        ("http://example.com", "example.com", 80, "/"),
        ("HTTPS://Example.COM:8443/Hook?a=B", "example.com", 8443, "/Hook?a=B"),
        ("https://example.com?x=1", "example.com", 443, "/?x=1"),
        ("https://example.com./", "example.com.", 443, "/"),
        ("https://my_service-1:80/a%2Fb/%zz", "my_service-1", 80, "/a%2Fb/%zz"),
        ("https://xn--bcher-kva.example/é", "xn--bcher-kva.example", 443, "/%C3%A9"),
        ("https://1.1.1.1:65535/", "1.1.1.1", 65535, "/"),
        ("https://[2606:4700:0::1111]:444/@a:b", "2606:4700::1111", 444, "/@a:b"),
        ("https://1e100.net/", "1e100.net", 443, "/"),
        ("https://localhost.example.com/", "localhost.example.com", 443, "/"),
    ],
)
def test_urls_that_are_taken(url: str, host: str, port: int, resource: str) -> None:
    target = check_url(url, NOTHING)
    assert (target.host, target.port, target.resource) == (host, port, resource)
    assert (target.address is None) == (not host[0].isdigit() or host == "1e100.net") or ":" in host
    assert check_url(target.url, NOTHING) == target


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", "start with http:// or https://"),
        ("example.com/hook", "start with http:// or https://"),
        ("//example.com", "start with http:// or https://"),
        ("http:/example.com", "start with http:// or https://"),
        ("http:example.com", "start with http:// or https://"),
        ("javascript:alert(1)", "start with http:// or https://"),
        ("ftp://example.com/", "start with http:// or https://"),
        ("file:///etc/passwd", "start with http:// or https://"),
        ("http://", "names no host"),
        ("http:///path", "names no host"),
        ("http://:80/", "names no host"),
        ("http://user:pw@example.com/", "user name or password"),
        ("http://example.com@10.0.0.1/", "user name or password"),
        ("http://@example.com/", "user name or password"),
        ("http://example.com\\@10.0.0.1/", "backslash"),
        ("http://example.com/a\\b", "backslash"),
        ("http://example.com/#top", "fragment"),
        ("http://example.com#@10.0.0.1/", "user name or password"),
        ("http://%31%30.0.0.1/", "percent"),
        ("http://example.com%2f.evil/", "percent"),
        ("http://[fe80::1%25eth0]/", "percent"),
        (" http://example.com/", "white space"),
        ("http://example.com/a b", "white space"),
        ("http://exam\tple.com/", "white space"),
        ("http://example.com/\r\nHost: x", "white space"),
        ("http://example.com/\x00", "white space"),
        ("http://exam\u00adple.com/", "invisible"),
        ("http://example.com/\u202e", "invisible"),
        ("http://example.com/\ud800", "invisible"),
        ("http://example\u3000.com/", "white space"),
        ("http://example.com:0/", "port 0"),
        ("http://example.com:65536/", "port 65536"),
        ("http://example.com:/", "must be a host, with a port"),
        ("http://example.com:-1/", "must be a host, with a port"),
        ("http://example.com:80:80/", "must be a host, with a port"),
        ("http://example.com:٣/", "must be a host, with a port"),
        ("http://::1/", "must be a host, with a port"),
        ("http://[::1/", "must be a host, with a port"),
        ("http://[::1]x/", "must be a host, with a port"),
        ("http://[1.2.3.4]/", "is not an IPv6 address"),
        ("http://[]/", "is not an IPv6 address"),
        ("http://[v1.x]/", "is not an IPv6 address"),
        ("http://-a.com/", "is not a valid host name"),
        ("http://a..b/", "is not a valid host name"),
        ("http://.com/", "is not a valid host name"),
        ("http://a$b/", "is not a valid host name"),
        (f"http://{'a' * 64}.com/", "is not a valid host name"),
        (f"http://{'a.' * 127}com/", "is not a valid host name"),
        (f"http://example.com/{'a' * 2048}", "at most 2048"),
        ("http://bücher.example/", "written in ASCII: xn--bcher-kva.example"),
        ("http://faß.example/", "written in ASCII."),
        ("http://１２７.0.0.1/", "written in ASCII."),
        ("http://example。com/", "written in ASCII."),
    ],
)
def test_urls_that_are_malformed(url: str, words: str) -> None:
    assert words in refusal(url)


@pytest.mark.parametrize(
    "host",
    listed(
        "0x7f.1 0x7f000001 0x 2130706433 127.1 127.0.1 017700000001 127.0.0.01 0177.0.0.1 127.0.0.1. 127.0.0.0x1"
        " 256.1.1.1 1.2.3.4.5 a.b.1 example.0x1f 1"
    ),
)
def test_what_ends_in_a_number_must_be_a_strict_quad(host: str) -> None:
    assert "is not an IPv4 address of four numbers" in refusal(f"http://{host}/", allowing("0.0.0.0/0"))


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST", "localhost.", "a.localhost", "a.b.localhost."])
def test_localhost_is_this_server(host: str) -> None:
    assert refusal(f"http://{host}:9000/") == (
        f"{host.lower()} is this server itself, and deliveries to it are blocked. "
        "To try it with listen, start with --allow-loopback."
    )
    assert check_url(f"http://{host}:9000/", allowing("127.0.0.0/8,::1/128")).address is None


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://127.0.0.1:9000/", "127.0.0.1 is this server itself"),
        ("http://[::1]/", "::1 is this server itself"),
        ("http://0.0.0.0/", "0.0.0.0 means this server itself"),
        ("http://10.1.2.3/", "WEBHOOK_UI_ALLOWED_NETWORKS=10.0.0.0/8"),
        ("http://169.254.169.254/latest/meta-data/", "link-local"),
        ("http://[::ffff:10.1.2.3]/", "leads to 10.1.2.3"),
    ],
)
def test_literals_are_judged_as_addresses(url: str, words: str) -> None:
    assert words in refusal(url)


def test_https_can_be_required() -> None:
    policy = Policy(require_https=True)
    assert "must start with https://" in refusal("http://example.com/", policy)
    assert check_url("https://example.com/", policy).port == 443


@given(st.text(st.characters(), max_size=40))
def test_any_text_is_judged_without_a_crash(text: str) -> None:
    for url in (text, f"http://{text}", f"http://example.com{text}", f"http://[{text}]/"):
        try:
            target = check_url(url, NOTHING)
        except Invalid as error:
            str(error).encode()
        else:
            assert check_url(target.url, NOTHING) == target
            assert target.url.isascii()


# Headers


def header_refusal(headers: dict[str, str]) -> str:
    with pytest.raises(Invalid) as caught:
        check_headers(headers)
    assert list(caught.value.fields) == ["headers"]
    assert caught.value.fields["headers"].isprintable()
    return caught.value.fields["headers"]


def test_harmless_headers_are_taken() -> None:
    check_headers({})
    check_headers({"Authorization": "Bearer abc", "X-Env": "a\tb c", "x-empty": "", "X_1!#$%&'*+.^`|~": "~"})
    check_headers({f"x-{number}": "y" for number in range(50)})
    check_headers({"x" * 128: "y" * 4096})


@pytest.mark.parametrize(
    "name",
    listed(
        "Host Connection Keep-Alive TE Trailer Transfer-Encoding Upgrade Expect Proxy-Authorization Proxy-Connection"
        " Content-Length Content-Type Content-Encoding Accept-Encoding User-Agent Cookie Webhook-Id webhook-signature"
        " WEBHOOK-Anything"
    ),
)
def test_headers_of_the_delivery_itself_are_refused(name: str) -> None:
    assert f"The header {name} is set by the delivery itself" in header_refusal({name: "x"})


@pytest.mark.parametrize("name", ["", " ", "X A", "X:A", "X\r\nY", "X\x00", "Zoë", "X\ud800", "(x)", "X\n"])
def test_names_must_be_tokens(name: str) -> None:
    assert "has a name that HTTP does not allow" in header_refusal({name: "x"})


@pytest.mark.parametrize("value", [" a", "a ", "\ta", "a\r\nb: c", "a\n", "\x00", "é", "\ud800", "a\x7f", " "])
def test_values_must_be_printable(value: str) -> None:
    assert "has a value that HTTP does not allow" in header_refusal({"x-a": value})


def test_headers_have_limits() -> None:
    assert "at most 50" in header_refusal({f"x-{number}": "y" for number in range(51)})
    assert "more than 128" in header_refusal({"x" * 129: "y"})
    assert "more than 4096" in header_refusal({"x": "y" * 4097})
    assert "at most 8192" in header_refusal({"x-a": "y" * 4096, "x-b": "y" * 4096})
    assert "x-a is given twice" in header_refusal({"X-A": "1", "x-a": "2"})


def test_a_target_names_its_place() -> None:
    target = check_url("http://[2606:4700::1]:81/", NOTHING)
    assert (target.place, target.url) == ("[2606:4700::1]:81", "http://[2606:4700::1]:81/")
    assert target.address == IPv6Address("2606:4700::1")
    assert guard.check_url("http://1.1.1.1/", NOTHING).address == IPv4Address("1.1.1.1")
