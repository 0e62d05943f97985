"""Decodes bodies by the content-encoding of a request, piece by piece."""

from __future__ import annotations

import zlib

from starlette.datastructures import Headers

from quickstudy.serve.http.problems import Problem

PIECE = 65_536  # bytes that are decoded at once, of input and of output
MOST_MEMBERS = 10_000  # of one gzip body: an empty member costs as much as a kilobyte
GZIP, ZLIB, RAW = 31, 15, -15  # zlib's numbers of the three formats
FORMATS = {"gzip": GZIP, "x-gzip": GZIP, "deflate": ZLIB}
READ = "gzip, deflate"


def decoder_of(headers: Headers) -> Decoder | None:
    """A decoder for the body of a request; None if the body is not encoded.

    Raises:
        Problem: the encoding is not supported (415); the message lists those that are.
    """
    given = ", ".join(headers.getlist("content-encoding"))
    names = [name.strip().lower() for name in given.split(",")]
    names = [name for name in names if name not in ("", "identity")]
    if not names:
        return None
    if len(names) == 1 and names[0] in FORMATS:
        return Decoder(names[0].removeprefix("x-"))
    why = "is not read here" if len(names) == 1 else f"names {len(names)} encodings; one is read"
    detail = f"content-encoding {given!r:.80} {why}: send {READ}, or the body without that header"
    raise Problem(415, "encoding", detail, headers={"accept-encoding": READ})


class Decoder:
    """Decodes one body: `feed` takes input, `read` returns decoded pieces, `close` checks the end.

    It holds the input fed last and at most one decoded piece. "deflate" is accepted in the zlib
    format, as HTTP defines it, and raw, as some clients send it. A gzip body may have several
    members, and zeros between and after them.

    >>> decoder = Decoder("deflate")
    >>> decoder.feed(zlib.compress(b"hello"))
    >>> decoder.read(), decoder.read()
    (b'hello', b'')
    >>> decoder.close()
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._format = FORMATS[name]
        self._fed = memoryview(b"")
        self._stream: zlib._Decompress | None = None  # the member that is being decoded
        self._members = 0
        self._more = False  # the stream may hold more output

    def feed(self, data: bytes) -> None:
        """Take the next bytes of the body, after `read` has returned all earlier output."""
        rest = bytes(self._fed)
        self._fed = memoryview(rest + data if rest else data)

    def read(self) -> bytes:
        """The next piece, at most PIECE bytes; b"" if more input is needed.

        Raises:
            Problem: the body does not have this encoding (400).
        """
        while self._fed or self._more:
            if self._stream is None and not self._begin():
                break
            if piece := self._decode():
                return piece
        return b""

    def _begin(self) -> bool:
        """Begin a member; False if there is too little input to tell its format."""
        if self._members and self._format == GZIP:
            padding = next((i for i, byte in enumerate(self._fed) if byte), len(self._fed))
            self._fed = self._fed[padding:]
            if not self._fed:
                return False
        elif self._members:
            raise self._broken(f"{len(self._fed):,} bytes or more come after its end")
        if self._format == ZLIB:
            if len(self._fed) < 2:
                return False
            if not _is_zlib(self._fed[0], self._fed[1]):
                self._format = RAW
        if self._members == MOST_MEMBERS:
            raise self._broken(f"it has more than {MOST_MEMBERS:,} members; compress it as one")
        self._stream = zlib.decompressobj(self._format)
        return True

    def _decode(self) -> bytes:
        """Decode one piece of the input."""
        assert self._stream is not None
        now, rest = self._fed[:PIECE], self._fed[PIECE:]
        try:
            piece = self._stream.decompress(now, PIECE)
        except zlib.error as error:
            where = f", after {self._members:,} whole members" if self._members else ""
            raise self._broken(f"{error}{where}") from None
        left = self._stream.unused_data if self._stream.eof else self._stream.unconsumed_tail
        self._fed = self._fed[len(now) - len(left) :] if left else rest
        self._more = len(piece) == PIECE and not self._stream.eof
        if self._stream.eof:
            self._stream = None
            self._members += 1
        return piece

    def close(self) -> None:
        """Refuse a truncated body; no input at all is an empty body.

        Raises:
            Problem: the body is truncated (400).
        """
        if self._stream is not None or self._fed:
            raise self._broken("it is cut short; send all of it")

    def _broken(self, why: str) -> Problem:
        return Problem(400, "broken-encoding", f"the body is not valid {self.name}: {why}")


def _is_zlib(first: int, second: int) -> bool:
    """Whether two bytes begin the zlib format (RFC 1950, 2.2) rather than raw deflate."""
    return first & 0x0F == 8 and first >> 4 <= 7 and (first * 256 + second) % 31 == 0
