"""Stores with some events in them."""

from quickstudy.log.store import Store

SAYS = [{"a": i, "text": f"number {i}"} for i in range(1, 13)]


def append(store, payloads, *, type="feedback", learner=1, subject="case"):
    """Log one event for each payload, together."""
    with store.transaction() as transaction:
        return [
            transaction.append(type, learner=learner, actor="ana", subject=subject, payload=payload)
            for payload in payloads
        ]


def opened(path, payloads=()):
    """An open store with an event for each payload, each in a transaction of its own."""
    store = Store(path)
    for payload in payloads:
        append(store, [payload])
    return store
