# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Draw a result of targets_info as a Mermaid chart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ansible_collections.tencentcloud.clb.plugins.plugin_utils._drawing import draw_mermaid

if TYPE_CHECKING:
    from collections.abc import Callable


class FilterModule:
    """The filter ``tencentcloud.clb.mermaid``."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Its name and what does the work."""
        return {"mermaid": draw_mermaid}
