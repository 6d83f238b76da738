# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import gzip
import json
import os
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.tencentcloud.clb.plugins.module_utils._base.errors import InvalidArgument
from ansible_collections.tencentcloud.clb.plugins.module_utils._base.limits import (
    MAX_FILE_BYTES,
    TooLarge,
    parse_json,
    read_file,
    unpack,
)
from ansible_collections.tencentcloud.clb.plugins.module_utils._tasks.request import MAXIMA, check_minimum

from ..builders import rows

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@given(JSON, st.booleans())
def test_json_is_what_json_is(value, ascii_only):
    assert parse_json(json.dumps(value, ensure_ascii=ascii_only).encode()) == value


@rows("content", b"NaN", b"-Infinity", b"1e400", b"1" * 21, b'{"a":1,"a":1}', b'"\\udc00"', b"\xff", b"")
def test_what_is_refused_is_not_shown(content):
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the message is looked at
        parse_json(b'{"sEcReT": %s}' % content if content else content)
    assert "sEcReT" not in str(caught.value)
    assert caught.value.__cause__ is None


@given(st.binary(max_size=5000), st.integers(1, 700))
def test_bodies_come_in_pieces(body, size):
    for encoding, packed in (
        ("", body),
        ("identity", body),
        (" GZIP ", gzip.compress(body)),
        ("x-gzip", gzip.compress(body) + gzip.compress(b"!")),
        ("deflate", zlib.compress(body)),
    ):
        pieces = [packed[start : start + size] for start in range(0, len(packed), size)]
        assert unpack(pieces, encoding) == (body + b"!" if encoding == "x-gzip" else body)


@rows("pieces, encoding, maximum",
    ([b"x" * 11], "", 10), ([b"x"] * 11, "", 10), ([gzip.compress(b"x" * 11)], "gzip", 10),
    ([gzip.compress(b"x" * 10**8)], "gzip", 10**6), ([gzip.compress(b"")] * 10, "gzip", 100),
)  # fmt: skip
def test_a_body_has_a_limit(pieces, encoding, maximum):
    with pytest.raises(TooLarge, match="more than"):
        unpack(pieces, encoding, maximum)


def test_a_packed_body_that_breaks_off():
    with pytest.raises(ValueError, match="breaks off"):
        unpack([gzip.compress(b"hello")[:-4]], "gzip")
    assert unpack([], "gzip") == b""


def test_a_regular_file(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"x" * MAX_FILE_BYTES)
    assert read_file(path) == b"x" * MAX_FILE_BYTES
    link = tmp_path / "link"
    link.symlink_to(path)
    assert len(read_file(link)) == MAX_FILE_BYTES


@rows("kind", "fifo", "device", "folder", "large", "gone")
def test_what_is_no_small_regular_file(tmp_path, kind):
    path = tmp_path / "file"
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "folder":
        path.mkdir()
    elif kind == "large":
        path.write_bytes(b"x" * (MAX_FILE_BYTES + 1))
    with pytest.raises(OSError) as caught:  # noqa: PT011 - its text is looked at
        read_file(path)
    expected = {
        "fifo": "regular",
        "device": "regular",
        "folder": "directory",
        "large": "larger than 1 MB",
        "gone": "No such",
    }
    assert expected[kind] in caught.value.strerror


@pytest.mark.parametrize("name", MAXIMA)
@rows("value", 0, -1, 10**30, 10**5000, "maximum", ids=["0", "-1", "30 digits", "5000 digits", "one more"])
def test_times_are_bounded_and_named(name, value):
    check_minimum({name: 1}, name, 1)
    check_minimum({name: MAXIMA[name]}, name, 1)
    with pytest.raises(InvalidArgument, match=f"^{name} .* from 1 to {MAXIMA[name]}"):
        check_minimum({name: MAXIMA[name] + 1 if value == "maximum" else value}, name, 1)
