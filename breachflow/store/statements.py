"""Every statement that breachflow asks a database, named and described once; both engines run these very texts.

`?` is a value, `(??)` a list of values. A comment `/* skip locked */` stands where an engine that locks rows passes
over those that another process has, `/* hold */` where it keeps them from changing until the transaction ends. Each
engine puts its own words there, in one place.
"""

from __future__ import annotations

# --- Meta and keys

META = "SELECT value FROM meta WHERE name = ?"
"""One fact about the database itself: its schema's version, its master key's fingerprint."""

SET_META = "INSERT INTO meta (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value"

LATEST_KEYS = """
    SELECT name, generation, wrapped FROM keys
    WHERE name IN (??) AND generation = (SELECT max(generation) FROM keys AS k WHERE k.name = keys.name)
    ORDER BY name /* hold */
"""
"""The keys that values are sealed with now; wrapped is NULL where the latest was destroyed."""

DESTROYED = "SELECT generation, destroyed_at FROM keys WHERE name = ? AND destroyed_at IS NOT NULL"
"""When each destroyed generation of a key was destroyed."""

KEYS_OF = "SELECT name, generation, wrapped FROM keys WHERE name IN (??)"
"""Every generation of these keys, to open what was sealed."""

ADD_KEY = "INSERT INTO keys (name, generation, wrapped) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
"""A new data key; where another process was faster its key stands."""

DESTROY_KEY = """
    UPDATE keys SET wrapped = NULL, destroyed_at = ?, destroyed_by = ?, destroyed_because = ?
    WHERE name = ? AND wrapped IS NOT NULL
"""

LIVE_KEYS = "SELECT name, generation, wrapped FROM keys WHERE wrapped IS NOT NULL"
"""All keys that the master key still opens: what a change of the master key wraps anew."""

KEYS_BETWEEN = "SELECT DISTINCT name FROM keys WHERE name >= ? AND name < ? AND wrapped IS NOT NULL ORDER BY name"
"""Living keys of one kind up to a day: what retention lets expire."""

REWRAP_KEY = "UPDATE keys SET wrapped = ? WHERE name = ? AND generation = ? AND wrapped IS NOT NULL"

FORGET_CASE_EVENTS = "UPDATE events SET raw = NULL WHERE case_id = ? AND raw IS NOT NULL"
FORGET_CASE_MAILS = "UPDATE outbox SET message = NULL WHERE case_id = ? AND message IS NOT NULL"
FORGET_CASE_DRAFTS = "UPDATE drafts SET body = NULL WHERE case_id = ? AND body IS NOT NULL"
FORGET_SCREENED = """
    UPDATE events SET raw = NULL WHERE case_id IS NULL AND received_at >= ? AND received_at < ? AND raw IS NOT NULL
"""
FORGET_DEAD = "UPDATE dead_letters SET raw = NULL WHERE at >= ? AND at < ? AND raw IS NOT NULL"
FORGET_MAILS = """
    UPDATE outbox SET message = NULL
    WHERE case_id IS NULL AND created_at >= ? AND created_at < ? AND message IS NOT NULL
"""
"""What a destroyed key has made unreadable is also removed, but for the register, whose chain covers it."""

# --- Intake

EVENTS_KNOWN = "SELECT identity, content, case_id FROM events WHERE identity IN (??)"
"""What is already on record under these identities."""

CASES_FOR = "SELECT key, case_id FROM correlations WHERE (until IS NULL OR until > ?) AND key IN (??)"
"""The cases that these correlation keys lead to now."""

CASES = "SELECT doc FROM cases WHERE id IN (??)"

# --- Commit

ADD_CASE = """
    INSERT INTO cases
    (id, version, stage, open, opened_at, urgent_at, next_at, material, raw_from, content_from, seq, head, doc)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""

MOVE_CASE = """
    UPDATE cases SET version = ?, stage = ?, open = ?, urgent_at = ?, next_at = ?, material = ?, raw_from = ?,
    content_from = ?, seq = ?, head = ?, doc = ? WHERE id = ? AND version = ? AND seq = ?
"""
"""Compare-and-set: no row is touched where somebody moved the case since it was read."""

ADD_ENTRY = """
    INSERT INTO entries (case_id, seq, at, kind, author, body, sealed, hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
"""

ADD_EVENT = """
    INSERT INTO events
    (identity, content, case_id, disposition, revision, received_at, detected_at, source, format, because, raw)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING
"""
"""One event as it was received; the same content under the same identity is on record once."""

TAKE_EVENT = """
    UPDATE events SET case_id = ?, disposition = ?, raw = ? WHERE identity = ? AND content = ? AND case_id = ?
"""
"""An event leaves one case for another, sealed anew under the other's key."""

ADD_NOTICE = """
    INSERT INTO outbox (id, case_id, kind, person, created_at, state, next_at, doc)
    VALUES (?, ?, ?, ?, ?, 'queued', ?, ?) ON CONFLICT DO NOTHING
"""
"""A mail that is owed; the same id is the same duty, and never makes a second one."""

CORRELATE = """
    INSERT INTO correlations (key, case_id, until) VALUES (?, ?, ?)
    ON CONFLICT (key) DO UPDATE SET case_id = excluded.case_id, until = excluded.until
"""

ADD_DEAD_LETTER = """
    INSERT INTO dead_letters (id, at, state, reason, origin, sha256, bytes, raw)
    VALUES (?, ?, 'held', ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING
"""
"""What could not be read; the same bytes from the same place stay one."""

SET_POSITION = """
    INSERT INTO positions (consumer, topic, shard, next_offset, last_timestamp, last_hash) VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT (consumer, topic, shard) DO UPDATE SET next_offset = excluded.next_offset,
    last_timestamp = excluded.last_timestamp, last_hash = excluded.last_hash
"""
"""The offset ledger: what is on record of one partition, moved in the transaction that records it."""

POSITIONS = """
    SELECT consumer, topic, shard, next_offset, last_timestamp, last_hash FROM positions WHERE consumer = ?
    ORDER BY topic, shard
"""

SEE_UNMAPPED = """
    INSERT INTO unmapped (last_at, seen, asset, first_at) VALUES (?, ?, ?, ?)
    ON CONFLICT (asset) DO UPDATE SET seen = unmapped.seen + excluded.seen,
    last_at = CASE WHEN excluded.last_at > unmapped.last_at THEN excluded.last_at ELSE unmapped.last_at END
"""
SEE_UNMAPPED_AGAIN = "UPDATE unmapped SET last_at = ?, seen = seen + ? WHERE asset = ?"
"""What events named and the data map does not know; the second where there is no room for a further name."""

UNMAPPED_COUNT = "SELECT count(*) FROM unmapped"

ADOPT_EVENT = """
    UPDATE events SET case_id = ?, disposition = ?, raw = ?
    WHERE identity = ? AND content = ? AND case_id IS NULL AND raw IS NOT NULL
"""
"""A screened event becomes a case's; no row is touched where it is one's already, or where its content expired."""

# --- Outbox

SETTLE = """
    UPDATE outbox SET state = ?, next_at = ?, settled_at = ?, reference = ?, error = ?, lease_until = NULL
    WHERE id = ? AND state = 'queued'
"""
"""The end of one attempt, where the mail was still owed."""

SETTLE_SENT = """
    UPDATE outbox SET state = 'sent', settled_at = ?, reference = ?, error = '', lease_until = NULL
    WHERE id = ? AND state NOT IN ('sent', 'bounced')
"""
"""The provider has the mail: true whatever was decided about it meanwhile, unless it has given it back already."""

SETTLE_BOUNCED = """
    UPDATE outbox SET state = 'bounced', settled_at = ?, error = ?, lease_until = NULL
    WHERE id = ? AND state IN ('sent', 'queued')
"""
"""The provider gave the mail back; its report may come before our own record that it took it."""

NOTICE = "SELECT doc, state, next_at, attempts, settled_at, reference, error, id FROM outbox WHERE id = ?"

ADD_REPORT = """
    INSERT INTO reports (id, notice, event, at, status, recorded_at) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING
"""
"""What a provider reported, once; no row is touched where it is on record."""

REPORT_KNOWN = "SELECT 1 FROM reports WHERE id = ?"

LEASE = """
    UPDATE outbox SET lease_until = ?, attempts = attempts + 1 WHERE id IN (
        SELECT id FROM outbox
        WHERE state = 'queued' AND next_at <= ? AND (lease_until IS NULL OR lease_until <= ?)
        ORDER BY next_at LIMIT ? /* skip locked */
    ) RETURNING next_at, id, doc, message, attempts, case_id, created_at, digest
"""
"""Claim the mails that are due and nobody's; a claim that is not settled lapses."""

SAVE_MESSAGE = "UPDATE outbox SET message = ? WHERE id = ? AND message IS NULL"
"""Freeze the mail as rendered, so that a resend is the same mail."""

MESSAGE = "SELECT message, case_id, created_at FROM outbox WHERE id = ?"

LEFT_SINCE = "SELECT count(*) FROM outbox WHERE person = ? AND state = 'sent' AND settled_at > ? AND digest = ''"
"""How many mails have left for somebody, one by one, since then."""

GATHER = """
    UPDATE outbox SET digest = ?, next_at = ?, attempts = attempts - 1, lease_until = NULL
    WHERE id = ? AND state = 'queued'
"""
"""A mail waits for its digest, and for its own turn again where that does not come. Waiting is no try."""

GATHERED = """
    SELECT doc, state, next_at, attempts, settled_at, reference, error, id FROM outbox
    WHERE digest = ? AND state = 'queued' ORDER BY created_at, id LIMIT ?
"""

SAVE_DIGEST = "UPDATE outbox SET message = ?, doc = ? WHERE id = ? AND message IS NULL"
"""Freeze a digest as rendered, together with the list of what it tells."""

DIGEST = "SELECT message, doc, created_at FROM outbox WHERE id = ?"

NOTICES_OF = """
    SELECT doc, state, next_at, attempts, settled_at, reference, error, id FROM outbox WHERE case_id = ?
    ORDER BY created_at, id
"""

OUTBOX_SUMMARY = "SELECT state, count(*), min(next_at) FROM outbox GROUP BY state"

# --- Signals to other systems

ADD_POST = """
    INSERT INTO posts (id, hook, case_id, created_at, state, next_at, doc) VALUES (?, ?, ?, ?, 'queued', ?, ?)
    ON CONFLICT DO NOTHING
"""
"""A signal that is owed to one address; the same duty never makes a second one."""

LEASE_POST = """
    UPDATE posts SET lease_until = ?, attempts = attempts + 1 WHERE hook = ? AND id = (
        SELECT id FROM posts
        WHERE hook = ? AND state = 'queued' AND next_at <= ? AND (lease_until IS NULL OR lease_until <= ?)
        ORDER BY next_at, id LIMIT 1 /* skip locked */
    ) RETURNING doc, attempts
"""
"""Claim the signal that one address has waited for longest; a claim that is not settled lapses."""

SETTLE_POST = """
    UPDATE posts SET state = ?, next_at = ?, settled_at = ?, answer = ?, lease_until = NULL
    WHERE id = ? AND hook = ? AND state = 'queued'
"""

POSTS_OF = """
    SELECT doc, hook, state, next_at, attempts, settled_at, answer FROM posts WHERE case_id = ?
    ORDER BY created_at, id, hook
"""

# --- Time and drafts

DUE = "SELECT doc FROM cases WHERE next_at <= ? ORDER BY next_at LIMIT ?"
"""The cases in which somebody must be told by now."""

NEXT_DUE = "SELECT min(next_at) FROM cases WHERE next_at IS NOT NULL"

UNDRAFTED = "SELECT doc FROM cases WHERE drafted < material ORDER BY urgent_at NULLS LAST, id LIMIT ?"
"""The cases whose drafts are older than what they state, most urgent first."""

ADD_DRAFT = """
    INSERT INTO drafts (case_id, version, controller, audience, lang, format, sha256, at, path, body)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING
"""

SET_DRAFTED = "UPDATE cases SET drafted = ? WHERE id = ? AND drafted < ?"

DRAFTS_OF = """
    SELECT controller, audience, lang, format, version, sha256, at, path, body FROM drafts WHERE case_id = ?
    ORDER BY version, at, controller, audience, lang, format
"""

# --- Retention

DUE_CONTENT = "SELECT doc FROM cases WHERE content_from <= ? ORDER BY content_from LIMIT ?"
DUE_RAW = "SELECT doc FROM cases WHERE raw_from <= ? ORDER BY raw_from LIMIT ?"
"""The cases that were closed so long ago that something of them may be due for erasure, the oldest first."""

ERASED_SINCE = """
    SELECT DISTINCT keys.name FROM keys JOIN cases ON cases.id = keys.name WHERE destroyed_at >= ? ORDER BY keys.name
"""
"""Cases whose key was destroyed lately: what lies of them outside the database goes too."""

SEALED_OF = """
    SELECT cases.id, (SELECT count(*) FROM events WHERE events.case_id = cases.id AND raw IS NOT NULL),
    (SELECT count(*) FROM keys WHERE keys.name = cases.id AND wrapped IS NOT NULL)
    FROM cases WHERE cases.id IN (??)
"""
"""How many raw events of a case are there, and whether a key opens what it sealed."""

LIVE_DAYS = """
    SELECT DISTINCT name FROM keys WHERE wrapped IS NOT NULL AND ((name > 'dead:' AND name < 'dead;')
    OR (name > 'mail:' AND name < 'mail;') OR (name > 'screened:' AND name < 'screened;')) ORDER BY name
"""
"""The days of which something that belongs to no case can still be read."""

NOTICE_IDS = "SELECT id FROM outbox WHERE case_id = ? ORDER BY id"

# --- Reading

CASE = "SELECT doc FROM cases WHERE id = ?"

IDS_LIKE = "SELECT id FROM cases WHERE id >= ? AND id < ? ORDER BY id LIMIT ?"

OPEN_CASES = "SELECT doc FROM cases WHERE open = 1 ORDER BY urgent_at NULLS LAST, id LIMIT ?"

OPEN_COUNT = "SELECT count(*) FROM cases WHERE open = 1"

CASES_AFTER = "SELECT id, doc FROM cases WHERE id > ? ORDER BY id LIMIT ?"
"""All cases, a page at a time."""

ENTRIES_OF = """
    SELECT seq, at, kind, author, body, sealed, hash FROM entries WHERE case_id = ? ORDER BY seq
"""

EVENTS_OF = """
    SELECT identity, content, case_id, disposition, revision, received_at, detected_at, source, format, because
    FROM events WHERE case_id = ? ORDER BY received_at, number
"""

SCREENED = """
    SELECT identity, content, case_id, disposition, revision, received_at, detected_at, source, format, because
    FROM events WHERE case_id IS NULL AND received_at >= ? ORDER BY received_at DESC LIMIT ?
"""

EVENTS_LIKE = """
    SELECT identity, content, case_id, disposition, revision, received_at, detected_at, source, format, because
    FROM events WHERE identity >= ? AND identity <= ? ORDER BY received_at, number LIMIT ?
"""
"""Events by the beginning of their identity."""

UNMAPPED = "SELECT asset, seen, first_at, last_at FROM unmapped ORDER BY seen DESC, last_at DESC, asset LIMIT ?"

FORGET_UNMAPPED = "DELETE FROM unmapped WHERE asset = ?"
EXPIRE_UNMAPPED = "DELETE FROM unmapped WHERE last_at < ?"
TRIM_UNMAPPED = """
    DELETE FROM unmapped WHERE asset IN (
        SELECT asset FROM unmapped ORDER BY seen DESC, last_at DESC, asset LIMIT ? OFFSET ?
    )
"""
"""Since mapped; not seen for long; seen least, where there are too many."""

RAW = "SELECT raw, case_id, received_at FROM events WHERE identity = ? AND content = ?"

DEAD_LETTERS = """
    SELECT id, at, state, reason, origin, sha256, bytes, settled_at, settled_by, settled_because FROM dead_letters
    WHERE state = ? ORDER BY at, id LIMIT ?
"""

DEAD_LETTER = """
    SELECT id, at, state, reason, origin, sha256, bytes, settled_at, settled_by, settled_because, raw
    FROM dead_letters WHERE id = ?
"""

SETTLE_DEAD_LETTER = """
    UPDATE dead_letters SET state = ?, settled_at = ?, settled_by = ?, settled_because = ?
    WHERE id = ? AND state = 'held'
"""

CHAIN_HEADS = "SELECT id, seq, head, version, doc FROM cases WHERE id > ? ORDER BY id LIMIT ?"
CHAIN_HEAD = "SELECT id, seq, head, version, doc FROM cases WHERE id = ?"
CHAINS = """
    SELECT case_id, seq, at, kind, author, body, sealed, hash FROM entries WHERE case_id IN (??) ORDER BY case_id, seq
"""
STRAYS = """
    SELECT case_id, min(seq) FROM entries WHERE NOT EXISTS (SELECT 1 FROM cases WHERE cases.id = entries.case_id)
    GROUP BY case_id ORDER BY case_id
"""
"""The register as its verification reads it; strays are entries of no case."""

COUNTS = """
    SELECT (SELECT count(*) FROM cases), (SELECT count(*) FROM cases WHERE open = 1), (SELECT count(*) FROM entries),
    (SELECT count(*) FROM events), (SELECT count(*) FROM events WHERE case_id IS NULL),
    (SELECT count(*) FROM outbox), (SELECT count(*) FROM outbox WHERE state = 'queued'),
    (SELECT count(*) FROM dead_letters), (SELECT count(*) FROM dead_letters WHERE state = 'held')
"""

# --- Watching: what metrics and `doctor` ask; every question is bounded, and follows an index

DATABASE_CLOCK = "SELECT CURRENT_TIMESTAMP"

OPEN_BY_STAGE = """
    SELECT stage, count(*) FROM (SELECT stage FROM cases WHERE open = 1 LIMIT ?) AS counted GROUP BY stage
"""

OPEN_DOCS = "SELECT doc FROM cases WHERE open = 1 AND urgent_at IS NOT NULL ORDER BY urgent_at, id LIMIT ?"
"""The open cases with a deadline, the most urgent first: their clocks are counted."""

WAITING_MAILS = """
    SELECT count(*), min(created_at) FROM (
        SELECT created_at FROM outbox WHERE state = 'queued' ORDER BY next_at LIMIT ?
    ) AS counted
"""

GIVEN_UP = """
    SELECT count(*) FROM (SELECT 1 FROM outbox WHERE state = 'failed' AND next_at >= ? LIMIT ?) AS counted
"""

HELD = "SELECT count(*) FROM (SELECT 1 FROM dead_letters WHERE state = 'held' LIMIT ?) AS counted"

UNDRAFTED_COUNT = "SELECT count(*) FROM (SELECT 1 FROM cases WHERE drafted < material LIMIT ?) AS counted"

# --- Publishing

HOLD = """
    INSERT INTO leases (name, holder, until) VALUES (?, ?, ?)
    ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until
    WHERE leases.holder = excluded.holder OR leases.until <= ?
"""
"""Take a lease that is free or lapsed, or renew one's own."""

UNPUBLISHED = """
    SELECT entries.case_id, entries.seq, entries.at, entries.kind, entries.body
    FROM (SELECT id, published FROM cases WHERE published < seq ORDER BY id LIMIT ?) AS behind
    JOIN entries ON entries.case_id = behind.id AND entries.seq > behind.published
    ORDER BY entries.case_id, entries.seq LIMIT ?
"""
"""The register beyond what has gone out; cut off somewhere, and so without a gap in any case."""

UNPUBLISHED_DEAD = """
    SELECT id, at, reason, origin, sha256, bytes FROM dead_letters WHERE published = 0 ORDER BY at, id LIMIT ?
"""

SET_PUBLISHED = "UPDATE cases SET published = ? WHERE id = ? AND published < ?"
SET_DEAD_PUBLISHED = "UPDATE dead_letters SET published = 1 WHERE id = ?"

# --- People concerned

PEOPLE_LISTS_OF = "SELECT id, version, state, doc, progress FROM people_lists WHERE case_id = ? ORDER BY id"
PEOPLE_LIST = "SELECT id, version, state, doc, progress FROM people_lists WHERE id = ?"

PEOPLE_LEAVING = """
    SELECT id, version, state, doc, progress FROM people_lists WHERE state = 'released' AND EXISTS
    (SELECT 1 FROM people_chunks WHERE people_chunks.list_id = people_lists.id AND queued > 0) ORDER BY id
"""
"""The lists that were released and of which somebody is still to be written to."""

PEOPLE_TEXTS = "SELECT texts FROM people_lists WHERE id = ?"

ADD_PEOPLE_LIST = """
    INSERT INTO people_lists (id, case_id, version, state, doc, progress, texts) VALUES (?, ?, ?, ?, ?, ?, NULL)
"""

MOVE_PEOPLE_LIST = """
    UPDATE people_lists SET version = ?, state = ?, doc = ?, progress = ? WHERE id = ? AND version = ?
"""
"""Compare-and-set, as for a case."""

SET_PEOPLE_TEXTS = "UPDATE people_lists SET texts = ? WHERE id = ?"

ADD_PEOPLE_CHUNK = """
    INSERT INTO people_chunks (list_id, number, version, queued, states, cuts, tries, sealed)
    VALUES (?, ?, 1, ?, ?, ?, ?, ?)
"""

MOVE_PEOPLE_CHUNK = """
    UPDATE people_chunks SET version = ?, queued = ?, states = ?, tries = ?
    WHERE list_id = ? AND number = ? AND version = ?
"""

NEXT_PEOPLE_CHUNK = """
    SELECT number, version, states, cuts, tries, sealed FROM people_chunks
    WHERE list_id = ? AND number >= ? AND queued > 0 ORDER BY number LIMIT 1
"""

PEOPLE_CHUNK = """
    SELECT number, version, states, cuts, tries, sealed FROM people_chunks WHERE list_id = ? AND number = ?
"""

PEOPLE_STATES = "SELECT number, states, cuts FROM people_chunks WHERE list_id = ? ORDER BY number"

FORGET_PEOPLE = "UPDATE people_chunks SET sealed = NULL WHERE list_id = ? AND sealed IS NOT NULL"
ERASE_PEOPLE_LIST = "UPDATE people_lists SET version = version + 1, state = 'erased' WHERE id = ? AND state <> 'erased'"
FORGET_PEOPLE_TEXTS = "UPDATE people_lists SET texts = NULL WHERE id = ? AND texts IS NOT NULL"

DROP_PEOPLE_CHUNKS = "DELETE FROM people_chunks WHERE list_id = ?"
DROP_PEOPLE_LIST = "DELETE FROM people_lists WHERE id = ? AND state = 'loading'"
"""An import that was broken off; nothing of it has left."""
