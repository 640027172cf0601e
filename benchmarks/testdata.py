"""Makes the zips: customers as an export has them, at any size, the same bytes every time.

Some 25 MB of rows are made and deflated once, and ended with a full flush, so that the compressed bytes can be repeated:
nothing in them refers back to what came before. Repeating them is as good as other rows, for deflate looks back no
further than 32 KB. Sizes and checksums stand behind each member's data, as Java's zip streams write them.
"""

from __future__ import annotations

import csv
import io
import random
import string
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import BinaryIO

UNITS = {"KB": 10**3, "MB": 10**6, "GB": 10**9}

BLOCK = 25 * 10**6
MEMBER = 10**9
LEVEL = 6
SEED = 20261124
# Goes into the files' names: another look of the data must not be mistaken for this one.
EDITION = 2

_LOCAL, _DESCRIPTOR, _CENTRAL, _END = b"PK\x03\x04", b"PK\x07\x08", b"PK\x01\x02", b"PK\x05\x06"
_HAS_DESCRIPTOR, _UTF8, _DEFLATED = 0x8, 0x800, 8
_DATE, _TIME = (2026 - 1980) << 9 | 11 << 5 | 24, 0

_COLUMNS = [
    "customer[id]",
    "customer[first_name]",
    "customer[last_name]",
    "customer[email]",
    "customer[phone]",
    "customer[company]",
    "customer[vat_number]",
    "customer[auto_collection]",
    "customer[net_term_days]",
    "customer[allow_direct_debit]",
    "customer[created_at]",
    "customer[updated_at]",
    "customer[created_from_ip]",
    "customer[taxability]",
    "customer[locale]",
    "customer[pii_cleared]",
    "customer[channel]",
    "customer[promotional_credits]",
    "customer[unbilled_charges]",
    "customer[refundable_credits]",
    "customer[excess_payments]",
    "customer[preferred_currency_code]",
    "billing_address[line1]",
    "billing_address[city]",
    "billing_address[state_code]",
    "billing_address[country]",
    "billing_address[zip]",
    "billing_address[validation_status]",
    "payment_method[type]",
    "payment_method[gateway]",
    "payment_method[status]",
    "customer[deleted]",
    "customer[cf_segment]",
    "customer[cf_note]",
]
_ID_SIGNS = string.ascii_letters + string.digits
_FIRST = ["Ada", "Grace", "Alan", "Edsger", "Barbara", "Donald", "Zoë", "José", "Mei", "Olu", "Priya", "Søren"]
_LAST = ["Lovelace", "Hopper", "Turing", "Dijkstra", "Liskov", "Knuth", "Müller", "García", "Chen", "Adeyemi", "Nair"]
_COMPANIES = ["Analytical Engines", "Northwind Traders", "Acme, Inc.", 'The "Blue" Door', "Globex", "Initech", ""]
_CITIES = [
    ("London", "", "GB", "SW1A 1AA"),
    ("Berlin", "", "DE", "10115"),
    ("San Francisco", "CA", "US", "94105"),
    ("Chennai", "TN", "IN", "600001"),
    ("Lagos", "", "NG", "100001"),
]
_SYLLABLES = [consonant + vowel for consonant in "bdfghklmnprstvz" for vowel in "aeiou"]
_SECONDS = 320 * 86400
_NOTES = ["", "", "", "", "", "", "asked for yearly billing", "moved, see ticket", "two lines:\nsecond one"]


@dataclass(frozen=True)
class ZipFacts:
    """What is known of a zip: bytes of the file, of all members compressed and inflated, and how many there are."""

    path: Path
    size: int
    compressed: int
    inflated: int
    members: int


def parse_size(text: str) -> int:
    """Return a size such as ``100MB`` or ``5GB`` in bytes (decimal units)."""
    number, unit = text[:-2], text[-2:].upper()
    if unit not in UNITS or not number.replace(".", "", 1).isdigit():
        raise ValueError(f"size {text!r} is not written like 100MB or 5GB")
    return round(float(number) * UNITS[unit])


def make_zip(folder: Path, size: int) -> ZipFacts:
    """Return a zip whose members inflate to about ``size`` bytes, made if it is not in the folder yet.

    :param folder: where it is kept.
    :param size: rounded up to whole blocks of some 25 MB; a header is added to each member.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"customers-{size}-v{EDITION}.zip"
    if not path.exists():
        partial = path.with_suffix(".partial")
        with partial.open("wb") as file:
            _write_zip(file, size)
        partial.replace(path)
    return _facts(path)


def _facts(path: Path) -> ZipFacts:
    import zipfile

    with zipfile.ZipFile(path) as archive:
        found = archive.infolist()
    compressed, inflated = sum(each.compress_size for each in found), sum(each.file_size for each in found)
    return ZipFacts(path, path.stat().st_size, compressed, inflated, len(found))


def _write_zip(file: BinaryIO, size: int) -> None:
    rows = _block()
    deflated = _deflated(rows)
    central, blocks, each_at_most = b"", -(-size // BLOCK), MEMBER // BLOCK
    number = 0
    while blocks:
        number += 1
        taken = min(blocks, each_at_most)
        blocks -= taken
        central += _write_member(file, f"Customers{number}.csv".encode(), rows, deflated, taken)
    start = file.tell()
    file.write(central)
    file.write(_END + struct.pack("<HHHHIIH", 0, 0, number, number, len(central), start, 0))


def _write_member(file: BinaryIO, name: bytes, rows: bytes, deflated: bytes, blocks: int) -> bytes:
    """Write one member and return its entry for the directory."""
    header = _csv_line(_COLUMNS).encode()
    offset, flags = file.tell(), _HAS_DESCRIPTOR | _UTF8
    file.write(_LOCAL + struct.pack("<HHHHHIIIHH", 20, flags, _DEFLATED, _TIME, _DATE, 0, 0, 0, len(name), 0) + name)
    crc, start = zlib.crc32(header), file.tell()
    file.write(_deflated(header))
    for _ in range(blocks):
        file.write(deflated)
        crc = zlib.crc32(rows, crc)
    file.write(zlib.compressobj(LEVEL, zlib.DEFLATED, -15).flush())  # an empty last block
    sizes = struct.pack("<III", crc, file.tell() - start, len(header) + blocks * len(rows))
    file.write(_DESCRIPTOR + sizes)
    fixed = struct.pack("<HHHHHH", 20, 20, flags, _DEFLATED, _TIME, _DATE) + sizes
    return _CENTRAL + fixed + struct.pack("<HHHHHII", len(name), 0, 0, 0, 0, 0, offset) + name


def _deflated(data: bytes) -> bytes:
    """Return raw deflate bytes without an end, which more may follow."""
    deflater = zlib.compressobj(LEVEL, zlib.DEFLATED, -15)
    return deflater.compress(data) + deflater.flush(zlib.Z_FULL_FLUSH)


def _block() -> bytes:
    lines, size = [], 0
    for line in _lines():
        encoded = line.encode()
        if size + len(encoded) > BLOCK:
            break
        lines.append(encoded)
        size += len(encoded)
    return b"".join(lines)


def _csv_line(fields: list[str]) -> str:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerow(fields)
    return text.getvalue()


def _lines() -> Iterator[str]:
    draw = random.Random(SEED)
    number = 0
    while True:
        number += 1
        yield _csv_line(_customer(draw, number))


def _customer(draw: random.Random, number: int) -> list[str]:
    """Return a row. Names, addresses, numbers and times differ from row to row, as those of a real site do."""
    first, last = f"{draw.choice(_FIRST)}{_word(draw)}", _word(draw).capitalize() + draw.choice(_LAST)
    city, state, country, post = draw.choice(_CITIES)
    created = draw.randrange(_SECONDS)
    return [
        "".join(draw.choices(_ID_SIGNS, k=16)),
        first,
        last,
        f"{first}.{last}{draw.randrange(100)}@{_word(draw)}.example.com".lower(),
        f"+{draw.randrange(10**10, 10**12)}",
        draw.choice(_COMPANIES) or f"{_word(draw).capitalize()} {_word(draw).capitalize()} Ltd",
        draw.choice(["", f"{country}{draw.randrange(10**8, 10**9)}"]),
        draw.choice(["on", "on", "on", "off"]),
        draw.choice(["0", "0", "0", "30"]),
        "false",
        _stamp(created),
        _stamp(draw.randrange(created, _SECONDS)),
        ".".join(str(draw.randrange(256)) for _ in range(4)),
        "taxable",
        "en",
        "active",
        "web",
        "0",
        "0",
        draw.choice(["0", "0", "0", str(draw.randrange(10**5))]),
        "0",
        draw.choice(["USD", "EUR", "GBP"]),
        f"{draw.randrange(1, 400)} {_word(draw).capitalize()} Street, Floor {draw.randrange(1, 9)}",
        city,
        state,
        country,
        f"{post} {draw.randrange(1000)}",
        "not_validated",
        draw.choice(["card", "card", "direct_debit"]),
        "stripe",
        draw.choice(["valid", "valid", "expired"]),
        "false",
        draw.choice(["smb", "enterprise", "self-serve"]),
        draw.choice(_NOTES),
    ]


def _word(draw: random.Random) -> str:
    return "".join(draw.choice(_SYLLABLES) for _ in range(draw.randrange(2, 5)))


def _stamp(second: int) -> str:
    """Return a time of the year 2026, so many seconds after its beginning."""
    return f"{datetime(2026, 1, 1) + timedelta(seconds=second)}"
