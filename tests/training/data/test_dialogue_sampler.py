"""The order of examples that keeps a dialogue's together."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from core.training.data.dialogue_sampler import DialogueSampler


@given(st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=40), st.integers(1, 9), st.integers(0, 3))
def test_every_example_comes_once_in_every_epoch(dialogues: list[str], size: int, epoch: int) -> None:
    sampler = DialogueSampler(dialogues, size, 42)
    sampler.set_epoch(epoch)
    order = list(sampler)
    assert sorted(order) == list(range(len(dialogues)))
    assert list(sampler) == order
    assert len(sampler) == len(order)


@given(st.integers(1, 30), st.integers(1, 6))
def test_pairs_are_never_divided_between_even_steps(pairs: int, half: int) -> None:
    dialogues = [str(number) for number in range(pairs) for _ in range(2)]
    order = list(DialogueSampler(dialogues, 2 * half, 42))
    for start in range(0, len(order), 2 * half):
        counts = Counter(dialogues[index] for index in order[start : start + 2 * half])
        assert set(counts.values()) == {2}


def test_what_does_not_fit_waits_for_the_next_step() -> None:
    dialogues = list("aaabbbccc") + list("dd")
    for seed in range(20):
        order = list(DialogueSampler(dialogues, 5, seed))
        first = Counter(dialogues[index] for index in order[:5])
        assert sorted(first.values()) == [2, 3]
        assert first["d"] == 2


def test_epochs_and_seeds_have_orders_of_their_own() -> None:
    dialogues = [str(number // 2) for number in range(40)]
    sampler = DialogueSampler(dialogues, 8, 1)
    orders = {tuple(sampler), tuple(DialogueSampler(dialogues, 8, 2))}
    sampler.set_epoch(1)
    assert len(orders | {tuple(sampler)}) == 3
