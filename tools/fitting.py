"""Fitting the weights of a log-linear choice: Rprop with a pull (L2) towards weights written by
hand; a weight may shrink to nothing but not change its sign, so that a few hundred messages cannot
teach what no person would say. Plain Python, deterministic."""
from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

STEPS = 150
Choice = dict[str, float]


@dataclass(frozen=True)
class Example:
    """A message: its choices' ties, which of them are right, and what it counts."""

    choices: list[Choice]
    right: list[bool]
    weight: float = 1.0


def fit(found: list[Example], start: Mapping[str, float], by_hand: Mapping[str, float],
        pull: float) -> dict[str, float]:
    """Weights that make the right choices likeliest; `pull`: of L2, an example."""
    weights = dict(start)
    steps = dict.fromkeys(weights, 0.1)
    before = dict.fromkeys(weights, 0.0)
    for _ in range(STEPS):
        slope = _slope(found, weights)
        for name, value in weights.items():
            pulled = slope[name] / len(found) - pull * (value - by_hand[name])
            if pulled * before[name] > 0:
                steps[name] = min(0.5, steps[name] * 1.2)
            elif pulled * before[name] < 0:
                steps[name] = max(0.001, steps[name] * 0.5)
            before[name] = pulled
            moved = value + math.copysign(steps[name], pulled) if pulled else value
            weights[name] = _same_sign(by_hand[name], moved)
    return weights


def _same_sign(hand: float, value: float) -> float:
    return max(0.0, value) if hand > 0 else min(0.0, value) if hand < 0 else value


def _slope(found: list[Example], weights: Mapping[str, float]) -> dict[str, float]:
    """How the logarithm of the right choices' chances grows with each weight."""
    slope = dict.fromkeys(weights, 0.0)
    for example in found:
        powers = _powers(example.choices, weights)
        total = sum(powers)
        right = sum(power for power, is_right in zip(powers, example.right, strict=True)
                    if is_right)
        for choice, power, is_right in zip(example.choices, powers, example.right, strict=True):
            pull = ((power / right if is_right else 0.0) - power / total) * example.weight
            for name, value in choice.items():
                slope[name] += pull * value
    return slope


def _powers(choices: list[Choice], weights: Mapping[str, float]) -> list[float]:
    scores = [sum(weights[name] * value for name, value in choice.items()) for choice in choices]
    top = max(scores)
    return [max(1e-12, math.exp(score - top)) for score in scores]
