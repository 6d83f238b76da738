# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ansible_collections.tencentcloud.clb.plugins.module_utils._secrets import MASK, Secrets

SECRET = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=6, max_size=20)


@given(st.lists(SECRET, min_size=1, max_size=4), st.data())
def test_no_secret_survives(secrets: list[str], data: st.DataObject) -> None:
    assume(not any(mask in secret or secret in mask for secret in secrets for mask in (MASK, "*" * 6)))
    pieces = data.draw(st.lists(st.sampled_from([*secrets, " and ", "\n"]), max_size=8))
    scrubbed = Secrets(secrets).scrub(" ".join(pieces))
    assert not [secret for secret in secrets if secret in scrubbed]


def test_a_secret_inside_another_leaves_no_rest() -> None:
    assert Secrets(["key-1", "key-1-and-more"]).scrub("key-1-and-more, key-1") == f"{MASK}, {MASK}"


@pytest.mark.parametrize("text", ["Signature=00ffAA", "TC3-HMAC-SHA256 Credential=AKID/x, Signature=0123456789abcdef"])
def test_signatures_are_masked(text: str) -> None:
    assert Secrets().scrub(f"{text}, end") == f"{text.rpartition('=')[0]}={MASK}, end"


def test_the_signature_of_the_last_request_is_one() -> None:
    secrets = Secrets(["key"])
    secrets.remember_signature("00ff")
    assert secrets.scrub("00ff key") == f"{MASK} {MASK}"
    secrets.remember_signature("11ee")
    assert sorted(secrets) == ["11ee", "key"]


def test_nothing_is_no_secret() -> None:
    secrets = Secrets([None, ""])
    secrets.add(None, "")
    assert list(secrets) == []
    assert secrets.scrub("as it was") == "as it was"


def test_the_repr_shows_none() -> None:
    assert "sEcReT" not in repr(Secrets(["sEcReT"]))
