-- The journal's tables. Events and snapshots are only ever added; the triggers hold everyone to it.
CREATE TABLE incidents (
    id TEXT PRIMARY KEY, model TEXT NOT NULL, number INTEGER NOT NULL, run_key TEXT UNIQUE
);
CREATE TABLE events (
    incident TEXT NOT NULL REFERENCES incidents (id), seq INTEGER NOT NULL, at TEXT NOT NULL, kind TEXT NOT NULL,
    data TEXT NOT NULL, previous TEXT NOT NULL, hash TEXT NOT NULL, PRIMARY KEY (incident, seq)
);
CREATE INDEX by_kind ON events (incident, kind, seq);
CREATE TABLE documents (digest TEXT PRIMARY KEY, body TEXT NOT NULL);
CREATE TABLE leases (
    incident TEXT PRIMARY KEY, holder TEXT NOT NULL, host TEXT NOT NULL, pid INTEGER NOT NULL, until TEXT NOT NULL
);
CREATE TRIGGER events_are_never_changed BEFORE UPDATE ON events
BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TRIGGER events_are_never_deleted BEFORE DELETE ON events
BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TRIGGER documents_are_never_changed BEFORE UPDATE ON documents
BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TRIGGER documents_are_never_deleted BEFORE DELETE ON documents
BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
