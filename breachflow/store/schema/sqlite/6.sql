-- Version 6: retention. The instants from which the keeping of a case's raw events, and of its whole content, counts:
-- its closing, NULL while it is open or on hold and once the content is erased. No case has been on hold so far.
ALTER TABLE cases ADD COLUMN raw_from TEXT;
ALTER TABLE cases ADD COLUMN content_from TEXT;
UPDATE cases SET raw_from = substr(json_extract(doc, '$.closed_at'), 1, 19) || '.000000Z',
content_from = substr(json_extract(doc, '$.closed_at'), 1, 19) || '.000000Z' WHERE open = 0;
CREATE INDEX cases_raw_kept ON cases (raw_from) WHERE raw_from IS NOT NULL;
CREATE INDEX cases_kept ON cases (content_from) WHERE content_from IS NOT NULL;
CREATE INDEX keys_destroyed ON keys (destroyed_at) WHERE destroyed_at IS NOT NULL;
