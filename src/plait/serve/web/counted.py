"""The words for what a service counts: stages of answers, reasons at the door, what became of events and models."""

from collections.abc import Callable

__all__ = ["counted"]


def counted(say: Callable[[str], str]) -> dict[str, str]:
    """Return how a page names what is counted.

    Args:
        say: says a word in the reader's language.
    """
    return {
        "events": say("events"),
        "retrieve": say("retrieve"),
        "rank": say("rank"),
        "order": say("order"),
        "why": say("why"),
        "attributes": say("attributes"),
        "counterfactual": say("counterfactual"),
        "meaning": say("meaning"),
        "full": say("full"),
        "key": say("key"),
        "scope": say("scope"),
        "host": say("host"),
        "origin": say("origin"),
        "body": say("body"),
        "length": say("length"),
        "repeated": say("repeated"),
        "promoted": say("promoted"),
        "refused": say("refused"),
        "rolled back": say("rolled back"),
        "compared": say("compared"),
        "failed": say("failed"),
        "left out": say("left out"),
        "new": say("new"),
        "other": say("other"),
    }
