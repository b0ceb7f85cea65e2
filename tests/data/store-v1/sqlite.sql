CREATE TABLE feedback (
  id TEXT PRIMARY KEY, created_at TEXT NOT NULL, label TEXT NOT NULL, body TEXT NOT NULL,
  prediction_id TEXT NOT NULL REFERENCES record (id) ON DELETE CASCADE
);
CREATE TABLE migration (name TEXT PRIMARY KEY);
CREATE TABLE record (
  id TEXT PRIMARY KEY, created_at TEXT NOT NULL, source TEXT NOT NULL, task TEXT NOT NULL,
  language TEXT NOT NULL, route TEXT NOT NULL, release_key TEXT, light TEXT NOT NULL, verdict TEXT NOT NULL,
  p_yes REAL, body TEXT NOT NULL
);
CREATE INDEX record_by_task ON record (task, language, created_at);
CREATE INDEX record_by_time ON record (created_at);
CREATE INDEX feedback_by_prediction ON feedback (prediction_id, created_at);
