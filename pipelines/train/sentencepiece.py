"""The fields of a SentencePiece model that a tokenizer needs, read from its protobuf.

https://github.com/google/sentencepiece/blob/master/src/sentencepiece_model.proto. The classes that the package
sentencepiece generates from it demand a newer protobuf than KServe and MLflow allow, so the wire format is read here
(https://protobuf.dev/programming-guides/encoding).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Self

from signalbox.errors import SetupError

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_FIXED_SIZES = {_FIXED64: 8, _FIXED32: 4}
_PIECE, _NORMALIZER = 1, 3  # fields of ModelProto
_TEXT, _SCORE, _TYPE = 1, 2, 3  # of a piece
_CHARSMAP = 2  # of NormalizerSpec


class PieceType(IntEnum):
    """What a piece of the vocabulary stands for."""

    NORMAL = 1
    UNKNOWN = 2
    CONTROL = 3
    USER_DEFINED = 4
    UNUSED = 5
    BYTE = 6


@dataclass(frozen=True)
class Piece:
    """A piece of the vocabulary with its log probability."""

    text: str
    score: float
    type: PieceType


@dataclass(frozen=True)
class Vocabulary:
    """Pieces in the order of their ids, and the table by which a text is normalized."""

    pieces: tuple[Piece, ...]
    charsmap: bytes

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a file `sp.model`. Raises SetupError if it is none."""
        pieces, charsmap = [], b""
        try:
            for number, value in _fields(path.read_bytes()):
                if number == _PIECE and isinstance(value, bytes):
                    pieces.append(_piece(value))
                elif number == _NORMALIZER and isinstance(value, bytes):
                    charsmap = bytes(dict(_fields(value)).get(_CHARSMAP, b""))
        except (IndexError, ValueError, struct.error) as error:
            raise SetupError(f"{path} is no SentencePiece model.", hint="Run `make install`.") from error
        return cls(tuple(pieces), charsmap)

    def first(self, kind: PieceType) -> int:
        """The id of the first piece of a type."""
        return next(index for index, piece in enumerate(self.pieces) if piece.type == kind)


def _piece(data: bytes) -> Piece:
    fields = dict(_fields(data))
    (score,) = struct.unpack("<f", bytes(fields.get(_SCORE, bytes(4))))
    text = bytes(fields.get(_TEXT, b"")).decode()
    return Piece(text, score, PieceType(int(fields.get(_TYPE, PieceType.NORMAL))))


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Numbers and values of a message: an integer, or the bytes of everything else."""
    position = 0
    while position < len(data):
        tag, position = _varint(data, position)
        kind = tag & 7
        if kind == _VARINT:
            value, position = _varint(data, position)
            yield tag >> 3, value
            continue
        if kind == _BYTES:
            size, position = _varint(data, position)
        elif kind in _FIXED_SIZES:
            size = _FIXED_SIZES[kind]
        else:
            raise ValueError(f"wire type {kind}")
        if position + size > len(data):
            raise ValueError("the message is cut off")
        yield tag >> 3, data[position : position + size]
        position += size


def _varint(data: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[position]
        value |= (byte & 0x7F) << shift
        position, shift = position + 1, shift + 7
        if not byte & 0x80:
            return value, position
