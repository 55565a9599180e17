"""Bringing down generations whose number no saving can have reached.

The highest number is the truth, so what is saved next needs a higher one, and a name has room for only so many
digits. A whole file with an enormous number is written anew under the next believable one before it goes; a damaged
one is set aside. After a crash at any moment the newest content is still the one with the highest number. A link stays
where it is, and so do whole files above it: what it leads to would count as newer than they are.
"""

from __future__ import annotations

import os
from contextlib import suppress
from datetime import datetime

from stui_supervisor.adapters.files.file_format import DamagedFile, Kind, NewerFormat, encode, file_name
from stui_supervisor.adapters.files.links import is_link
from stui_supervisor.adapters.files.private_files import is_out_of_means, write_whole
from stui_supervisor.adapters.files.quarantine import keep
from stui_supervisor.adapters.sessions.reader import read_generation
from stui_supervisor.config import SEQ_BELIEVED_MAX


def bring_down(path: str, kind: Kind, seqs: list[int], at: datetime) -> None:
    """Write one session's files of this kind anew under believable numbers. What is not ours or unreadable stays.

    Raises OSError where a file cannot be written, or the process lacks means to read one.
    """
    seq = max((seq for seq in seqs if seq <= SEQ_BELIEVED_MAX), default=0)
    written_anew: list[str] = []
    is_above_link = False
    for enormous in sorted(seq for seq in seqs if seq > SEQ_BELIEVED_MAX):
        name = file_name(kind, enormous)
        if is_link(os.path.join(path, name)):
            is_above_link = True
            continue
        try:
            header, body = read_generation(path, kind, enormous)
        except DamagedFile as damage:
            if not damage.claims_newer:
                with suppress(OSError):  # it hides nothing: what is saved gets a higher number
                    keep(os.path.dirname(path), os.path.join(os.path.basename(path), name), at)
            continue
        except NewerFormat:
            continue
        except OSError as error:
            if is_out_of_means(error):
                raise
            continue
        if is_above_link:
            continue
        seq += 1
        write_whole(path, file_name(kind, seq), (encode(header._replace(seq=seq), body), body))
        written_anew.append(name)
    for name in written_anew:  # the highest last; the next save has the directory flushed
        os.unlink(os.path.join(path, name))
