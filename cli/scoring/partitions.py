"""How alike two ways of dividing the same messages are, after Kummerfeld et al., "A Large-Scale
Corpus for Conversation Disentanglement" (ACL 2019), section 4.2, and the evaluation script that
its authors publish (jkkummerfeld/irc-disentanglement, tools/evaluation/conversation-eval.py).

A partition maps each message to the key of its thread. Several chats are compared as one by keys
that name the chat as well, as the authors' script does.
"""
from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Hashable, Mapping

Partition = Mapping[Hashable, Hashable]  # message -> thread


def agreement(gold: Partition, found: Partition) -> float:
    """1 − VI / log2 n: variation of information (Meilă 2007) scaled by its bound for n messages.
    1.0 for equal partitions, and for fewer than two messages."""
    total = len(gold)
    if total < 2:
        return 1.0
    joint = Counter((gold[message], found[message]) for message in gold)
    golds, founds = Counter(gold.values()), Counter(found[message] for message in gold)
    # VI = H(G|F) + H(F|G); each cell adds its share times the logs of both conditionals
    distance = -sum(
        count / total * (math.log2(count / golds[g]) + math.log2(count / founds[f]))
        for (g, f), count in joint.items())
    return 1.0 - distance / math.log2(total)


def one_to_one(gold: Partition, found: Partition) -> float:
    """Share of messages in common when threads are paired one to one so that it is largest."""
    joint = Counter((gold[message], found[message]) for message in gold)
    return sum(_best_pairing(part) for part in _components(joint)) / len(gold) if gold else 1.0


def exact(gold: Partition, found: Partition) -> tuple[float, float, float]:
    """Precision, recall and F1 of threads found whole. Threads of one message count on neither
    side, as in the paper; 0.0 where there are none."""
    golds, founds = _threads(gold, gold), _threads(found, gold)
    matched = len(golds & founds)
    if not matched:
        return 0.0, 0.0, 0.0
    precision, recall = matched / len(founds), matched / len(golds)
    return precision, recall, 2 * precision * recall / (precision + recall)


def _threads(partition: Partition, messages: Partition) -> set[frozenset[Hashable]]:
    threads = defaultdict(set)
    for message in messages:
        threads[partition[message]].add(message)
    return {frozenset(members) for members in threads.values() if len(members) > 1}


_Joint = dict[tuple[Hashable, Hashable], int]


def _components(joint: _Joint) -> list[_Joint]:
    """The table of overlaps in parts that share no thread: the pairing of each stands alone."""
    rows, columns = defaultdict(list), defaultdict(list)
    for row, column in joint:
        rows[row].append(column)
        columns[column].append(row)
    parts, seen = [], set()
    for start in rows:
        if start in seen:
            continue
        seen.add(start)
        part, waiting = {}, [start]
        while waiting:
            row = waiting.pop()
            for column in rows[row]:
                part[row, column] = joint[row, column]
                for other in columns[column]:
                    if other not in seen:
                        seen.add(other)
                        waiting.append(other)
        parts.append(part)
    return parts


def _best_pairing(joint: _Joint) -> int:
    """Largest sum of overlaps with each row and each column used once: the Hungarian method with
    potentials, O(rows² · columns)."""
    rows = list(dict.fromkeys(row for row, _ in joint))
    columns = list(dict.fromkeys(column for _, column in joint))
    if len(rows) > len(columns):
        joint = {(column, row): count for (row, column), count in joint.items()}
        rows, columns = columns, rows
    if len(rows) == 1:
        return max(joint.values())
    cost = [[-joint.get((row, column), 0) for column in columns] for row in rows]
    return -sum(cost[row][column] for column, row in enumerate(_assign(cost)) if row is not None)


def _assign(cost: list[list[int]]) -> list[int | None]:
    """For each column the row that takes it at least total cost; rows are at most columns."""
    height, width = len(cost), len(cost[0])
    row_price, column_price = [0] * (height + 1), [0] * (width + 1)
    taken = [0] * (width + 1)  # rows and columns from 1; 0 is the row that seeks a place
    for row in range(1, height + 1):
        taken[0], column = row, 0
        slack, way, done = [math.inf] * (width + 1), [0] * (width + 1), [False] * (width + 1)
        while taken[column]:
            done[column] = True
            here, delta, following = taken[column], math.inf, 0
            for other in range(1, width + 1):
                if done[other]:
                    continue
                reduced = cost[here - 1][other - 1] - row_price[here] - column_price[other]
                if reduced < slack[other]:
                    slack[other], way[other] = reduced, column
                if slack[other] < delta:
                    delta, following = slack[other], other
            for other in range(width + 1):
                if done[other]:
                    row_price[taken[other]] += delta
                    column_price[other] -= delta
                else:
                    slack[other] -= delta
            column = following
        while column:
            taken[column] = taken[way[column]]
            column = way[column]
    return [row - 1 if row else None for row in taken[1:]]
