"""`daftar eval`: its measures against cases worked out by hand, its faults as one sentence."""
from __future__ import annotations

import itertools
import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.main import main
from cli.scoring import corpus, orders, threads
from cli.scoring.partitions import agreement, exact, one_to_one

CHATS = Path(__file__).parent.parent / "nlp" / "chats"


def parts(*threads_: str) -> dict[str, int]:
    """`parts("ab", "c")`: a and b in one thread, c in another."""
    return {message: number for number, thread in enumerate(threads_) for message in thread}


def test_agreement_by_hand() -> None:
    """Four messages. Gold {ab}{cd}, found {abcd}: H(gold|found) = 1 bit, H(found|gold) = 0, so
    VI = 1 of log2 4 = 2. Crossed pairs: both conditionals are 1 bit, VI = 2, the worst."""
    gold = parts("ab", "cd")
    assert agreement(gold, gold) == 1.0
    assert agreement(gold, parts("abcd")) == pytest.approx(0.5)
    assert agreement(gold, parts("a", "b", "c", "d")) == pytest.approx(0.5)
    assert agreement(gold, parts("ac", "bd")) == pytest.approx(0.0)
    # {abc}{d} against {ab}{cd}: H(G|F) = 3/4·h(1/3), H(F|G) = 1/2·1
    third = -(1 / 3 * math.log2(1 / 3) + 2 / 3 * math.log2(2 / 3))
    assert agreement(gold, parts("abc", "d")) == pytest.approx(1 - (0.75 * third + 0.5) / 2)


def test_one_to_one_by_hand() -> None:
    """Pairing greedily takes {abcde} with {abcfg} (3) and leaves 0; the best pairing has 2 + 2."""
    assert one_to_one(parts("ab", "cd"), parts("abcd")) == 0.5
    assert one_to_one(parts("abcde", "fg"), parts("abcfg", "de")) == pytest.approx(4 / 7)
    assert one_to_one(parts("abcd", "ef"), parts("cdef", "ab")) == pytest.approx(4 / 6)
    assert one_to_one({}, {}) == 1.0


def test_exact_by_hand() -> None:
    """Threads of one message count on neither side (Kummerfeld et al. 2019, section 4.2)."""
    assert exact(parts("ab", "cd", "e"), parts("ab", "c", "d", "e")) == (1.0, 0.5, 2 / 3)
    assert exact(parts("ab", "cd"), parts("abcd")) == (0.0, 0.0, 0.0)
    assert exact(parts("a", "b"), parts("a", "b")) == (0.0, 0.0, 0.0)


LABELS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=12)


@given(LABELS)
def test_measures_agree_with_their_definitions(labels: list[tuple[int, int]]) -> None:
    gold = {number: pair[0] for number, pair in enumerate(labels)}
    found = {number: pair[1] for number, pair in enumerate(labels)}
    assert -1e-9 <= agreement(gold, found) <= 1 + 1e-9
    assert agreement(gold, found) == pytest.approx(agreement(found, gold))
    assert one_to_one(gold, found) == pytest.approx(by_trying_all(gold, found))
    assert exact(gold, gold)[2] in (0.0, 1.0)


def by_trying_all(gold: dict[int, int], found: dict[int, int]) -> float:
    """The best pairing, by every permutation."""
    names = range(5)
    return max(sum(found[message] == order[gold[message]] for message in gold)
               for order in itertools.permutations(names)) / len(gold)


def line(number: int, **fields: object) -> str:
    row = {"id": f"m{number:03}", "ts": f"2026-03-02T09:{number:02}:00", "from": "+923007001001",
           "kind": "text", "text": "Noted sir", "gold": {"thread": "t01"}, **fields}
    return json.dumps({key: value for key, value in row.items() if value is not None})


@pytest.mark.parametrize(("lines", "told"), [
    ([line(1), "{"], "line 2: not JSON"),
    (["[1]"], "line 1: a line must hold one message"),
    ([line(1), line(1)], "line 2: the id 'm001' stands twice"),
    ([line(1, ts="yesterday")], "line 1: ts 'yesterday' is no time; write it as"),
    ([line(1, text=None)], "line 1: the field 'text' is missing"),
    ([line(1, reply_to="m009")], "line 1: reply_to names 'm009', which is no earlier message"),
    ([line(1, gold=[])], "line 1: gold must be an object"),
    ([line(1, mentions="x")], "line 1: mentions must be a list"),
    (["[" * 100_000], "line 1: not JSON"),
])
def test_a_bad_file_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str],
                                    lines: list[str], told: str) -> None:
    (tmp_path / "group.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert main(["eval", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert told in error and "group.jsonl" in error and error.count("\n") == 1


def test_bad_folders_rosters_and_letters(tmp_path: Path,
                                         capsys: pytest.CaptureFixture[str]) -> None:
    def told() -> str:
        assert main(["eval", str(tmp_path), "--json"]) == 2
        return capsys.readouterr().err

    assert "there is no .jsonl file in it" in told()
    (tmp_path / "group.jsonl").write_bytes(line(1).encode() + b"\n\xff\n")
    assert "line 2: this is not UTF-8" in told()
    (tmp_path / "group.jsonl").write_text(line(1), encoding="utf-8")
    (tmp_path / "roster.csv").write_text("phone,name\n", encoding="utf-8")
    assert "line 1: the column 'whatsapp_name' is missing" in told()
    (tmp_path / "roster.csv").write_text(
        "phone,name,whatsapp_name,post,place,rank,since\n+92,A,A,DEO,Sibi,first,2026-01-01\n",
        encoding="utf-8")
    assert "roster.csv, line 2: rank 'first' is no whole number" in told()
    assert main(["eval", str(tmp_path / "nowhere")]) == 2
    assert "there is no such folder" in capsys.readouterr().err


def test_figures_and_predictions(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """On the chats written for the tests: all is reported, better than the rules beside it."""
    assert main(["eval", str(CHATS), "--json", "--predictions", str(tmp_path / "out")]) == 0
    figures = json.loads(capsys.readouterr().out)["threads"]
    assert set(figures["baselines"]) == {"each alone", "previous message", "10-minute gap",
                                         "quotes only"}
    best = max(rule["one_minus_vi"] for rule in figures["baselines"].values())
    for quotes in ("quotes_visible", "quotes_hidden"):
        assert figures[quotes]["one_minus_vi"] > best + 0.02
        assert figures[quotes]["placements"]["precision"] > 0.9
        assert set(figures[quotes]["chats"]) == {path.stem for path in CHATS.glob("*.jsonl")}
    for path in CHATS.glob("*.jsonl"):
        given_ = [json.loads(row) for row in path.read_text(encoding="utf-8").splitlines()]
        made = [json.loads(row) for row in
                (tmp_path / "out" / path.name).read_text(encoding="utf-8").splitlines()]
        assert [row["id"] for row in made] == [row["id"] for row in given_]
        assert all({"thread", "directives", "schools", "districts"} <= set(row["pred"])
                   <= {"thread", "directives", "complies", "schools", "districts", "visit"}
                   for row in made)


ORDERS = CHATS.parent / "orders"


def test_what_is_read_is_scored(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The gold as its own prediction is faultless, and each fault lowers its own measure."""
    folder = corpus.load(ORDERS)
    own = {name: {said.id: {"districts": [], "schools": [], "directives": [], **said.gold}
                  for said in chat} for name, chat in folder.chats.items()}
    perfect = orders.score(folder.chats, own)
    assert perfect["mistakes"] == []
    assert perfect["directives"]["each"]["f1"] == perfect["directives"]["due_accuracy"] == 1.0
    assert perfect["complies"]["with_target_and_state"]["f1"] == 1.0
    assert perfect["visits"]["field_accuracy"] == perfect["schools"]["bemis"]["f1"] == 1.0
    first = own["zhob-field"]["m003"]["directives"]
    own["zhob-field"]["m003"]["directives"] = [{**first[0], "to": ["DEO Zhob"]}]
    worse = orders.score(folder.chats, own)
    total = perfect["directives"]["each"]["gold"]
    assert worse["directives"]["each"]["recall"] == pytest.approx((total - 1) / total)
    assert worse["directives"]["each"]["precision"] == 1.0
    assert worse["directives"]["addressee_accuracy"] == pytest.approx((total - 2) / (total - 1))
    assert worse["mistakes"] and "m003" in worse["mistakes"][0]
    assert main(["eval", str(ORDERS)]) == 0
    assert "with target and state" in capsys.readouterr().out


def test_orders_of_the_chats_that_they_were_made_with() -> None:
    """Floors well under what is measured (docs/reading.md), so that a loss is seen."""
    for name, floor in (("orders", 0.9), ("orders-read", 0.9), ("orders-north", 0.9),
                        ("orders-west", 0.9), ("orders-south", 0.9), ("orders-east", 0.9),
                        ("orders-hills", 0.9), ("orders-unseen", 0.85)):
        folder = corpus.load(CHATS.parent / name)
        roots = {chat: {key: placed.root for key, placed in
                        threads.predict(folder, said, True).items()}
                 for chat, said in folder.chats.items()}
        figures, _ = orders.report(folder, roots)
        assert figures["directives"]["each"]["f1"] > floor
        assert figures["schools"]["bemis"]["f1"] > 0.95
        assert figures["visits"]["field_accuracy"] > 0.9


def test_a_chat_that_nothing_was_trained_on() -> None:
    folder = corpus.load(CHATS.parent / "unseen")
    figures, _ = threads.report(folder)
    best = max(rule["one_minus_vi"] for rule in figures["baselines"].values())
    for quotes in ("quotes_visible", "quotes_hidden"):
        assert figures[quotes]["one_minus_vi"] > best + 0.1
        assert figures[quotes]["placements"]["precision"] >= 0.95


def test_hidden_quotes_are_not_seen_and_nothing_looks_ahead() -> None:
    folder = corpus.load(CHATS)
    chat = folder.chats["secretariat"]
    without = [said if not said.reply_to else
               corpus.Said(**{**said.__dict__, "reply_to": None}) for said in chat]
    hidden = threads.predict(folder, chat, quotes=False)
    assert hidden == threads.predict(folder, without, quotes=True)
    half = threads.predict(folder, chat[:30], quotes=True)
    whole = threads.predict(folder, chat, quotes=True)
    assert all(whole[key] == placement for key, placement in half.items())


def test_the_rules_beside_it() -> None:
    folder = corpus.load(CHATS)
    rules = threads.baselines(folder.chats["secretariat"][:4])
    assert len(set(rules["each alone"].values())) == 4
    assert len(set(rules["previous message"].values())) == 1


def test_text_and_a_folder_that_cannot_be_written(capsys: pytest.CaptureFixture[str],
                                                  tmp_path: Path) -> None:
    assert main(["eval", str(CHATS), "--quotes", "hidden"]) == 0
    told = capsys.readouterr().out
    assert "quotes hidden" in told and "quotes visible" not in told and "rule: each alone" in told
    (tmp_path / "file").write_text("")
    assert main(["eval", str(CHATS), "--predictions", str(tmp_path / "file")]) == 2
    assert "cannot be written" in capsys.readouterr().err
