"""Whether bytes that pass by in pieces are UTF-8. Pure."""

from __future__ import annotations

from codecs import utf_8_decode


class Utf8Check:
    """Looks at every byte; one that is no UTF-8 ends the looking.

    ``wrong_at`` is the offset of the first such byte, None while there is none.
    """

    def __init__(self) -> None:
        self.wrong_at: int | None = None
        self._at = 0  # offset behind what was looked at
        self._begun = b""  # a character whose last bytes are yet to come

    def feed(self, data: bytes) -> None:
        """Take the next piece."""
        if self.wrong_at is None and (self._begun or not data.isascii()):
            self._decode(self._begun + data, final=False)
        elif self.wrong_at is None:
            self._at += len(data)

    def finish(self) -> None:
        """Take the end, which may come in the middle of a character."""
        if self.wrong_at is None and self._begun:
            self._decode(self._begun, final=True)

    def _decode(self, data: bytes, final: bool) -> None:
        try:
            # The text is thrown away: of what Python offers, nothing checks bytes faster.
            _, read = utf_8_decode(data, "strict", final)
        except UnicodeDecodeError as error:
            self.wrong_at = self._at + error.start
            return
        self._at += read
        self._begun = data[read:]
