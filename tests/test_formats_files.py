"""Files: one document, an array, JSON lines, lines of text; however long, and whatever is broken in between."""

from __future__ import annotations

import importlib
import io
import json
import tracemalloc

from hypothesis import given, settings
from hypothesis import strategies as st

from breachflow.formats import MAX_PAYLOAD, split

splitting = importlib.import_module("breachflow.formats.split")


def pieces(source):
    return [piece.raw for piece in split(source)]


def test_an_array_gives_its_elements_and_lines_give_themselves():
    """In the file's order, counted from one."""
    assert pieces(b'[{"a": 1}, {"b": "]}"}, 3, "x"]\n') == [b'{"a": 1}', b'{"b": "]}"}', b"3", b'"x"']
    assert pieces(b'{"a":1}\n\n{"b":2}\r\n') == [b'{"a":1}', b'{"b":2}']
    assert pieces(b"CEF:0|a|b\r\nLEEF:1.0|x\n\nlast") == [b"CEF:0|a|b", b"LEEF:1.0|x", b"last"]
    assert [piece.record for piece in split(b"1\n2\n3")] == [1, 2, 3]


def test_pretty_printed_documents_are_one_piece_each():
    """Indented by two or by nothing, one behind the other, with a byte order mark in front."""
    one, two = json.dumps({"a": [{"x": 1}], "b": {}}, indent=2), json.dumps({"a": [{"x": 1}, {"y": 2}]}, indent=0)

    assert pieces(b"\xef\xbb\xbf" + f"{one}\n{two}\n".encode()) == [one.encode(), two.encode()]
    assert (
        pieces(json.dumps([{"a": 1}, {"b": [2]}], indent=4).encode())[1]
        == b'{\n        "b": [\n            2\n        ]\n    }'
    )


def test_an_empty_file_has_no_pieces_and_an_empty_array_is_one():
    """The array is somebody's answer; reading it says that it is empty."""
    assert pieces(b"") == pieces(b" \n \n") == []
    assert pieces(b"[]") == [b"[]"]


def test_a_broken_line_costs_only_itself():
    """The lines behind a torn one are read."""
    assert pieces(b'{"a":1}\n{"b": "torn\n{"c":3}\n') == [b'{"a":1}', b'{"b": "torn', b'{"c":3}']
    assert pieces(b'{"a":1}}}\n{"c":3}') == [b'{"a":1}', b"}}", b'{"c":3}']
    assert pieces(b'[{"a":1},{"b":') == [b'{"a":1}', b'{"b":']


def test_a_record_longer_than_is_read_is_cut_and_its_neighbours_are_not():
    """Its beginning is kept, so that the refusal can be shown with it."""
    long = b'{"a":"' + b"x" * (MAX_PAYLOAD + 10) + b'"}'
    for source in (long + b'\n{"b":2}', b"[" + long + b',{"b":2}]', b"y" * (MAX_PAYLOAD + 10) + b'\n{"b":2}'):
        first, second = split(source)
        assert not first.whole
        assert len(first.raw) == MAX_PAYLOAD
        assert (second.raw, second.whole) == (b'{"b":2}', True)


class Endless(io.RawIOBase):
    """A file of forty megabytes that is never in memory."""

    def __init__(self, begin: bytes, record: bytes, records: int):
        self.parts = iter([begin])
        self.record, self.left = record, records

    def read(self, size: int = -1) -> bytes:
        head = next(self.parts, b"")
        if head or not self.left:
            return head
        count = min(self.left, max(1, size // len(self.record)))
        self.left -= count
        return self.record * count


def test_memory_stays_bounded_however_long_the_file():
    """JSON lines and one huge array, read from a stream: what is held is a record and a chunk."""
    record = b'{"a":"' + b"x" * 20_000 + b'"}'
    for stream in (Endless(b"", record + b"\n", 2_000), Endless(b"[", record + b",", 2_000)):
        tracemalloc.start()
        count = sum(1 for _ in split(stream))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert count == 2_000
        assert peak < 20_000_000


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.recursive(
            st.none() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
        )
    ),
    st.sampled_from([None, 0, 2]),
    st.sampled_from([1, 2, 7, 1 << 20]),
    st.booleans(),
)
def test_what_was_written_comes_back_in_any_layout_and_any_chunk_size(values, indent, chunk, as_array):
    """Split and decoded, a file gives the documents that were put into it."""
    documents = [{"value": value} for value in values]
    texts = [json.dumps(document, indent=indent) for document in documents]
    source = f"[{','.join(texts)}]" if as_array and texts else "\n".join(texts)
    before, splitting.CHUNK = splitting.CHUNK, chunk
    try:
        found = [json.loads(piece.raw) for piece in split(source.encode())]
    finally:
        splitting.CHUNK = before

    assert found == documents


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.sampled_from([b'{"a":1}', b"[", b"]", b"{", b"}", b'"', b"\\", b"\n", b",", b"x", b" ", b"\xff"]),
        max_size=40,
    ).map(b"".join)
)
def test_any_bytes_are_split_and_nothing_but_space_and_array_marks_is_lost(source):
    """Broken however it may be: every byte that could be a record's is in some piece."""
    kept = b"".join(piece.raw for piece in split(source))
    outside = b" \t\r\n[],"

    assert len(kept.translate(None, outside)) == len(source.translate(None, outside))
