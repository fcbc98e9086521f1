"""The words of inventories: how CMDBs name the columns of a data map, and what people write into its cells."""

from __future__ import annotations

from breachflow.core.facts import DATA_KINDS, PEOPLE_KINDS

COLUMNS: dict[str, tuple[str, ...]] = {
    "asset": (
        "asset", "assets", "match", "name", "hostname", "host", "host_name", "server", "server_name", "machine",
        "fqdn", "dns_name", "ip", "ip_address", "cidr", "ci", "ci_name", "cmdb_ci", "configuration_item",
        "serveur", "nom", "nom_du_serveur", "adresse_ip", "machine_name", "computer_name", "device_name", "bucket",
        "bucket_name", "database", "database_name",
    ),
    "kind": ("kind", "match_kind", "match_type", "type_de_correspondance"),
    "id": ("id", "entry", "entry_id"),
    "personal_data": (
        "personal_data", "contains_personal_data", "contains_pii", "pii", "gdpr", "rgpd", "donnees_personnelles",
        "données_personnelles",
    ),
    "controller": ("controller", "data_controller", "controller_id", "legal_entity", "responsable_de_traitement",
                   "responsable"),
    "processing": ("processing", "processing_activity", "treatment", "traitement", "business_service",
                   "business_process", "application", "service", "finalite", "finalité"),
    "role": ("role", "gdpr_role", "rôle"),
    "data": ("data", "data_kinds", "data_types", "data_categories", "personal_data_types", "kinds_of_data", "donnees",
             "données", "categories_de_donnees", "catégories_de_données"),
    "people": ("people", "data_subjects", "data_subject_categories", "people_kinds", "personnes",
               "personnes_concernees", "personnes_concernées"),
    "people_count": ("people_count", "number_of_people", "data_subject_count", "data_subjects_count", "subjects",
                     "nombre_de_personnes"),
    "records_count": ("records_count", "record_count", "number_of_records", "rows", "nombre_d_enregistrements"),
    "countries": ("countries", "data_subject_countries", "pays_des_personnes"),
    "at_rest": ("at_rest", "protection", "encryption", "encryption_at_rest", "disk_encryption", "chiffrement"),
    "backup": ("backup", "backups", "sauvegarde"),
    "note": ("note", "notes", "comment", "comments", "remark", "commentaire", "remarque"),
}  # fmt: skip
"""Our columns, and what exports call them; `u_…`, as ServiceNow begins columns of one's own, is read without it."""

KINDS = {
    "name": "name", "exact": "name", "host": "name", "hostname": "name", "nom": "name", "fqdn": "name",
    "pattern": "pattern", "glob": "pattern", "wildcard": "pattern", "motif": "pattern",
    "range": "range", "network": "range", "cidr": "range", "subnet": "range", "plage": "range", "ip": "range",
    "address": "range", "account": "account", "compte": "account", "bucket": "bucket", "tag": "tag",
}  # fmt: skip

YES = frozenset({"yes", "true", "1", "y", "oui", "vrai"})
NO = frozenset({"no", "false", "0", "n", "non", "faux"})
EMPTY = frozenset({"", "-", "null", "n/a", "na", "#n/a"})

DATA = {word: word for word in DATA_KINDS} | {
    "name": "identity", "names": "identity", "nom": "identity", "identite": "identity", "identité": "identity",
    "email": "contact", "e-mail": "contact", "phone": "contact", "address": "contact", "contact_details": "contact",
    "coordonnees": "contact", "coordonnées": "contact", "date_of_birth": "birth_date", "birthdate": "birth_date",
    "passport": "official_id", "id_card": "official_id", "ssn": "social_security", "nir": "social_security",
    "social_security_number": "social_security", "iban": "bank_account", "bank": "bank_account", "rib": "bank_account",
    "bank_details": "bank_account", "credit_card": "payment_card", "card": "payment_card", "passwords": "credentials",
    "password": "credentials", "geolocation": "location", "medical": "health", "sante": "health", "santé": "health",
    "contracts": "contract", "vehicles": "vehicle", "logs": "connection", "biometrics": "biometric",
    "criminal_records": "criminal", "hr": "employment", "rh": "employment",
}  # fmt: skip

PEOPLE = {word: word for word in PEOPLE_KINDS} | {
    "customer": "customers", "clients": "customers", "client": "customers", "insured": "customers",
    "prospect": "prospects", "employee": "employees", "staff": "employees", "salaries": "employees",
    "salariés": "employees", "collaborateurs": "employees", "candidates": "applicants", "candidats": "applicants",
    "children": "minors", "mineurs": "minors", "patient": "patients", "student": "students", "user": "users",
    "utilisateurs": "users", "subscriber": "subscribers", "abonnes": "subscribers", "abonnés": "subscribers",
    "autres": "other",
}  # fmt: skip

AT_REST = {
    "intact": "intact", "weak": "weak", "none": "none", "faible": "weak", "aucune": "none", "aucun": "none",
    **dict.fromkeys(NO, "none"),
}  # fmt: skip
"""`yes` is not among them: that a disk is encrypted does not say that nobody can read it."""

BACKUP = {"full": "full", "partial": "partial", "none": "none", "complete": "full", "complète": "full",
          "partielle": "partial", "aucune": "none", **dict.fromkeys(NO, "none")}  # fmt: skip
ROLES = {"controller": "controller", "joint_controller": "joint_controller", "processor": "processor",
         "responsable": "controller", "sous-traitant": "processor", "sous_traitant": "processor"}  # fmt: skip


def plain(word: str) -> str:
    """Return a word as the tables above write it: small, with underscores for spaces."""
    return "_".join(word.strip().casefold().replace("’", "'").split())


def ours(column: str) -> str | None:
    """Return which of our columns a file's column is, or `None`."""
    name = plain(column).removeprefix("u_").replace("-", "_").replace("'", "_").replace(".", "_")
    return next((key for key, names in COLUMNS.items() if name in names), None)
