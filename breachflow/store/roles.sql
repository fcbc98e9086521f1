-- A least-privilege role for workers and clock processes on PostgreSQL. The owner of the tables (who ran
-- `breachflow init`, and runs it again after an upgrade) grants it; the role itself can neither change nor delete a
-- register entry, whatever the triggers, nor delete anything else.
--
--   psql -v role=breachflow_worker -f roles.sql "$OWNER_URL"
--
-- Changing the master key and VACUUM after an erasure stay with the owner.

GRANT USAGE ON SCHEMA public TO :"role";
GRANT SELECT ON ALL TABLES IN SCHEMA public TO :"role";
GRANT INSERT ON keys, cases, entries, events, correlations, outbox, drafts, dead_letters, positions, leases, posts,
    reports TO :"role";
GRANT UPDATE ON keys, cases, correlations, outbox, dead_letters, positions, leases, posts TO :"role";
GRANT UPDATE (raw) ON events TO :"role";
GRANT UPDATE (body) ON drafts TO :"role";
