"""The journal: what it has taken is there after a kill, in order, until it is acknowledged."""
from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from bridge.link.journal import Journal, JournalError

ROOT = Path(__file__).resolve().parents[3]
WRITER = """
import sys
from pathlib import Path
from bridge.link.journal import Journal
journal = Journal(Path(sys.argv[1]))
journal.running(1000)
number = 0
while True:
    number += 1
    seq = journal.append(17, b"message %d" % number, 1000 + number)
    if number % 10 == 0:
        journal.acknowledge(seq - 20)
    print(seq, flush=True)
"""


def test_entries_come_back_in_order_until_they_are_acknowledged(tmp_path):
    journal = Journal(tmp_path / "journal.sqlite")
    for number in range(5):
        journal.append(17, b"%d" % number, number)
    assert [d.body for d in journal.after(0, 3)] == [b"0", b"1", b"2"]
    assert [(d.seq, d.code, d.at, d.body) for d in journal.after(3, 9)] == [
        (4, 17, 3, b"3"), (5, 17, 4, b"4")]
    journal.acknowledge(4)
    journal.close(clean=True)
    assert [d.body for d in Journal(tmp_path / "journal.sqlite").after(0, 9)] == [b"4"]


def test_a_seq_is_never_used_twice(tmp_path):
    path = tmp_path / "journal.sqlite"
    for expected in (1, 2, 3):
        journal = Journal(path)
        assert journal.append(17, b"x", 0) == expected
        journal.acknowledge(expected)
        journal.close(clean=True)
    assert Journal(path).after(0, 9) == []


def test_the_journal_stays_small(tmp_path):
    journal = Journal(tmp_path / "journal.sqlite")
    for _ in range(3000):
        journal.acknowledge(journal.append(17, b"x" * 500, 0))
    assert len(journal.after(0, 5000)) < 300
    assert (tmp_path / "journal.sqlite").stat().st_size < 1_000_000


def test_every_append_that_returned_survives_kill_9(tmp_path):
    path = tmp_path / "journal.sqlite"
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE,
                              env={**os.environ, "PYTHONPATH": str(ROOT)}, text=True)
    assert writer.stdout is not None
    returned = 0
    while returned < 700:
        returned = int(writer.stdout.readline())
    writer.send_signal(signal.SIGKILL)
    returned = max([returned, *(int(line) for line in writer.stdout.read().split())])
    writer.wait()

    journal = Journal(path)
    kept = journal.after(0, 10_000)
    assert kept[0].seq <= returned - 20 + 1 and kept[-1].seq >= returned
    assert [d.seq for d in kept] == list(range(kept[0].seq, kept[-1].seq + 1))
    assert all(d.body == b"message %d" % d.seq for d in kept)
    # And the stop is known to have been an unclean one, from the newest entry on.
    assert journal.recall(9_999_999) == (1000 + kept[-1].seq, 9_999_999)


def test_a_clean_stop_leaves_no_gap(tmp_path):
    path = tmp_path / "journal.sqlite"
    journal = Journal(path)
    assert journal.recall(100) is None
    journal.running(100)
    journal.append(17, b"x", 150)
    journal.close(clean=True)
    assert Journal(path).recall(500) is None


def test_an_unclean_stop_is_told_until_somebody_wrote_it_down(tmp_path):
    path = tmp_path / "journal.sqlite"
    journal = Journal(path)
    journal.running(100)
    journal.beat(200)
    journal.close(clean=False)
    again = Journal(path)
    assert again.recall(500) == (200, 500)
    again.running(500)
    again.close(clean=True)  # a clean stop does not make the older gap go away
    third = Journal(path)
    assert third.recall(900) == (200, 500)
    third.gap_stored()
    third.close(clean=True)
    assert Journal(path).recall(1000) is None


def test_the_last_sign_of_life_outlives_the_entry_that_gave_it(tmp_path):
    path = tmp_path / "journal.sqlite"
    journal = Journal(path)
    journal.running(100)
    journal.acknowledge(journal.append(17, b"x", 700))
    journal.flush()
    journal.close(clean=False)
    assert Journal(path).recall(900) == (700, 900)


def test_a_crash_while_catching_up_leaves_a_gap_as_old_as_the_messages(tmp_path):
    hour = 3_600_000
    for name, acknowledge in (("kept", False), ("deleted", True)):
        journal = Journal(tmp_path / name)
        journal.running(10 * hour)
        seq = journal.append(17, b"yesterday's", 10 * hour + 5, sent_at=2 * hour)
        if acknowledge:
            journal.acknowledge(seq)
            journal.flush()
        journal.beat(10 * hour + 5000)
        journal.close(clean=False)
        assert Journal(tmp_path / name).recall(11 * hour) == (2 * hour, 11 * hour)


def test_a_crash_long_after_the_last_message_does_not_go_back_to_it(tmp_path):
    hour = 3_600_000
    journal = Journal(tmp_path / "journal.sqlite")
    journal.running(10 * hour)
    journal.append(17, b"x", 10 * hour + 5, sent_at=10 * hour)
    journal.beat(12 * hour)
    journal.close(clean=False)
    assert Journal(tmp_path / "journal.sqlite").recall(13 * hour) == (12 * hour, 13 * hour)


def test_two_crashes_make_one_gap_from_the_first(tmp_path):
    path = tmp_path / "journal.sqlite"
    for start in (100, 300):
        journal = Journal(path)
        journal.recall(start)
        journal.running(start)
        journal.close(clean=False)
    assert Journal(path).recall(500) == (100, 500)


def test_threads_may_append_while_others_read_and_delete(tmp_path):
    journal = Journal(tmp_path / "journal.sqlite")
    seen: list[int] = []

    def write() -> None:
        for _ in range(1500):
            journal.append(17, b"x", 0)

    writer = threading.Thread(target=write)
    writer.start()
    while len(seen) < 1500:
        for item in journal.after(seen[-1] if seen else 0, 64):
            seen.append(item.seq)
            journal.acknowledge(item.seq)
    writer.join()
    assert seen == list(range(1, 1501))


def test_only_the_owner_may_read_it(tmp_path):
    old = os.umask(0)
    try:
        journal = Journal(tmp_path / "journal.sqlite")
        journal.append(17, b"x", 0)
    finally:
        os.umask(old)
    assert {p.name: p.stat().st_mode & 0o777 for p in tmp_path.iterdir()} == {
        "journal.sqlite": 0o600, "journal.sqlite-wal": 0o600, "journal.sqlite-shm": 0o600}


def test_a_file_that_is_no_journal_is_one_sentence(tmp_path):
    path = tmp_path / "journal.sqlite"
    path.write_bytes(b"not a database" * 100)
    with pytest.raises(JournalError, match=r"journal\.sqlite cannot be opened"):
        Journal(path)


def test_a_journal_of_a_newer_version_is_left_alone(tmp_path):
    path = tmp_path / "journal.sqlite"
    Journal(path).close(clean=True)
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version=99")
    db.close()
    with pytest.raises(JournalError, match="newer version of Daftar"):
        Journal(path)
