"""What is not made up: queries so long that HTTP/1.1 itself refuses the request line, before any operation sees it."""

import urllib.parse

import schemathesis

# The server's HTTP library takes 64 KiB; the path and the other parameters need room, too.
QUERY_MAX = 30_000


@schemathesis.hook
def filter_query(_context, query):
    """Keeps what fits into a request line."""
    return len(urllib.parse.urlencode(query or {}, doseq=True, errors="replace")) < QUERY_MAX


@schemathesis.serializer("application/jsonl")
def lines(_context, value):
    """What is made up for an import is bytes already, or becomes one line of text."""
    plain = getattr(value, "data", value)
    return plain if isinstance(plain, bytes) else str(plain).encode(errors="replace")
