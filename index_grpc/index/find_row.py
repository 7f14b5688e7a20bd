"""One photo's row in a version, by its listing's and its own id.

The rows file is read as bytes and searched: a month's is found in a tenth of a second, where
parsing it would take seconds; and of a version in a bucket nothing but the rows is fetched.
"""

import json

from index_grpc.index.index_files import ROWS
from index_grpc.index.rows import Row
from photosearch.catalogue.listing import Photo
from photosearch.repository.addresses import Address
from photosearch.repository.repository import Repository
from photosearch.repository.version_files import read_file


def find_row(repository: Repository, address: Address, version: str, photo: Photo) -> Row | None:
    """The photo's row; None if the version does not have it, or is not there."""
    content = read_file(repository, address, version, ROWS)
    ids = (json.dumps(one) for one in (photo.listing_id, photo.photo_id))
    needle = '"listing_id":{},"photo_id":{},'.format(*ids).encode()
    at = -1 if content is None else content.find(needle)
    if content is None or at < 0:
        return None
    start = content.rfind(b"\n", 0, at) + 1
    end = content.find(b"\n", at)
    try:
        return Row.from_json(content[start : end if end >= 0 else None])
    except ValueError:
        return None  # damaged
