"""Receipts: the first time counts, and two persons who turn out to be one have one."""
from __future__ import annotations

from archive import directory, messages, receipts
from archive.model import NewRecord, Sender

AT = 1_790_000_000_000


async def test_the_first_time_counts_and_persons_who_become_one_have_one_receipt(database):
    chat = await database.write(directory.ensure_chat("120363001@g.us", "DEOs", "", AT))
    record, _ = await database.write(messages.add(NewRecord(
        chat.id, "text", "matrix", "$order", Sender(mxid="@so:x"), AT, AT, "an order")))
    number = await database.write(directory.ensure(Sender(pn="923007000001"), AT))
    lid = await database.write(directory.ensure(Sender(lid="111"), AT))
    other = await database.write(directory.ensure(Sender(lid="222"), AT))
    for person, at, read in ((number, 5, False), (number, 7, True), (number, 9, True),
                             (lid, 6, False), (other, 8, False)):
        await database.write(receipts.note(record, person, at, read=read))
    found = await receipts.of(database, record)
    assert [(one.person_id, one.delivered_at, one.read_at) for one in found] == [
        (number, 5, 7), (lid, 6, None), (other, 8, None)]
    one = await database.write(directory.ensure(Sender(pn="923007000001", lid="111"), AT))
    assert {r.person_id for r in await receipts.of(database, record)} == {one, other}
