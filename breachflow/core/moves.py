"""The stages of a case as a table of moves: which decision leads where."""

from __future__ import annotations

from breachflow.core.case import Case, IllegalMove, Stage
from breachflow.core.decision import (
    Ack,
    Channel,
    Close,
    Confirm,
    Decision,
    Dismiss,
    Done,
    Exempt,
    Filed,
    Hold,
    Informed,
    Note,
    Release,
    Reopen,
    Retract,
    SetFacts,
)

MOVES: dict[Stage, dict[type[Decision], Stage]] = {
    Stage.SUSPECTED: {
        Confirm: Stage.CONFIRMED,
        Dismiss: Stage.DISMISSED,
        SetFacts: Stage.SUSPECTED,
        Retract: Stage.SUSPECTED,
        Done: Stage.SUSPECTED,
        Ack: Stage.SUSPECTED,
        Channel: Stage.SUSPECTED,
        Note: Stage.SUSPECTED,
    },
    Stage.CONFIRMED: {
        Confirm: Stage.CONFIRMED,
        Filed: Stage.CONFIRMED,
        Exempt: Stage.CONFIRMED,
        Informed: Stage.CONFIRMED,
        Done: Stage.CONFIRMED,
        SetFacts: Stage.CONFIRMED,
        Retract: Stage.CONFIRMED,
        Ack: Stage.CONFIRMED,
        Channel: Stage.CONFIRMED,
        Note: Stage.CONFIRMED,
        Dismiss: Stage.DISMISSED,
    },
    Stage.HANDLED: {
        Confirm: Stage.HANDLED,
        Filed: Stage.HANDLED,
        Informed: Stage.HANDLED,
        Done: Stage.HANDLED,
        SetFacts: Stage.HANDLED,
        Retract: Stage.HANDLED,
        Ack: Stage.HANDLED,
        Channel: Stage.HANDLED,
        Note: Stage.HANDLED,
        Close: Stage.CLOSED,
    },
    Stage.CLOSED: {Reopen: Stage.CONFIRMED, Note: Stage.CLOSED},
    Stage.DISMISSED: {Reopen: Stage.SUSPECTED, Note: Stage.DISMISSED},
}
"""Between `confirmed` and `handled` a case goes by itself, as the last hard clock ends or a new one starts."""

COMMANDS: dict[type[Decision], str] = {
    SetFacts: "facts set", Retract: "datamap retract", Hold: "retention hold", Release: "retention release",
}  # fmt: skip
"""What a person types, where it is not the decision's own word."""


def verb(kind: type[Decision]) -> str:
    """Return the word for a decision in the register and in JSON."""
    return str(kind.__struct_config__.tag)


def command(kind: type[Decision]) -> str:
    """Return the command that records this kind of decision."""
    return COMMANDS.get(kind, verb(kind))


def led_to(case: Case, decision: Decision) -> Stage:
    """Return the stage that this decision leads to; raise `IllegalMove`, naming the open moves, where there is none."""
    if isinstance(decision, Hold | Release):
        return case.stage  # What is kept of a case is asked at every stage, and moves it nowhere.
    moves = MOVES[case.stage]
    if type(decision) not in moves:
        allowed = ", ".join(command(kind) for kind in moves)
        raise IllegalMove(
            f"{case.id} is {case.stage.value}: `{command(type(decision))}` is not open to it; open moves: {allowed}."
        )
    if isinstance(decision, Reopen) and case.aware is None:
        return Stage.SUSPECTED
    return moves[type(decision)]


def diagram() -> str:
    """Return the table as a Mermaid state diagram, one arrow for each pair of stages (the README shows it)."""
    lines = ["stateDiagram-v2", "    [*] --> suspected: an event opens it"]
    for stage, moves in MOVES.items():
        arrows: dict[Stage, list[str]] = {}
        for kind, target in moves.items():
            arrows.setdefault(target, []).append(command(kind))
        lines += [f"    {stage.value} --> {target.value}: {', '.join(words)}" for target, words in arrows.items()]
    lines.append("    confirmed --> handled: the last clock ends")
    lines.append("    handled --> confirmed: a new clock starts")
    return "\n".join(lines)
