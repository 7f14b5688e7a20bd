"""How many there are, in words that a person reads."""


def counted(count: int, noun: str) -> str:
    """``1 photo``, ``2 photos``: of nouns that take an s."""
    return f"{count} {noun}{'' if count == 1 else 's'}"
