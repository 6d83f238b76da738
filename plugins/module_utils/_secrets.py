# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What must never be shown, and taking it out of texts from elsewhere."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Optional

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MASK = "********"
_SIGNATURE = re.compile(r"(?<=Signature=)[0-9a-fA-F]+")


class Secrets:
    """The keys and tokens that a task has met so far, and its last signature.

    It grows while the task runs; its ``repr`` shows none.

    :param texts: the first ones; None and empty texts are left out.
    """

    def __init__(self, texts: Iterable[Optional[str]] = ()) -> None:
        self._texts: set[str] = set()
        self._signature = ""
        self.add(*texts)

    def add(self, *texts: str | None) -> None:
        """Remember more.

        :param texts: None and empty texts are left out.
        """
        self._texts.update(text for text in texts if text)

    def remember_signature(self, signature: str) -> None:
        """Remember the signature of the request under way, in place of the one before.

        :param signature: it says nothing of other requests, and a task can send many.
        """
        self._signature = signature

    def __iter__(self) -> Iterator[str]:
        # The longest first, so that a secret which is part of another leaves no rest of it.
        return iter(sorted({*self._texts, self._signature} - {""}, key=len, reverse=True))

    def scrub(self, text: str) -> str:
        """Mask every secret, and every signature, in a text.

        :param text: from anywhere.
        """
        for secret in self:
            text = text.replace(secret, MASK)
        return _SIGNATURE.sub(MASK, text)
