"""What goes wrong, and what is to come of it: one row a fault, for four situations.

  fresh     300 kB, pinned digest, nothing there
  resumed   3 MiB, pinned digest, half of it there from a pull that failed
  unpinned  3 MiB, a plain URL: nothing but the server's ETag tells one version from another
  large     24 MiB, pinned digest: worth several connections with a range each

A row says what the server does, to how many requests (after that it behaves), and how a pull ends then. An end is a set
of exit codes, with words that a failure's message must hold. 0 is always the right digest. Where no request met the
fault (a range that nobody asked for), the end is good.
"""
from collections import namedtuple

SITUATIONS = ("fresh", "resumed", "unpinned", "large")
EVERY = 1 << 30

Row = namedtuple("Row", "name rules hits ends")
End = namedtuple("End", "codes says")

GOOD = End({0}, ())
DIGEST = End({10}, ("digest differs", "expected", "got"))
SIZE = End({10}, ("size differs",))
NO_END = None  # not in this situation: nothing that was promised could tell


def network(*says):
    return End({7}, says)


def lasting(*says):
    """No other try makes it better."""
    return End({15}, says)


def or_good(end):
    """A fault that has passed: whoever gives up says why, whoever asks again has it."""
    return End(end.codes | {0}, end.says)


def row(name, fault, hits, good=GOOD, **ends):
    """One fault. `ends` for single situations, `good` for the others."""
    rules = fault if isinstance(fault, list) else [fault]
    return Row(name, rules, hits, {s: ends.get(s, good) for s in SITUATIONS})


def range_row(name, fault, hits, good=GOOD, **ends):
    """A fault of answers to ranges. So that there is a range to ask for, the first answer with the whole is cut."""
    return row(name, [on_ranges(**fault), CUT], hits, good, **{"fresh": NO_END, **ends})


def status(code, **more):
    return {"fault": "status", "code": str(code), **more}


def on_ranges(fault, **more):
    return {"fault": fault, "only": "get,range", **more}


CUT = {"fault": "close", "at": "random", "only": "get,full", "times": "1"}
# A rule with "first" is about the file's own address, before any redirect; the others about whatever sends its bytes.
# "nth" says which of many requests may meet it (from 0); without it any of the first four.
SIGNED = {"first": True, "fault": "redirect-signed"}

# From this answer on, which is cut, the file is another one: of the same size, or longer, or shorter.
CHANGE = {"fault": "change", "at": "random", "times": "1"}
# What is pinned is gone.
CHANGED = End({10}, ("differs", "expected"))

TABLE = [
    row("none", {"fault": "none"}, 0),

    # the connection
    row("cut", {"fault": "close", "at": "random"}, 2),
    row("reset", {"fault": "close", "at": "random", "rst": "1"}, 2),
    row("cut after the head", {"fault": "close", "at": "0"}, 2),
    row("cut after the head, always", {"fault": "close", "at": "0"}, EVERY, network("connection")),
    row("no answer", {"fault": "drop"}, 2),
    row("no answer, reset", {"fault": "drop", "rst": "1"}, 2),
    row("no answer, always", {"fault": "drop"}, EVERY, network("connection")),
    row("stall", {"fault": "stall", "at": "random"}, 1),
    row("stall before the head", {"fault": "silence"}, 1),
    row("drip without end", {"fault": "drip", "every": "2"}, 1),
    row("one slow connection of several", {"fault": "drip", "bytes": "1000", "every": "0.05", "nth": (1, 2, 3)}, 1,
        fresh=NO_END, resumed=NO_END, unpinned=NO_END),
    row("stall that ends", {"fault": "stall", "at": "random", "seconds": "1.5"}, 2),
    row("stall, then cut", {"fault": "stall", "at": "random", "seconds": "1", "then": "close"}, 2),
    row("drip", {"fault": "drip", "bytes": "700", "every": "0.05", "seconds": "2"}, 2),
    row("drip, then cut", {"fault": "drip", "bytes": "700", "every": "0.05", "seconds": "1", "then": "close"}, 2),

    # ranges
    range_row("wrong Content-Range", dict(fault="wrong-range", by="1"), 2),
    range_row("wrong Content-Range, always", dict(fault="wrong-range", by="-1"), EVERY),
    range_row("Content-Range from zero", dict(fault="wrong-range"), 2),
    range_row("Content-Range of no numbers", dict(fault="wrong-range", value="bytes a-b/c"), EVERY),
    range_row("another range", dict(fault="other-range"), 2),
    range_row("another range, always", dict(fault="other-range", by="-1000"), EVERY),
    range_row("wrong total", dict(fault="wrong-total"), 2),
    range_row("wrong total, always", dict(fault="wrong-total"), EVERY),
    range_row("no Content-Range", dict(fault="no-content-range"), EVERY),
    range_row("multipart", dict(fault="multipart"), EVERY),
    range_row("bytes of another range", dict(fault="range-from-zero"), 1, unpinned=NO_END,
              large=or_good(DIGEST)),
    range_row("less than the range", dict(fault="short-range"), EVERY),
    range_row("200 for a range", dict(fault="ignore-range"), 2),
    range_row("200 for a range, always", dict(fault="ignore-range"), EVERY),
    range_row("416", dict(fault="416"), 2),
    range_row("416, always", dict(fault="416"), EVERY),
    range_row("416 without a size", dict(fault="416", total="none"), EVERY),
    range_row("416 that calls the half a whole", dict(fault="416", total="asked"), 2),

    # versions
    row("changes", CHANGE, 1, CHANGED, unpinned=GOOD),
    row("grows", dict(CHANGE, to="longer"), 1, CHANGED, unpinned=GOOD),
    row("shrinks", dict(CHANGE, to="shorter"), 1, CHANGED, unpinned=GOOD),
    row("changes, If-Range ignored", [CHANGE, on_ranges("no-if-range")], 1, CHANGED, unpinned=GOOD),
    row("grows, and only the total tells", [dict(CHANGE, to="longer"), on_ranges("no-if-range", remove=["ETag"])], 1,
        CHANGED, unpinned=GOOD),
    row("changes, no ETag on ranges", [CHANGE, on_ranges("no-etag")], 1, CHANGED, unpinned=GOOD),
    row("changes, weak ETag", [dict(CHANGE, remove="ETag", header='ETag:W/"1"'), {"fault": "weak-etag"}], 1, CHANGED,
        unpinned=GOOD),
    row("changes, no validator", [dict(CHANGE, remove=["ETag", "Last-Modified"]), {"fault": "no-etag"}], 1, CHANGED,
        unpinned=GOOD),
    row("another ETag, same bytes", {"fault": "wrong-etag"}, 2),
    range_row("another ETag for ranges, always", dict(fault="wrong-etag"), EVERY),

    # encodings
    range_row("gzip on a range", dict(fault="gzip"), 2),
    range_row("gzip on a range, always", dict(fault="gzip"), EVERY),
    row("gzip", {"fault": "gzip"}, 2, or_good(lasting("encoded (gzip)"))),
    row("gzip, always", {"fault": "gzip"}, EVERY, lasting("encoded (gzip)")),
    row("says gzip, always", {"fault": "gzip-claim"}, EVERY, lasting("encoded (gzip)")),
    row("chunked, always", {"fault": "chunked"}, EVERY),
    row("chunks cut", {"fault": "chunked-cut"}, 2),

    # lengths
    row("length too short", {"fault": "short-length"}, 1, or_good(SIZE), unpinned=NO_END),
    row("length too short, always", {"fault": "short-length"}, EVERY, SIZE, unpinned=NO_END,
        large=End({7, 10}, ())),
    range_row("length too short on a range", dict(fault="short-length"), 2),
    row("length too long", {"fault": "long-length"}, 1, or_good(SIZE), unpinned=GOOD),
    row("length too long, always", {"fault": "long-length"}, EVERY, SIZE, unpinned=or_good(network()),
        large=End({7, 10}, ())),
    range_row("length too long on a range", dict(fault="long-length"), 2),
    row("two lengths, always", {"fault": "two-lengths"}, EVERY, lasting("two lengths")),
    row("length below zero, always", {"fault": "length", "value": "-5"}, EVERY, lasting("not HTTP as it should be")),
    row("no length, always", {"fault": "no-length"}, EVERY, unpinned=or_good(lasting("complete", "no length"))),
    row("no length, and cut", {"fault": "no-length-cut"}, 2, unpinned=or_good(lasting("complete", "no length"))),

    # statuses
    row("429 with Retry-After", status(429, **{"retry-after": "1"}), 2),
    row("429 with a date", status(429, **{"retry-after": "+1"}), 2),
    row("429", status(429), 2),
    row("429, always", status(429, **{"retry-after": "0"}), EVERY, End({8}, ("429",))),
    row("503 for a while", status(503), 3),
    row("503, always", status(503), EVERY, network("503")),
    row("500, 408", [status(500, times="1"), status(408, times="1")], 2),

    # redirects
    row("redirects to itself", {"fault": "redirect-loop"}, 3),
    row("redirects to itself, always", {"fault": "redirect-loop"}, EVERY, lasting("redirects")),
    row("signed for one request", dict(SIGNED, requests="1"), EVERY),
    row("signed for three requests", dict(SIGNED, requests="3"), EVERY),
    row("signed for some bytes", dict(SIGNED, bytes="7000000"), EVERY),
    row("signed, expired at once", [dict(SIGNED, requests="0", times="2"), dict(SIGNED, requests="2")], EVERY,
        or_good(End({6}, ("403", "link that does not work")))),
    row("signed, never works", dict(SIGNED, requests="0"), EVERY, End({6}, ("403",))),

    # content
    row("a flipped bit", {"fault": "flip", "at": "random"}, 1, or_good(DIGEST), unpinned=NO_END),
    row("flipped bits, always", {"fault": "flip", "at": "random"}, EVERY, DIGEST, unpinned=NO_END),
    row("other bytes, always", {"fault": "other"}, EVERY, DIGEST, unpinned=NO_END),
    row("a web page", {"fault": "html"}, 1, or_good(End({5}, ("web page",)))),
    row("a web page, always", {"fault": "html"}, EVERY, End({5}, ("web page",))),
]
