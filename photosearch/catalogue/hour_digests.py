"""What the catalogue holds of every hour, asked again only when it may have changed.

To ask costs the reading of every photo's row, which a look at each minute would spend most of
its time on. The file that photosearch makes itself tells by its time and size whether anybody
wrote to it. A shop's own database does not: what its views are made of, nobody here knows.
"""

from collections.abc import Hashable

from photosearch.catalogue.catalogue import Catalogue
from photosearch.catalogue.listing import CatalogueDigest
from photosearch.windows import Span, Window


class HourDigests:
    """The digests at the last question; for one thread."""

    def __init__(self) -> None:
        self._asked: Hashable = None
        self._found: dict[Window, CatalogueDigest] = {}

    def of(self, catalogue: Catalogue, span: Span) -> dict[Window, CatalogueDigest]:
        """:meth:`Catalogue.hour_digests`, which is not to be changed."""
        mark = catalogue.mark()
        if mark is None or (mark, span) != self._asked:
            self._found = catalogue.hour_digests(span)
            self._asked = None if mark is None else (mark, span)
        return self._found
