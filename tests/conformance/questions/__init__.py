# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""All questions, in the order in which they are asked: what later ones stand on comes first."""

from . import reads, refusals, writes

QUESTIONS = (*writes.question, *reads.question, *refusals.question)
