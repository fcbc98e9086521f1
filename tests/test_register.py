"""The register's chain, on its own: no database needed to check an export."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from breachflow.core.register import Broken, Line, digest, link, verify

FIELDS = ("at", "kind", "by", "body", "sealed", "hash")


def chain(length: int, case: str = "BF-1") -> list[Line]:
    lines: list[Line] = []
    head = ""
    for seq in range(1, length + 1):
        at, body, sealed = f"2026-05-04T12:00:0{seq % 10}.000000Z", f'{{"step":{seq}}}', digest(b"sealed" * seq)
        head = link(head, case, seq, at, "note", "dpo", body, sealed)
        lines.append(Line(case=case, seq=seq, at=at, kind="note", by="dpo", body=body, sealed=sealed, hash=head))
    return lines


def checked(lines: list[Line], seq: int, head: str) -> Broken | None:
    return verify(lines, case="BF-1", seq=seq, head=head)


def test_an_untouched_register_holds():
    """Nothing changed, nothing found; a case without entries holds too."""
    lines = chain(5)

    assert checked(lines, 5, lines[-1].hash) is None
    assert checked([], 0, "") is None


def test_every_single_character_counts():
    """Changing any one character of any field of any entry is found, and the entry is named."""
    lines = chain(4)
    found = 0
    for place, line in enumerate(lines):
        for field in FIELDS:
            text = getattr(line, field)
            for index in range(len(text)):
                changed = text[:index] + ("x" if text[index] != "x" else "y") + text[index + 1 :]
                tampered = [*lines[:place], msgspec.structs.replace(line, **{field: changed}), *lines[place + 1 :]]
                broken = checked(tampered, 4, lines[-1].hash)
                assert broken is not None
                assert broken.seq == place + 1
                found += 1
    assert found > 500


def test_what_is_taken_out_is_missed():
    """An entry removed at the start, in the middle or at the end is named."""
    lines = chain(4)
    head = lines[-1].hash

    assert checked(lines[1:], 4, head).seq == 1
    assert checked(lines[:1] + lines[2:], 4, head).seq == 2
    assert checked(lines[:3], 4, head).seq == 4
    assert checked([], 4, head).seq == 1


def test_what_is_put_in_or_moved_is_found():
    """Entries in another order, an entry of another case, and one more at the end do not pass."""
    lines = chain(3)
    head = lines[-1].hash
    stranger = chain(3, case="BF-2")

    assert checked([lines[1], lines[0], lines[2]], 3, head).seq == 1
    assert checked([lines[0], stranger[1], lines[2]], 3, head).seq == 2
    assert checked(chain(4), 3, head).seq == 4


field = st.text(alphabet="1:aé\U0001f4a9", max_size=4)
fields = st.tuples(field, field, field, field)


@given(one=fields, other=fields)
def test_no_two_entries_are_written_the_same_way(one, other):
    """Text moved from one field into its neighbour gives another hash: fields carry their length."""
    if one != other:
        assert link("", "BF-1", 1, *one, "") != link("", "BF-1", 1, *other, "")


def test_a_field_cannot_borrow_from_its_neighbour():
    """The classic confusion: the same characters, split elsewhere."""
    assert link("", "BF-1", 1, "at", "ab", "c", "{}", "") != link("", "BF-1", 1, "at", "a", "bc", "{}", "")
    assert link("", "BF-1", 11, "at", "k", "b", "{}", "") != link("", "BF-11", 1, "at", "k", "b", "{}", "")
