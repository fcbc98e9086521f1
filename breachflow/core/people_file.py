"""A file of people as it is imported: which column is which, and each row as a person or as one sentence on its fault.

A fault names the line and the column, never what stands there.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence

from msgspec import Struct

from breachflow.core.concerned import LANGUAGES, Channel, Concerned
from breachflow.core.facts import DATA_KINDS, DataKind

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "reference": ("id", "reference", "ref", "identifiant", "numero", "numero_client", "customer_id",
                  "numero_de_client"),
    "name": ("name", "nom", "full_name", "nom_complet", "last_name", "nom_de_famille"),
    "first_name": ("first_name", "prenom", "given_name"),
    "salutation": ("salutation", "civilite", "title", "formule", "formule_d_appel"),
    "email": ("email", "e_mail", "mail", "courriel", "adresse_electronique", "adresse_email", "adresse_e_mail",
              "adresse_mail", "email_address", "e_mail_address"),
    "address": ("address", "adresse", "adresse_postale", "postal_address", "rue", "street", "voie"),
    "postcode": ("postcode", "code_postal", "cp", "zip", "postal_code"),
    "city": ("city", "ville", "commune", "town"),
    "country": ("country", "pays"),
    "phone": ("phone", "telephone", "tel", "mobile", "portable", "phone_number", "numero_de_telephone"),
    "lang": ("lang", "language", "langue"),
    "group": ("group", "groupe", "lot"),
    "data": ("data", "donnees", "data_kinds", "kinds", "kinds_of_data", "donnees_concernees", "types_de_donnees"),
    "channel": ("channel", "second_channel", "canal", "second_canal", "autre_canal"),
}  # fmt: skip
"""Names of columns, French or English, without accents and signs."""

NUMBERED = re.compile(r"(?:address|adresse|address_line|adresse_ligne|ligne|line|ligne_adresse)_?\d")

KINDS: Mapping[str, DataKind] = {
    "nom": "identity", "name": "identity", "identite": "identity", "adresse": "contact", "address": "contact",
    "email": "contact", "telephone": "contact", "phone": "contact", "coordonnees": "contact",
    "date_de_naissance": "birth_date", "date_of_birth": "birth_date", "iban": "bank_account", "rib": "bank_account",
    "carte": "payment_card", "carte_bancaire": "payment_card", "card": "payment_card", "nir": "social_security",
    "numero_de_securite_sociale": "social_security", "mot_de_passe": "credentials", "password": "credentials",
    "plaque": "vehicle", "vehicule": "vehicle", "contrat": "contract", "sante": "health",
}  # fmt: skip
"""Words that people write for kinds of data, besides the vocabulary's keys."""

CHANNELS: Mapping[str, Channel] = {
    "post": "post", "courrier": "post", "postal": "post", "letter": "post", "lettre": "post", "poste": "post",
    "phone": "phone", "telephone": "phone", "tel": "phone", "call": "phone", "appel": "phone",
}  # fmt: skip
TITLES: Mapping[str, str] = {"m": "Monsieur", "mr": "Monsieur", "mme": "Madame", "mlle": "Madame"}
LANGUAGE_NAMES: Mapping[str, str] = {
    "francais": "fr", "french": "fr", "fra": "fr", "fre": "fr", "anglais": "en", "english": "en", "eng": "en",
}  # fmt: skip

LONGEST: Mapping[str, int] = {"reference": 100, "name": 120, "salutation": 80, "email": 254, "phone": 30, "group": 40}
ADDRESS_LINES, ADDRESS_LINE = 6, 80  # What the window of an envelope shows.

_ADDRESS = re.compile(r"[^@\s,;:<>\"()\[\]\\\x00-\x1f\x7f]{1,64}@([^@\s,;:<>\"()\[\]\\/\x00-\x1f\x7f]+)")
_DOMAIN = re.compile(r"(?!-)[a-z0-9-]{1,63}(?:\.(?!-)[a-z0-9-]{1,63})+", re.IGNORECASE)
_PHONE = re.compile(r"\+?[0-9][0-9 ().\-/]{4,28}")
_LANG = re.compile(r"[a-z]{2,3}")
_GROUP = re.compile(r"[\w .+/-]{1,40}")
_PLAIN = re.compile(r"[ -~\u00a0-\u00ac\u00ae-\u024f]*")


class Fault(Struct, frozen=True):
    """Why a row cannot be taken: its line, its column by our name for it, and what is wrong, without its content."""

    line: int
    column: str
    why: str

    def __str__(self) -> str:
        return f"line {self.line}" + (f", column {self.column}" if self.column else "") + f": {self.why}."


class Header(Struct, frozen=True):
    """Which cell of a row is what: the places of each column; `ignored` are the places of columns we do not know."""

    places: Mapping[str, tuple[int, ...]]
    width: int
    ignored: tuple[int, ...]


def header(cells: Sequence[str]) -> Header | Fault:
    """Read the first line of a file. A file without a header is refused without repeating what stands there."""
    known = {word: column for column, words in COLUMNS.items() for word in words}
    places: dict[str, list[int]] = {}
    ignored = []
    for place, cell in enumerate(cells):
        word = plain_word(cell)
        column = known.get(word) or ("address" if NUMBERED.fullmatch(word) else None)
        if column is None:
            ignored.append(place + 1)
        elif column in places and column != "address":
            return Fault(1, column, "is there twice")
        else:
            places.setdefault(column, []).append(place)
    if "email" not in places and "address" not in places and "phone" not in places:
        return Fault(1, "", "no column is called email (courriel), address (adresse) or phone (téléphone); the first "
                            "line must name the columns")  # fmt: skip
    return Header({column: tuple(found) for column, found in places.items()}, len(cells), tuple(ignored))


def person(cells: Sequence[str], line: int, of: Header, lang: str) -> Concerned | Fault:
    """Return the person in a row, or the fault of the row; `lang` is whose language nobody states."""
    if len(cells) != of.width:
        return Fault(line, "", f"has {len(cells)} cells where the first line names {of.width} columns")
    values = {column: " ".join(filter(None, (clean(cells[place]) for place in places)))
              for column, places in of.places.items() if column != "address"}  # fmt: skip
    for column, value in values.items():
        if "\ufffd" in value:
            return Fault(line, column, "is not UTF-8; save the file as CSV UTF-8")
        if len(value) > LONGEST.get(column, 200):
            return Fault(line, column, f"is longer than {LONGEST.get(column, 200)} characters")
    address = _postal(cells, of, values)
    if len(address) > ADDRESS_LINES or any(len(part) > ADDRESS_LINE for part in address):
        return Fault(line, "address", f"is more than {ADDRESS_LINES} lines of {ADDRESS_LINE} characters")
    if any("\ufffd" in part for part in address):
        return Fault(line, "address", "is not UTF-8; save the file as CSV UTF-8")
    email = _mailbox(values.get("email", ""))
    if email is None:
        return Fault(line, "email", "is not an address")
    data = _kinds(values["data"]) if "data" in values else ()
    if data is None or (not data and "data" in values):
        what = "names a kind of data that the vocabulary does not have" if data is None else "is empty"
        return Fault(line, "data", f"{what}; write keys such as identity;contact;bank_account")
    channel, phone = _second(values.get("channel", ""), values.get("phone", ""))
    if channel is None:
        return Fault(line, "second channel", "is neither post, phone nor a telephone number")
    if phone and not _PHONE.fullmatch(phone):
        return Fault(line, "phone", "is not a telephone number")
    spoken = plain_word(values.get("lang", "")) or lang
    spoken = LANGUAGE_NAMES.get(spoken, spoken.partition("_")[0])
    if not _LANG.fullmatch(spoken):
        return Fault(line, "language", "is not a language code such as fr or en")
    group = values.get("group", "")
    if group and not _GROUP.fullmatch(group):
        return Fault(line, "group", "holds signs that the name of a group cannot have")
    title = values.get("salutation", "")
    found = Concerned(
        reference=values.get("reference", ""),
        name=" ".join(filter(None, (values.get("first_name"), values.get("name"))))[: LONGEST["name"]],
        salutation=TITLES.get(plain_word(title), title.rstrip(" ,")),
        email=email, address=address, phone=phone, lang=spoken, group=group, data=data, channel=channel,
    )  # fmt: skip
    if not (found.email or found.address or found.phone or found.reference):
        return Fault(line, "", "has neither address, telephone nor reference: nobody can be told by it")
    return found


def plain_word(text: str) -> str:
    """Return a word as columns and kinds are compared: lower case, without accents, one underscore for other signs."""
    flat = unicodedata.normalize("NFKD", text.strip().lower())
    return re.sub(r"[^a-z0-9]+", "_", "".join(c for c in flat if not unicodedata.combining(c))).strip("_")


def clean(cell: str) -> str:
    """Return a cell as one line without control, direction-changing or private characters."""
    if _PLAIN.fullmatch(cell):
        return cell.strip()
    kept = []
    for character in cell:
        kind = unicodedata.category(character)
        if kind == "Cs":
            kept.append("\ufffd")
        elif kind in ("Cc", "Zl", "Zp"):
            kept.append(" ")
        elif kind not in ("Cf", "Co", "Cn"):
            kept.append(character)
    return unicodedata.normalize("NFC", " ".join("".join(kept).split(" "))).strip()


def _postal(cells: Sequence[str], of: Header, values: Mapping[str, str]) -> tuple[str, ...]:
    # A cell may hold an address of several lines.
    parts = [clean(part) for place in of.places.get("address", ()) for part in re.split(r"[\r\n|]+", cells[place])]
    town = " ".join(filter(None, (values.get("postcode"), values.get("city"))))
    lines = tuple(filter(None, (*parts, town)))
    return (*lines, values["country"]) if lines and values.get("country") else lines


def _mailbox(text: str) -> str | None:
    if not text:
        return ""
    found = _ADDRESS.fullmatch(text)
    if found is None or ".." in text or text.startswith("."):
        return None
    domain = found[1]
    if not domain.isascii():
        try:
            domain = domain.encode("idna").decode("ascii")
        except UnicodeError:
            return None
    local = text[: found.start(1) - 1]
    return f"{local}@{domain.lower()}" if _DOMAIN.fullmatch(domain) and not local.endswith(".") else None


def _kinds(text: str) -> tuple[DataKind, ...] | None:
    found: set[str] = set()
    for word in filter(None, (plain_word(part) for part in re.split(r"[;,|]", text))):
        kind = KINDS.get(word, word)
        if kind not in DATA_KINDS:
            return None
        found.add(kind)
    return tuple(kind for kind in DATA_KINDS if kind in found)


def _second(text: str, phone: str) -> tuple[Channel | None, str]:
    if not text:
        return "", phone
    if (known := CHANNELS.get(plain_word(text))) is not None:
        return known, phone
    return ("phone", phone or text) if _PHONE.fullmatch(text) else (None, phone)


assert set(LANGUAGE_NAMES.values()) <= set(LANGUAGES)
