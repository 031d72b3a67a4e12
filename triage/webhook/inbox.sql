-- What arrived and what became of it. A delivery is on disk before its sender is answered.
CREATE TABLE deliveries (
    id INTEGER PRIMARY KEY AUTOINCREMENT, received_at TEXT NOT NULL, origin TEXT NOT NULL, address TEXT NOT NULL,
    body BLOB NOT NULL, settled_at TEXT, refused TEXT NOT NULL DEFAULT '', tries INTEGER NOT NULL DEFAULT 0,
    retry_at TEXT
);
CREATE INDEX waiting ON deliveries (id) WHERE settled_at IS NULL;
CREATE TABLE alerts (
    key TEXT PRIMARY KEY, group_key TEXT NOT NULL, fingerprint TEXT NOT NULL, name TEXT NOT NULL, origin TEXT NOT NULL,
    starts_at TEXT NOT NULL, firing INTEGER NOT NULL, labels TEXT NOT NULL, summary TEXT NOT NULL, model TEXT NOT NULL,
    playbook TEXT NOT NULL, decision TEXT NOT NULL, reason TEXT NOT NULL, incident TEXT NOT NULL, due_at TEXT,
    first_seen TEXT NOT NULL, last_seen TEXT NOT NULL, deliveries INTEGER NOT NULL
);
CREATE INDEX of_incident ON alerts (incident);
CREATE INDEX due ON alerts (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX seen ON alerts (last_seen);
CREATE TABLE marks (name TEXT PRIMARY KEY, value TEXT NOT NULL);
