# SPDX-License-Identifier: Apache-2.0
"""Addresses: how many spellings of one meet, beside plain comparison; collisions; speed."""

import importlib.util
import statistics
import sys
import time
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import quote, urlsplit

import numpy as np

from stemtide.fingerprints.kinds import Kind
from stemtide.fingerprints.url.canonical import canonical
from stemtide.fingerprints.url.reach import fingerprints_of_url
from stemtide.matching.library import Library

ADDRESSES = (
    "https://www.example-host.com/video/12345",
    "http://files.example.net/a/b/manifesto.pdf?download=1",
    "https://t.example/joinchat/AbC_dEf-123",
    "https://bücher.example/käse/seite?id=7&lang=de",
    "https://archive.example.org/details/clip_2019?x=1&y=2",
    "https://sub.domain.example.co.uk/watch?v=dQw4w9WgXcQ",
    "https://example.com/front",
    "https://ipfs.example.io/ipfs/bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi",
    "https://paste.example/4abcd",
    "http://192.0.2.10/leak/file.mp4",
)


def split(url):
    parts = urlsplit(url)
    query = f"?{parts.query}" if parts.query else ""
    return parts.scheme, parts.netloc, parts.path, query


def other_scheme(url):
    return ("http:" if url.startswith("https") else "https:") + url.split(":", 1)[1]


def shouted(url):
    scheme, host, path, query = split(url)
    return f"{scheme.upper()}://{host.upper()}{path}{query}"


def with_port(url):
    scheme, host, path, query = split(url)
    return f"{scheme}://{host}:{443 if scheme == 'https' else 80}{path}{query}"


def dotted(url):
    scheme, host, path, query = split(url)
    return f"{scheme}://{host}./x/../.{path}{query}"


def coded(url):
    scheme, host, path, query = split(url)
    codes = "".join(f"%{ord(c):02x}" if c.isalnum() and c.isascii() else c for c in path)
    return f"{scheme}://{host}{codes}{query}"


def slashed(url):
    scheme, host, path, query = split(url)
    return f"{scheme}:\\\\{host}//{path[1:]}/{query}"


def tracked(url):
    return url + ("&" if "?" in url else "?") + "utm_source=x&fbclid=AbC&gclid=1"


def reordered(url):
    scheme, host, path, query = split(url)
    return f"{scheme}://{host}{path}" + (
        "?" + "&".join(reversed(query[1:].split("&"))) if query else ""
    )


def www(url):
    scheme, host, path, query = split(url)
    if host.replace(".", "").isdigit():
        return f"{scheme}://{int(ip_address(host))}{path}{query}"
    bare = host.removeprefix("www.")
    return f"{scheme}://{bare if bare != host else 'www.' + host}{path}{query}"


def in_ascii(url):
    scheme, host, path, query = split(url)
    return f"{scheme}://{host.encode('idna').decode()}{quote(path)}{query}"


SPELLINGS = {
    "defanged": lambda url: url.replace("http", "hxxp").replace(".", "[.]"),
    "without scheme": lambda url: url.split("//", 1)[1],
    "the other scheme": other_scheme,
    "host in capitals": shouted,
    "default port": with_port,
    "user and password": lambda url: url.replace("://", "://me:secret@"),
    "dots in host and path": dotted,
    "percent-coded": coded,
    "slashes": slashed,
    "trackers": tracked,
    "parameters in another order, and fragment": lambda url: reordered(url) + "#part",
    "www. or not, IP as a number": www,
    "punycode and UTF-8 codes": in_ascii,
}  # fmt: skip


def addresses(corpus):
    if corpus is None:
        return list(ADDRESSES)
    return [line for line in (corpus / "urls/urls.txt").read_text("utf-8").splitlines() if line]


def cases(corpus: Path | None = None) -> Iterator[dict[str, object]]:
    known, ours, exact = addresses(corpus), [], []
    for name, respell in SPELLINGS.items():
        met = statistics.mean(canonical(respell(url)) == canonical(url) for url in known)
        same = statistics.mean(respell(url) == url for url in known)
        ours.append(met)
        exact.append(same)
        yield _row(name, met, same)
    yield _row("all 13 spellings", statistics.mean(ours), statistics.mean(exact), bar=0.98)
    yield _row("collisions", collisions(known), None, unit="of different addresses", bar=0)
    yield from speed(known)


def other_host(host):
    bare = host.removeprefix("www.")
    return f"{host}0" if host.replace(".", "").isdigit() else f"other.{bare}"


def collisions(known):
    """Addresses that differ in what selects content, and so must not meet."""
    different = set()
    for url in known:
        scheme, host, path, query = split(url)
        more = "&" if query else "?"
        different |= {
            url,
            f"{scheme}://{host}{path}x{query}",
            f"{scheme}://{host}{path.swapcase()}{query}",
            f"{scheme}://{host}{path}{query}{more}page=2",
            f"{scheme}://{host}:8443{path}{query}",
            f"{scheme}://{other_host(host)}{path}{query}",
            f"{scheme}://{host}{path}%2Fx{query}",
            f"{scheme}://{host}{path}{query}#!/other",
        }
    return len(different) - len({canonical(url) for url in different})


def speed(known):
    many = [f"{url.split('?')[0]}/{at}" for at in range(200) for url in known]
    took = _us(lambda: [canonical(url) for url in many], len(many))
    yield {**_row("one spelling", took, _peer_us(many), unit="us"), "peer": "can_ada href"}
    yield _row(
        "one look-up made",
        _us(lambda: [fingerprints_of_url(url) for url in many], len(many)),
        None,
        unit="us",
    )
    library, rng = Library(), np.random.default_rng(1)
    keys = np.arange(200_000)
    library.put_columns(Kind.URL, keys, rng.integers(0, 256, (len(keys), 32), np.uint8))
    asked = [fingerprints_of_url(url) for url in many]
    yield _row(
        "one look-up among 200,000 signals",
        _us(lambda: [library.match(one) for one in asked], len(asked)),
        None,
        unit="us",
    )


def _peer_us(many):
    if importlib.util.find_spec("can_ada") is None:
        return None
    import can_ada

    return _us(lambda: [can_ada.parse(url).href for url in many], len(many))


def _us(run, count, rounds=3):
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        run()
        times.append(1e6 * (time.perf_counter() - began) / count)
    return min(times)


def _row(case, ours, peer, *, unit="recall", bar=None):
    return {
        "part": "url",
        "case": case,
        "ours": round(ours, 4),
        "peer": "equal strings",
        "peer_value": peer if peer is None else round(peer, 4),
        "unit": unit,
        "bar": bar,
    }


if __name__ == "__main__":
    for row in cases(Path(sys.argv[1]) if len(sys.argv) > 1 else None):
        print(row)
