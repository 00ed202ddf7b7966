"""When a request has arrived: not a byte earlier, and no later."""

from __future__ import annotations

import pytest

from gateway import MAX_BODY
from gateway.arrival import MAX_HEAD, Arrival

POST = b"POST /webhooks/telegram HTTP/1.1\r\nHost: x\r\n"

WHOLE = {
    "no body": b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n",
    "a length": POST + b"Content-Length: 5\r\n\r\nhello",
    "a length of nothing": POST + b"Content-Length: 0\r\n\r\n",
    "a length in capitals": POST + b"CONTENT-LENGTH:5\r\n\r\nhello",
    "a body that looks like a head": POST + b"Content-Length: 24\r\n\r\na\r\nContent-Length: 9\r\n\r\n",
    "chunks": POST + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;x=y\r\n world\r\n0\r\n\r\n",
    "a chunk that looks like the end": POST + b"Transfer-Encoding: chunked\r\n\r\n8\r\nx\r\n0\r\n\r\n\r\n0\r\n\r\n",
    "no chunk": POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a trailer": POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n1\r\nx\r\n0\r\nDigest: 1\r\n\r\n",
}


@pytest.mark.parametrize("request_", WHOLE.values(), ids=WHOLE)
def test_it_ends_with_its_last_byte(request_: bytes) -> None:
    arrival = Arrival(0.0)
    for place in range(len(request_)):
        assert not arrival.ended(), request_[:place]
        arrival.data += request_[place : place + 1]
    assert arrival.ended()
    assert Arrival(0.0, request_).ended()
    assert Arrival(0.0, request_ + b"GET / HTTP").ended()


REFUSED = {
    "a head that never ends": b"GET /" + b"a" * MAX_HEAD,
    "a body over the limit": POST + b"Content-Length: %d\r\n\r\n" % (MAX_BODY + 1),
    "a chunk over the limit": POST + b"Transfer-Encoding: chunked\r\n\r\nfffffff\r\n" + b"a" * (MAX_BODY + 1),
    "chunks over the limit": POST + b"Transfer-Encoding: chunked\r\n\r\n" + b"4\r\nabcd\r\n" * (MAX_BODY // 4 + 1),
    "a body of little but sizes": POST
    + b"Transfer-Encoding: chunked\r\n\r\n"
    + b"1;%s\r\nx\r\n" % (b"y" * 900) * 1200
    + b"2",
    "a chunk without a size": POST + b"Transfer-Encoding: chunked\r\n\r\nhello\r\n",
    "a size that never ends": POST + b"Transfer-Encoding: chunked\r\n\r\n1;" + b"x" * 2000,
    "a trailer that never ends": POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\nX: " + b"x" * (MAX_HEAD + 1),
}


@pytest.mark.parametrize("request_", REFUSED.values(), ids=REFUSED)
def test_what_will_be_refused_is_not_waited_for(request_: bytes) -> None:
    assert Arrival(0.0, request_).ended()


def test_whoever_asks_whether_to_go_on_is_told_once() -> None:
    arrival = Arrival(0.0, POST + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n")
    assert not arrival.ended()
    assert [arrival.asks_to_go_on(), arrival.asks_to_go_on()] == [True, False]
    other = Arrival(0.0, POST + b"Content-Length: 40\r\n\r\n\r\nExpect: 100-continue\r\n")
    assert not other.ended()
    assert not other.asks_to_go_on()
