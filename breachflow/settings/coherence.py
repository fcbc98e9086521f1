"""What contradicts itself in the organisation file: every single value is well formed, together they are not right."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from breachflow.core.assessment import DEFAULT_RISK_POLICY
from breachflow.core.facts import DATA_KINDS
from breachflow.core.organisation import Controller, Organisation, Rank
from breachflow.settings import siren
from breachflow.settings.flaw import Flaw
from breachflow.settings.toml_lines import Path


def errors(organisation: Organisation) -> Iterator[Flaw]:
    """Yield what makes the file unusable: somebody would not be told, or a duty would fall on nobody."""
    yield from _twice("controllers", organisation.controllers)
    yield from _twice("people", organisation.people)
    yield from _twice("datamap", organisation.datamap)
    yield from _twice("processings", organisation.processings)
    yield from _references(organisation)
    if not organisation.ranked("dpo"):
        yield _error(("people",), "nobody has the rank `dpo`; the first alert of every case goes to the DPO.")
    yield from _zone(organisation.zone, ("zone",))
    for name, stated in organisation.formats.items():
        if stated.zone is not None:
            yield from _zone(stated.zone, ("formats", name, "zone"))
    if not organisation.languages:
        yield _error(("languages",), 'is empty; name the languages of drafts and mails, like ["fr", "en"].')
    for place, controller in enumerate(organisation.controllers):
        if controller.siren and not siren.valid(controller.siren):
            yield _error(("controllers", place, "siren"), "is not a SIREN: its check digit is wrong; look for a slip.")
    for place, asset in enumerate(organisation.datamap):
        if not asset.match or not all(name.strip() for name in asset.match):
            yield _error(("datamap", place, "match"), "must name at least one asset, and no empty one.")
    yield from _policy_errors(organisation)


def warnings(organisation: Organisation) -> Iterator[Flaw]:
    """Yield what is doubtful, or will be asked for when a notification is drawn up."""
    yield from _controllers(organisation)
    yield from _ladder(organisation)
    yield from _policy_warnings(organisation)
    yield from _processings(organisation)
    for place, person in enumerate(organisation.people):
        domain = person.email.rpartition("@")[2].casefold()
        if person.alternative_email and person.alternative_email.rpartition("@")[2].casefold() == domain:
            yield _warning(
                ("people", place, "alternative_email"), "is in the same mail domain; it would be breached with it."
            )
    addresses: dict[str, int] = {}
    for place, person in enumerate(organisation.people):
        first = addresses.setdefault(person.email.casefold(), place)
        if first != place and organisation.people[first].rank != person.rank:
            yield _warning(
                ("people", place, "email"),
                f"is also that of `{organisation.people[first].id}`; climbing from one to the other tells nobody new.",
            )
    if organisation.sender.endswith("@localhost"):
        yield _warning(("sender",), "is at localhost; mail servers refuse it. Name an address of your own domain.")


def _zone(name: str, path: Path) -> Iterator[Flaw]:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        yield _error(path, "there is no such time zone; write one like Europe/Paris or Indian/Reunion.")


def _twice(key: str, entries: Sequence[Any]) -> Iterator[Flaw]:
    seen: set[str] = set()
    for place, entry in enumerate(entries):
        if entry.id in seen:
            yield _error((key, place, "id"), f"`{entry.id}` is taken already; every entry needs an id of its own.")
        seen.add(entry.id)


def _references(organisation: Organisation) -> Iterator[Flaw]:
    controllers, people = [entry.id for entry in organisation.controllers], [entry.id for entry in organisation.people]
    if organisation.default_controller is not None:
        yield from _exists(organisation.default_controller, controllers, "controller", ("default_controller",))
    for place, controller in enumerate(organisation.controllers):
        if controller.dpo is not None:
            yield from _exists(controller.dpo, people, "person", ("controllers", place, "dpo"))
    for place, asset in enumerate(organisation.datamap):
        if asset.controller is not None:
            yield from _exists(asset.controller, controllers, "controller", ("datamap", place, "controller"))
    for place, processing in enumerate(organisation.processings):
        at: Path = ("processings", place)
        for number, ident in enumerate(processing.joint_controllers):
            yield from _exists(ident, controllers, "controller", (*at, "joint_controllers", number))
        notifying = processing.notifying_controller
        if notifying is not None and notifying not in processing.joint_controllers:
            yield _error((*at, "notifying_controller"), f"`{notifying}` is not among its `joint_controllers`.")
        if not processing.joint_controllers:
            yield _error((*at, "joint_controllers"), "is empty; name the controllers that decide jointly (Art. 26).")


def _exists(ident: str, among: list[str], what: str, path: Path) -> Iterator[Flaw]:
    if ident in among:
        return
    from difflib import get_close_matches

    near = get_close_matches(ident, among, n=1)
    hint = f"; did you mean `{near[0]}`?" if near else f"; there are: {', '.join(among[:12])}."
    yield _error(path, f"no {what} has the id `{ident}`{hint}")


def _policy_errors(organisation: Organisation) -> Iterator[Flaw]:
    risk, ladder = organisation.policy.risk, organisation.policy.ladder
    at: Path = ("policy", "risk")
    if risk.few_people < 0 or risk.large_set < 1:
        yield _error((*at, "few_people" if risk.few_people < 0 else "large_set"), "is a number of people, from 1 on.")
    elif risk.few_people >= risk.large_set:
        yield _error((*at, "few_people"), f"is {risk.few_people}: not fewer than `large_set`, {risk.large_set}.")
    if not 1 <= risk.processor_notice_hours <= 72:
        yield _error((*at, "processor_notice_hours"), "must lie between 1 and 72 hours.")
    for name in ("inform_for", "notify_for"):
        for place, kind in enumerate(getattr(risk, name)):
            if kind not in DATA_KINDS:
                yield from _exists(kind, list(DATA_KINDS), "kind of data", (*at, name, place))
    if (ladder.quiet_from is None) != (ladder.quiet_until is None):
        stated, missing = ("quiet_until", "from") if ladder.quiet_from is None else ("quiet_from", "until")
        yield _error(("policy", "ladder", stated), f"stands alone; state `quiet_{missing}` too, or neither.")
    elif ladder.quiet_from is not None and ladder.quiet_from == ladder.quiet_until:
        yield _error(("policy", "ladder", "quiet_until"), "is the same as `quiet_from`; the whole day would be quiet.")
    if not ladder.rungs:
        yield _error(("policy", "ladder", "rungs"), "is empty; nobody would be told before a deadline.")
    for place, rung in enumerate(ladder.rungs):
        if not rung.tell:
            yield _error(("policy", "ladder", "rungs", place, "tell"), "is empty; name the ranks that are told.")


def _controllers(organisation: Organisation) -> Iterator[Flaw]:
    if len(organisation.controllers) > 1 and organisation.default_controller is None:
        first = organisation.controllers[0].id
        yield _warning(
            ("controllers",), f"no `default_controller`: an event of which nothing says whose data goes to `{first}`."
        )
    sirens: dict[str, Controller] = {}
    for place, controller in enumerate(organisation.controllers):
        path: Path = ("controllers", place)
        if controller.country == "FR" and not controller.siren:
            yield _warning(path, "no `siren`; the CNIL's form asks for it.")
        elif controller.siren:
            twin = sirens.setdefault(controller.siren, controller)
            if twin is not controller:
                yield _warning(
                    (*path, "siren"),
                    f"is also that of `{twin.id}`: one legal person notifies once. Which of the two is it?",
                )
        vat = controller.vat.replace(" ", "").upper()
        if controller.siren and siren.valid(controller.siren) and vat.startswith("FR"):
            expected = siren.vat_number(controller.siren)
            if vat != expected:
                yield _warning((*path, "vat"), f"does not belong to this SIREN; its number would be {expected}.")
        dpo = organisation.person(controller.dpo) if controller.dpo is not None else None
        if dpo is not None and dpo.rank not in ("dpo", "deputy"):
            yield _warning((*path, "dpo"), f"`{dpo.id}` has the rank `{dpo.rank}`, not `dpo`.")
        if not controller.representative:
            yield _warning(path, "no `representative`; the notification names who represents the controller.")


def _processings(organisation: Organisation) -> Iterator[Flaw]:
    mapped = {asset.processing for asset in organisation.datamap}
    for place, processing in enumerate(organisation.processings):
        at: Path = ("processings", place)
        if processing.notifying_controller is None and len(processing.joint_controllers) > 1:
            yield _warning(at, "no `notifying_controller`: each of its joint controllers notifies on its own.")
        if processing.id not in mapped:
            yield _warning((*at, "id"), "no entry of the data map has this `processing`; it is never looked up.")


def _ladder(organisation: Organisation) -> Iterator[Flaw]:
    ladder = organisation.policy.ladder
    at: Path = ("policy", "ladder")
    held = {person.rank for person in organisation.people}
    named: dict[Rank, Path] = {}
    for place, rung in enumerate(ladder.rungs):
        for rank in rung.tell:
            named.setdefault(rank, (*at, "rungs", place, "tell"))
    for rank in ladder.climb:
        named.setdefault(rank, (*at, "climb"))
    for rank, path in named.items():
        if rank not in held:
            yield _warning(path, f"nobody has the rank `{rank}`; where it is to be told, the next one on the climb is.")
    hours = [rung.before_hours for rung in ladder.rungs]
    if ladder.rungs and 0 not in hours:
        yield _warning((*at, "rungs"), "has no rung at 0 hours; nobody would be told when the deadline passes.")
    for place, value in enumerate(hours):
        if value > 72:
            yield _warning((*at, "rungs", place, "before_hours"), "is more than 72; a 72-hour clock has no such rung.")
        if value in hours[:place]:
            yield _warning((*at, "rungs", place, "before_hours"), "is there twice; put both ranks on one rung.")
    if not ladder.climb:
        yield _warning((*at, "climb"), "is empty; silence of the first person told would climb to nobody.")


def _policy_warnings(organisation: Organisation) -> Iterator[Flaw]:
    policy, usual = organisation.policy, DEFAULT_RISK_POLICY
    at: Path = ("policy", "risk")
    # An organisation may be stricter than the guidance; where it is laxer, somebody should have decided that.
    if policy.risk.large_set > usual.large_set:
        yield _warning((*at, "large_set"), f"is laxer than the usual {usual.large_set}; note who decided that.")
    if policy.risk.few_people > usual.few_people:
        yield _warning((*at, "few_people"), f"is laxer than the usual {usual.few_people}; note who decided that.")
    if policy.risk.processor_notice_hours not in (usual.processor_notice_hours, policy.processor_notice_hours):
        yield _warning(
            (*at, "processor_notice_hours"), "differs from `policy.processor_notice_hours`, which the clock follows."
        )
    if "fr" not in organisation.languages and any(entry.country == "FR" for entry in organisation.controllers):
        yield _warning(("languages",), "has no `fr`; the CNIL takes notifications in French.")


def _error(path: Path, sentence: str) -> Flaw:
    return Flaw("error", path, sentence)


def _warning(path: Path, sentence: str) -> Flaw:
    return Flaw("warning", path, sentence)
