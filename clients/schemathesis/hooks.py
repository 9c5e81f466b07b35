"""What is not made up: queries so long that HTTP/1.1 itself refuses the request line, before any operation sees it."""

import urllib.parse

import schemathesis

# The server's HTTP library takes 64 KiB; the path and the other parameters need room, too.
QUERY_MAX = 30_000


def fits(query):
    """Whether a query fits into a request line."""
    return len(urllib.parse.urlencode(query or {}, doseq=True, errors="replace")) < QUERY_MAX


@schemathesis.hook
def filter_query(_context, query):
    """Of queries that are made up at random, keeps those that fit."""
    return fits(query)


@schemathesis.hook
def filter_case(_context, case):
    """Of the cases made of a document's limits, keeps those whose query fits."""
    return fits(case.query)


@schemathesis.serializer("application/jsonl")
def lines(_context, value):
    """What is made up for an import is bytes already, or becomes one line of text."""
    plain = getattr(value, "data", value)
    return plain if isinstance(plain, bytes) else str(plain).encode(errors="replace")
