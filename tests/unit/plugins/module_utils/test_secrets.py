# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import base64
import threading

from hypothesis import assume, given
from hypothesis import strategies as st

from ansible_collections.tencentcloud.clb.plugins.module_utils._base.secrets import (
    MASK,
    Secrets,
    embedded_passwords,
    may_show,
)

from ..builders import rows

SECRET = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=6, max_size=20)


@given(st.lists(SECRET, min_size=1, max_size=4), st.data())
def test_no_secret_survives(secrets, data):
    assume(not any(mask in secret or secret in mask for secret in secrets for mask in (MASK, "*" * 6)))
    pieces = data.draw(st.lists(st.sampled_from([*secrets, " and ", "\n"]), max_size=8))
    scrubbed = Secrets(secrets).scrub(" ".join(pieces))
    assert not [secret for secret in secrets if secret in scrubbed]


def test_a_secret_inside_another_leaves_no_rest():
    assert Secrets(["key-1", "key-1-and-more"]).scrub("key-1-and-more, key-1") == f"{MASK}, {MASK}"


@rows("text", "Signature=00ffAA", "TC3-HMAC-SHA256 Credential=AKID/x, Signature=0123456789abcdef")
def test_signatures_are_masked(text):
    assert Secrets().scrub(f"{text}, end") == f"{text.rpartition('=')[0]}={MASK}, end"


def test_the_signature_of_the_last_request_is_one():
    secrets = Secrets(["key"])
    secrets.remember_signature("00ff")
    assert secrets.scrub("00ff key") == f"{MASK} {MASK}"
    secrets.remember_signature("11ee")
    assert sorted(secrets) == ["11ee", "key"]


def test_nothing_is_no_secret():
    secrets = Secrets([None, ""])
    secrets.add(None, "")
    assert list(secrets) == []
    assert secrets.scrub("as it was") == "as it was"


def test_the_repr_shows_none():
    assert "sEcReT" not in repr(Secrets(["sEcReT"]))


def test_threads_add_while_others_read():
    secrets, stop = Secrets(["key"]), threading.Event()

    def add():
        number = 0
        while not stop.is_set():
            number += 1
            secrets.add(f"key-{number % 500}")
            secrets.remember_signature(f"{number:064x}")

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(300):
        assert "key" in set(secrets)
        assert secrets.scrub("key") == MASK
    stop.set()
    for thread in threads:
        thread.join()


def test_the_last_signature_of_each_thread_is_kept():
    secrets, gate = Secrets(), threading.Barrier(4)

    def sign(number):
        gate.wait()
        secrets.remember_signature("older")
        secrets.remember_signature(f"{number:064x}")
        gate.wait()

    threads = [threading.Thread(target=sign, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(secrets) == {f"{number:064x}" for number in range(4)}


@rows(
    "text, password",
    ("https://me:pass@clb.example.com", "pass"),
    ("me:pass@clb.example.com", "pass"),
    ("me:pass@clb.example.com:x", "pass"),
    ("https://me:pa@ss@clb.example.com:99999", "pa@ss"),
    ("https://me:ab/PW@host", "ab/PW"),
    ("https://me:ab/PWPW@host", "PWPW"),
    ("https://me:p%40s%2Fs@host", "p@s/s"),
    ("https://me:p%40s%2Fs@host", "p%40s%2Fs"),
    ("https:/me:pass@host", "pass"),
    ("https:me:pass@host", "pass"),
    ("me:/pass@host", "/pass"),
    ("socks5h://me:pass@host", "pass"),
    ("http://:pass@127.0.0.1", "pass"),
    ("https://me:pass%40host", "pass"),
    ("https://me:pass\uff20host", "pass"),
    (" https://me:pass@host", "pass"),
    ("https://me:pass@host", base64.b64encode(b"me:pass").decode()),
    ("https://me:caf\u00e9@host", "caf\u00e9"),
)
def test_a_password_in_an_address_is_found_in_every_form(text, password):
    assert password in embedded_passwords(text)
    assert not may_show(text)


@rows("text", "https://me@clb.example.com", "clb.example.com:8443", "https://[::1]:8443", "", None)
def test_an_address_without_a_password(text):
    assert embedded_passwords(text) == ()


@given(st.text())
def test_any_text_can_be_looked_through(text):
    assert all(embedded_passwords(text))
    assert may_show(text) or "@" in text or "%40" in text or not text.isascii()
