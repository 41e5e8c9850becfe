"""The link with the real WhatsApp library against the emulator."""
from __future__ import annotations

import asyncio
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest

from bridge.link import EXIT_JOURNAL, EXIT_LOCKED, GROUP_INFO, LinkError, LinkUnsure, frames
from bridge.link.parent import Link
from emulator.server import Emulator
from tests.bridge.link.link_account import LIMIT, Account
from waproto import e2e, neonize_pb2

ROOT = Path(__file__).resolve().parents[3]


class House:
    """An emulator with a department's phone, two officials and a group of the three."""

    def __init__(self, emulator: Emulator, folder: Path) -> None:
        self.emulator = emulator
        self.folder = folder

    async def furnish(self) -> None:
        self.office = await self.emulator.phone("+923007001000", "Secretary Office")
        self.zafar = await self.emulator.phone("+923007001001", "Zafar")
        self.gul = await self.emulator.phone("+923007001002", "Gul")
        self.group = await self.emulator.create_group(
            "Secondary Edn. Dept", [self.office, self.zafar, self.gul], admins=[self.zafar])

    def account(self, name: str = "main") -> Account:
        return Account(self.folder / name, self.emulator.client_environment(),
                       partial(self.emulator.scan, self.office))


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    emulator = Emulator(tmp_path / "emulator")
    await emulator.start()
    house = House(emulator, tmp_path / "links")
    await house.furnish()
    yield house
    await emulator.stop()


async def test_a_phone_is_linked_by_qr_code(house):
    async with house.account() as account:
        await account.connected()
        assert account.named()[:2] == ["starting", "qr"]
        assert account.states[-1].detail == house.office.jid
        files = [p for p in (house.folder / "main").iterdir()]
        assert {p.stat().st_mode & 0o777 for p in files} == {0o600}
        assert (house.folder / "main").stat().st_mode & 0o777 == 0o700
    # The session is kept: the next start needs no phone, and a clean stop leaves no gap.
    async with house.account() as again:
        await again.connected()
        assert "qr" not in again.named() and again.gaps() == []


async def test_a_phone_is_linked_by_a_code_typed_into_it(house):
    account = Account(house.folder / "main", house.emulator.client_environment())
    async with account:
        code = await account.link.pair_code("+92 300 7001000")
        await house.emulator.enter_code(house.office, code)
        await account.connected()
        with pytest.raises(LinkError, match="linked already"):
            await account.link.pair_code("+923007001000")


async def test_messages_arrive_in_order_exactly_once(house):
    async with house.account() as account:
        await account.connected()
        expected = []
        for number in range(200):
            phone = (house.zafar, house.gul)[number % 2]
            await phone.send_text(house.group, f"message {number}")
            expected.append(f"message {number}")
        await account.until(lambda: len(account.texts()) >= 200)
        await house.emulator.idle(LIMIT)
        assert account.texts() == expected
        seqs = [d.seq for d in account.events]
        assert seqs == sorted(set(seqs))
        first = account.messages()[0].Info
        assert (first.Pushname, first.MessageSource.Chat.User) == (
            "Zafar", house.group.jid.split("@")[0])


async def test_what_is_sent_reaches_the_phones(house):
    async with house.account() as account:
        await account.connected()
        sent = await account.link.send(house.group.jid, e2e.Message(conversation="Noted. سلام"))
        seen = await house.zafar.wait_for(lambda s: s.id == sent.id, LIMIT)
        assert (seen.text, seen.sender, seen.from_device) == (
            "Noted. سلام", house.office.number, True)
        assert seen.timestamp == sent.timestamp

        paper = b"%PDF-1.4 " + os.urandom(100_000)
        up = await account.link.upload(paper, "document")
        document = e2e.Message(documentMessage=e2e.DocumentMessage(
            URL=up.url, directPath=up.DirectPath, mediaKey=up.MediaKey,
            fileEncSHA256=up.FileEncSHA256, fileSHA256=up.FileSHA256, fileLength=up.FileLength,
            mimetype="application/pdf", fileName="order.pdf"))
        sent = await account.link.send(house.group.jid, document)
        seen = await house.gul.wait_for(lambda s: s.id == sent.id, LIMIT)
        assert (seen.media, seen.filename) == (paper, "order.pdf")


async def test_sends_leave_in_the_order_of_the_calls(house):
    async with house.account() as account:
        await account.connected()
        texts = [f"line {number}" for number in range(40)]
        sent = await asyncio.gather(*[
            account.link.send(house.group.jid, e2e.Message(conversation=text)) for text in texts])
        await house.gul.wait_for(lambda s: s.id == sent[-1].id, LIMIT)
        assert [s.text for s in house.gul.seen if s.from_device] == texts


async def test_media_groups_and_pictures_can_be_fetched(house, tmp_path):
    async with house.account() as account:
        await account.connected()
        picture = os.urandom(50_000)
        await house.zafar.send_media(house.group, picture, "image", mime="image/jpeg",
                                     caption="roof of GGPS")
        await account.until(account.messages)
        message = account.messages()[0].Message
        assert message.imageMessage.caption == "roof of GGPS"
        await account.link.download(message, tmp_path / "picture")
        assert (tmp_path / "picture").read_bytes() == picture

        [info] = await account.link.groups()
        assert info.GroupName.Name == "Secondary Edn. Dept"
        info = await account.link.group(house.group.jid)
        assert len(info.Participants) == 3
        assert await account.link.picture(house.gul.jid) is None
        await account.link.mark_read(house.group.jid, house.zafar.jid,
                                     [account.messages()[0].Info.ID])


async def test_refusals_are_one_sentence(house):
    async with house.account() as account:
        with pytest.raises(LinkError, match="not"):
            await account.link.send(house.group.jid, e2e.Message(conversation="too early"))
        await account.connected()
        for call, text in [
            (account.link.send("nonsense", e2e.Message(conversation="x")), "no WhatsApp address"),
            (account.link.send("1@example.org", e2e.Message(conversation="x")), "no WhatsApp addr"),
            (account.link.send("120363999999999999@g.us", e2e.Message(conversation="x")),
             "did not take the message"),
            (account.link.upload(b"", "image"), "empty file"),
            (account.link.upload(b"x", "hologram"), "no kind of media"),
            (account.link.pair_code("0300"), "no phone number with country code"),
        ]:
            with pytest.raises(LinkError, match=text):
                await call


async def test_a_broken_connection_is_mended_by_itself(house):
    async with house.account() as account:
        await account.connected()
        pid = account.link.pid
        for round_ in range(2):
            assert await house.emulator.drop_connections() == 1
            await house.zafar.send_text(house.group, f"while away {round_}")
            await account.until(lambda n=round_: len(account.texts()) == n + 1)
        await account.connected(times=3)
        assert account.texts() == ["while away 0", "while away 1"]
        assert "disconnected" in account.named() and account.gaps() == []
        assert account.link.pid == pid


async def test_a_killed_child_comes_back_and_what_is_missing_is_told(house):
    async with house.account() as account:
        await account.connected()
        expected, times = [], {}
        for number in range(300):
            sent = await house.zafar.send_text(house.group, f"message {number}")
            expected.append(f"message {number}")
            times[f"message {number}"] = sent.timestamp * 1000
            if number in (100, 200):
                await account.until(account.texts)
                os.kill(account.link.pid, signal.SIGKILL)
                await account.connected(times=number // 100 + 1)
        await account.until(lambda: "message 299" in account.texts())
        await house.emulator.idle(LIMIT)
        got = account.texts()
        assert got == [text for text in expected if text in got], "order or duplicates"
        missing = [text for text in expected if text not in got]
        assert len(account.gaps()) == 2
        # What can be missing is what Go had acknowledged and not yet handed over: its channel.
        assert len(missing) <= 202, missing
        for text in missing:
            assert any(start <= times[text] + 999 and times[text] <= end
                       for start, end in account.gaps()), text


async def test_sends_in_hand_at_a_crash_are_sent_refused_or_unsure(house):
    async with house.account() as account:
        await account.connected()
        sends = [asyncio.ensure_future(account.link.send(
            house.group.jid, e2e.Message(conversation=f"reply {n}"))) for n in range(60)]
        await sends[5]
        os.kill(account.link.pid, signal.SIGKILL)
        ends = await asyncio.gather(*sends, return_exceptions=True)
        await account.connected(times=2)
        sent = {e.id for e in ends if not isinstance(e, BaseException)}
        refused = [n for n, e in enumerate(ends) if isinstance(e, LinkError)]
        unsure = [n for n, e in enumerate(ends) if isinstance(e, LinkUnsure)]
        assert len(sent) + len(refused) + len(unsure) == 60
        assert len(sent) >= 6 and len(unsure) <= 1
        await asyncio.gather(*[house.gul.wait_for(lambda s, i=i: s.id == i, LIMIT) for i in sent])
        arrived = {s.text for s in house.gul.seen if s.from_device}
        assert not arrived & {f"reply {n}" for n in refused}


PARENT = """
import asyncio, json, sys
from pathlib import Path
from bridge.link.parent import Link

async def main():
    async def on_event(delivery):
        print("event", flush=True)
        await asyncio.sleep(3600)   # never stored
    async def on_state(state):
        if state.state == "connected":
            print(link.pid, flush=True)
    link = Link(Path(sys.argv[1]), "Daftar test", json.loads(sys.argv[2]), on_event, on_state)
    await link.start()
    await asyncio.sleep(3600)

asyncio.run(main())
"""


def _gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


async def _ended(account: Account) -> None:
    while account.link.pid is not None:
        await asyncio.sleep(0.05)


async def _line(stream: asyncio.StreamReader) -> str:
    return (await asyncio.wait_for(stream.readline(), LIMIT)).decode().strip()


async def test_a_child_without_a_parent_stops_and_the_next_one_replays(house):
    import json
    async with house.account() as account:
        await account.connected()
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PARENT, str(house.folder / "main"),
        json.dumps(house.emulator.client_environment()), stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)})
    child = int(await _line(parent.stdout))
    for number in range(3):
        await house.zafar.send_text(house.group, f"unstored {number}")
    assert await _line(parent.stdout) == "event"
    await house.emulator.idle(LIMIT)
    parent.kill()
    await parent.wait()
    async with house.account() as account:  # waits for the session's lock, then takes over
        await account.until(lambda: len(account.texts()) == 3)
        assert _gone(child)
        assert account.texts() == ["unstored 0", "unstored 1", "unstored 2"]
        assert account.gaps() == []


async def test_an_event_that_cannot_be_stored_is_tried_again(house):
    account = house.account()
    store, fails = account.on_event, iter([OSError("disk"), ValueError("odd"), None])

    async def refuse_twice(delivery):
        error = next(fails, None)
        if error:
            raise error
        await store(delivery)

    account.link._on_event = refuse_twice
    async with account:
        await account.connected()
        await house.zafar.send_text(house.group, "one")
        await house.zafar.send_text(house.group, "two")
        await account.until(lambda: len(account.texts()) == 2)
        assert account.texts() == ["one", "two"]


async def test_a_journal_that_cannot_be_written_ends_the_child_loudly(house):
    async with house.account() as account:
        await account.connected()
        first = account.link.pid
        # The disk is full for this process: its files may not grow any more.
        resource.prlimit(first, resource.RLIMIT_FSIZE, (0, 0))
        await house.zafar.send_text(house.group, "lost or told")
        await account.until(lambda: account.link.pid not in (None, first))
        await account.connected(times=2)
        assert any("cannot write its journal" in s.detail for s in account.states)
        await house.zafar.send_text(house.group, "afterwards")
        await account.until(lambda: "afterwards" in account.texts())
        assert account.gaps() or "lost or told" in account.texts()


def test_an_event_that_misses_the_journal_takes_the_process_with_it(tmp_path):
    program = """
import ctypes, sqlite3
from bridge.link.child import Child

class Full:
    def append(self, *_):
        raise sqlite3.OperationalError("database or disk is full")

child = Child("x", None, 0)
child._journal = Full()
body = ctypes.create_string_buffer(b"abc")
child._on_event(b"", ctypes.addressof(body), 3, 22)
print("still alive")
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True,
                           cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False)
    assert (ended.returncode, ended.stdout) == (EXIT_JOURNAL, "")
    assert "was not written to the journal" in ended.stderr and "disk is full" in ended.stderr


async def test_an_unlinked_device_rests_until_a_person_links_it_again(house):
    devices: list[str] = []

    async def scan(code: str) -> None:
        devices.append(await house.emulator.scan(house.office, code))

    async with Account(house.folder / "main", house.emulator.client_environment(), scan) as account:
        await account.connected()
        await house.emulator.unlink(devices[0])
        await account.until(lambda: "logged_out" in account.named())
        with pytest.raises(LinkError, match="not connected"):
            await account.link.send(house.group.jid, e2e.Message(conversation="x"))
        account._scan = scan
        await account.link.relink()
        await account.connected(times=2)
        assert account.gaps() == []
        after = account.named()[account.named().index("logged_out") + 1:]
        assert after[:2] == ["starting", "qr"]
        await account.link.logout()
        await account.until(lambda: account.named()[-1] == "logged_out")


async def test_a_session_that_is_used_elsewhere_rests(house):
    async with house.account() as account:
        await account.connected()
    shutil.copytree(house.folder / "main", house.folder / "copy")
    async with house.account() as account:
        await account.connected()
        async with house.account("copy") as thief:
            await thief.connected()
            await account.until(lambda: "replaced" in account.named())
            assert account.named()[-1] == "replaced"  # and it does not fight for the connection


async def test_two_processes_never_share_a_session(house):
    async with house.account() as account:
        await account.connected()
        ours, theirs = socket.socketpair()
        with ours, theirs:
            second = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "bridge.link", "--folder", str(house.folder / "main"),
                "--device-name", "x", "--fd", str(theirs.fileno()), "--lock-wait", "0.5",
                pass_fds=(theirs.fileno(),), env={**os.environ, "PYTHONPATH": str(ROOT)})
            assert await asyncio.wait_for(second.wait(), LIMIT) == EXIT_LOCKED
            [state] = frames.Decoder().feed(ours.recv(1 << 16))
        assert state.head["state"] == "failed"
        assert "another process already uses this WhatsApp session" in state.head["detail"]
        await house.zafar.send_text(house.group, "undisturbed")
        await account.until(account.texts)


async def test_a_library_that_cannot_load_is_one_sentence_and_no_loop(house, tmp_path):
    broken = tmp_path / "broken" / "neonize"
    broken.mkdir(parents=True)
    (broken / "__init__.py").write_text(
        "raise OSError('neonize-linux-arm64.so: wrong ELF class')")
    environment = {**house.emulator.client_environment(), "PYTHONPATH": str(broken.parent)}
    async with Account(house.folder / "main", environment) as account:
        await account.until(lambda: account.named() == ["starting", "failed"])
        assert account.states[-1].detail == (
            "the WhatsApp library (neonize) cannot be loaded on this machine: "
            "neonize-linux-arm64.so: wrong ELF class")
        with pytest.raises(LinkError, match="the WhatsApp process"):
            await account.link.groups()
        await asyncio.wait_for(_ended(account), LIMIT)
        with pytest.raises(LinkError, match="not running"):
            await account.link.groups()
        assert account.named() == ["starting", "failed"]


async def test_an_unreachable_whatsapp_is_told_and_tried_again(house):
    environment = {**house.emulator.client_environment(), "HTTPS_PROXY": "http://127.0.0.1:9"}
    async with Account(house.folder / "main", environment) as account:
        await account.until(lambda: account.named().count("disconnected") >= 2)
        reason = next(s.detail for s in account.states if s.state == "disconnected")
        assert reason.startswith("WhatsApp cannot be reached: ")
        assert account.gaps() == []


async def test_group_changes_are_journalled_too(house):
    async with house.account() as account:
        await account.connected()
        newcomer = await house.emulator.phone("+923007001003", "Noor")
        await house.emulator.create_group("", [newcomer], jid=house.group.jid)
        await account.until(lambda: any(d.code == GROUP_INFO for d in account.events))
        change = neonize_pb2.GroupInfoEvent.FromString(
            next(d.body for d in account.events if d.code == GROUP_INFO))
        assert f"{change.JID.User}@{change.JID.Server}" == house.group.jid


def test_a_link_is_started_once(tmp_path):
    async def twice() -> None:
        link = Link(tmp_path / "x", "Daftar", {"PYTHONPATH": "/nonexistent"}, None, None)
        await link.start()
        try:
            with pytest.raises(LinkError, match="running already"):
                await link.start()
        finally:
            await link.stop()

    asyncio.run(twice())
