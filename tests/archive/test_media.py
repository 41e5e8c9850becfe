"""Files by content."""
from __future__ import annotations

import hashlib

import pytest

from archive import media
from archive.db import ArchiveError

AT = 1_790_000_000_000


def test_a_file_is_kept_under_its_sum(tmp_path):
    store = media.MediaStore(tmp_path / "media")
    sha256 = store.put(b"picture")
    assert sha256 == hashlib.sha256(b"picture").hexdigest()
    assert store.path(sha256) == tmp_path / "media" / sha256[:2] / sha256[2:4] / sha256
    assert store.get(sha256) == b"picture"
    assert store.put(b"picture") == sha256
    assert [p.name for p in (tmp_path / "media").rglob("*") if p.is_file()] == [sha256]


def test_a_file_that_was_written_elsewhere_is_taken_over(tmp_path):
    store = media.MediaStore(tmp_path)
    with store.incoming() as fresh:
        fresh.write_bytes(b"video")
        sha256 = store.adopt(fresh)
    with store.incoming() as fresh:  # never finished
        fresh.write_bytes(b"vid")
    assert store.whole(sha256).read_bytes() == b"video"
    assert [p.name for p in tmp_path.rglob("*") if p.is_file()] == [sha256]


def test_a_half_written_file_is_written_again(tmp_path):
    store = media.MediaStore(tmp_path)
    sha256 = store.put(b"picture")
    store.path(sha256).write_bytes(b"pic")
    with pytest.raises(ArchiveError, match="damaged"):
        store.get(sha256)
    assert store.get(store.put(b"picture")) == b"picture"


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(ArchiveError, match="cannot be read"):
        media.MediaStore(tmp_path).get("ab" * 32)


@pytest.mark.parametrize("name", ["", "../../etc/passwd", "AB" * 32, "ab" * 32 + "\n", "ab" * 33])
def test_only_sums_are_paths(tmp_path, name):
    with pytest.raises(ValueError):
        media.MediaStore(tmp_path).path(name)


async def test_the_same_file_goes_up_once(database):
    sha256 = "ab" * 32
    assert await media.mxc(database, sha256) is None
    await database.write(media.add(sha256, "image/png", 7, AT))
    await database.write(media.set_mxc(sha256, "mxc://example.org/x"))
    await database.write(media.add(sha256, "image/jpeg", 7, AT))
    assert await media.mxc(database, sha256) == "mxc://example.org/x"
