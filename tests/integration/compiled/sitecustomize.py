# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Loaded by each Python that a playbook of the tests starts: keep what is compiled from archives.

Ansible packs a module and all that it imports as sources into an archive, so that each run of it compiles them anew:
half of its time. Code is found again by a hash of its source, so an edited file is another one.
"""

from __future__ import annotations

import _imp
import hashlib
import importlib.util
import marshal
import os
import zipimport

FOLDER = os.path.join(os.path.dirname(__file__), *[os.pardir] * 3, ".build", "compiled")
compile_source = zipimport._compile_source


def load_or_compile(path, source):
    name = hashlib.blake2b(importlib.util.MAGIC_NUMBER + source, digest_size=16).hexdigest()
    place = os.path.join(FOLDER, name)
    try:
        with open(place, "rb") as file:
            code = marshal.load(file)
    except OSError:
        code = compile_source(path, source)
        os.makedirs(FOLDER, exist_ok=True)
        draft = f"{place}.{os.getpid()}"
        with open(draft, "wb") as file:
            marshal.dump(code, file)
        os.replace(draft, place)
    else:
        _imp._fix_co_filename(code, path)
    return code


zipimport._compile_source = load_or_compile
