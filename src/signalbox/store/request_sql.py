"""Statements of the request store, in the form of `store.portable`. `EXPLAIN` of the reading ones is in the tests."""

from __future__ import annotations

REQUEST_COLUMNS = (
    "r.id, r.campaign_id, r.task, r.language, r.record_id, r.input_sha256, r.verdict, r.score, r.propensity, "
    "r.rank, r.second"
)

ADD_CAMPAIGN = """INSERT INTO campaign (id, at, task, language, verdict, route, body)
VALUES (?, {now}, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING RETURNING id"""

CAMPAIGNS = "SELECT at, body FROM campaign WHERE task = ? ORDER BY at, id"

# One request a text: the constraint on the hash decides between two that come at once.
ADD_REQUEST = """INSERT INTO label_request
(id, at, campaign_id, task, language, record_id, input_sha256, verdict, score, propensity, rank, second)
VALUES (?, {now}, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING RETURNING id"""

_NEWEST_ACTION = """coalesce((SELECT v.action FROM label_review v WHERE v.request_id = r.id AND v.slot = s.slot
ORDER BY v.seq DESC LIMIT 1), '')"""
# An assignment ends with its entry, with its time, or with a later assignment.
_ACTIVE = """a.until > {now} AND NOT EXISTS (SELECT 1 FROM label_review v WHERE v.request_id = a.request_id
AND v.slot = a.slot AND v.attempt = a.attempt)"""

# The newest one first: after an undo a reviewer has two.
HELD = f"""SELECT a.request_id, a.slot, a.attempt, a.reviewer, d.body FROM label_assignment a
JOIN label_request r ON r.id = a.request_id JOIN record d ON d.id = r.record_id
WHERE a.reviewer = ? AND {_ACTIVE} AND r.task = ? AND r.campaign_id IS NOT NULL
AND (CAST(? AS text) = '' OR r.language = ?) ORDER BY a.at DESC LIMIT ?"""  # noqa: S608

# What nobody has seen yet, in the order of the queue: the index has this order, so it ends at the first row that fits.
# A record that was deleted has no text to show. A second review is for another person than the first one.
_FRESH = """SELECT r.id, {slot}, 0, 0, r.rank FROM label_request r WHERE r.campaign_id = ? {only}
AND NOT EXISTS (SELECT 1 FROM label_assignment a WHERE a.request_id = r.id AND a.slot = {slot})
AND NOT EXISTS (SELECT 1 FROM label_assignment o WHERE o.request_id = r.id AND o.slot <> {slot} AND o.reviewer = ?)
AND EXISTS (SELECT 1 FROM record d WHERE d.id = r.record_id) ORDER BY r.rank LIMIT 1"""
FRESH = {
    1: _FRESH.format(slot=1, only=""),
    2: _FRESH.format(slot=2, only="AND r.second = 1"),
}

# What was skipped or taken back, or whose time ran out. Skipped requests come after the others.
AGAIN = f"""SELECT r.id, s.slot, (SELECT max(o.attempt) FROM label_assignment o WHERE o.request_id = r.id
  AND o.slot = s.slot), (SELECT count(*) FROM label_review k WHERE k.request_id = r.id AND k.slot = s.slot
  AND k.action = 'skip') AS skips, r.rank
FROM label_request r JOIN (SELECT 1 AS slot UNION ALL SELECT 2) s ON s.slot = 1 OR r.second = 1
WHERE r.campaign_id = ? AND s.slot <= CAST(? AS integer) AND {_NEWEST_ACTION} NOT IN ('label', 'unjudgeable')
AND EXISTS (SELECT 1 FROM label_assignment a WHERE a.request_id = r.id AND a.slot = s.slot)
AND NOT EXISTS (SELECT 1 FROM label_assignment a WHERE a.request_id = r.id AND a.slot = s.slot AND {_ACTIVE})
AND NOT EXISTS (SELECT 1 FROM label_assignment o WHERE o.request_id = r.id AND o.slot <> s.slot AND o.reviewer = ?)
AND EXISTS (SELECT 1 FROM record d WHERE d.id = r.record_id)
ORDER BY skips, r.rank, s.slot LIMIT 1"""  # noqa: S608

BODY_OF_REQUEST = """SELECT d.body FROM label_request r JOIN record d ON d.id = r.record_id WHERE r.id = ?"""

# Only the newest assignment of its reviewer may have an entry, and one only.
ADD_REVIEW = """INSERT INTO label_review (id, request_id, slot, attempt, reviewer, action, label, at)
SELECT CAST(? AS text), a.request_id, a.slot, a.attempt, a.reviewer, CAST(? AS text), CAST(? AS text), {now}
FROM label_assignment a WHERE a.request_id = ? AND a.slot = ? AND a.attempt = ? AND a.reviewer = ?
AND a.attempt = (SELECT max(o.attempt) FROM label_assignment o WHERE o.request_id = a.request_id AND o.slot = a.slot)
ON CONFLICT DO NOTHING RETURNING id"""

ENTRY = """SELECT action, label FROM label_review WHERE request_id = ? AND slot = ? AND attempt = ? AND reviewer = ?
AND action <> 'undo'"""

# The reviewer's newest entry in the queue of a task, if it may still be taken back. A join would read all entries.
UNDOABLE = """SELECT v.request_id, v.slot, v.attempt, v.action FROM label_review v WHERE v.seq =
(SELECT max(w.seq) FROM label_review w WHERE w.reviewer = ?
AND EXISTS (SELECT 1 FROM label_request r WHERE r.id = w.request_id AND r.task = ?)) AND v.action <> 'undo'
AND v.at > {now} - CAST(? AS double precision)
AND v.attempt = (SELECT max(o.attempt) FROM label_assignment o WHERE o.request_id = v.request_id AND o.slot = v.slot)"""
UNDO = """INSERT INTO label_review (id, request_id, slot, attempt, reviewer, action, label, at)
VALUES (?, ?, ?, ?, ?, 'undo', NULL, {now})"""
ASSIGN_AGAIN = """INSERT INTO label_assignment (request_id, slot, attempt, reviewer, at, until)
VALUES (?, ?, ?, ?, {now}, {now} + CAST(? AS double precision)) ON CONFLICT DO NOTHING
RETURNING request_id, slot, attempt, reviewer"""

# For labels that were entered in a file, whoever had the request.
ENTER_ASSIGNMENT = """INSERT INTO label_assignment (request_id, slot, attempt, reviewer, at, until)
SELECT r.id, 1, 1 + coalesce((SELECT max(o.attempt) FROM label_assignment o WHERE o.request_id = r.id AND o.slot = 1), 0),
CAST(? AS text), {now}, {now} FROM label_request r WHERE r.id = ?"""
ENTER_REVIEW = """INSERT INTO label_review (id, request_id, slot, attempt, reviewer, action, label, at)
SELECT CAST(? AS text), a.request_id, 1, max(a.attempt), CAST(? AS text), CAST(? AS text), CAST(? AS text), {now}
FROM label_assignment a WHERE a.request_id = ? AND a.slot = 1 GROUP BY a.request_id RETURNING id"""

COUNT = "SELECT count(*) FROM label_request WHERE campaign_id = ?"
ASKED = """SELECT r.id, a.slot, min(a.at) FROM label_request r JOIN label_assignment a ON a.request_id = r.id
WHERE r.campaign_id = ? GROUP BY r.id, a.slot"""
REQUESTS = f"SELECT {REQUEST_COLUMNS} FROM label_request r WHERE r.campaign_id = ? ORDER BY r.rank, r.id"  # noqa: S608
ASKED_REQUESTS = f"""SELECT {REQUEST_COLUMNS} FROM label_request r WHERE r.campaign_id = ? AND EXISTS
(SELECT 1 FROM label_assignment a WHERE a.request_id = r.id) ORDER BY r.rank, r.id"""  # noqa: S608
REVIEWS = """SELECT v.request_id, v.slot, v.action, v.label, v.reviewer, v.at FROM label_review v
JOIN label_request r ON r.id = v.request_id WHERE r.campaign_id = ? ORDER BY v.seq"""

LABELED_HASHES = """SELECT DISTINCT {text(record.body.input_sha256)} FROM feedback
JOIN record ON record.id = feedback.prediction_id WHERE record.task = ?"""
REQUESTED_HASHES = "SELECT input_sha256 FROM label_request WHERE task = ?"
REQUESTED_BEFORE = f"{REQUESTED_HASHES} AND at < CAST(? AS double precision)"

# The newest label of a request for training, by text; the first review of it counts.
NEWEST_LABELS = """SELECT d.body, v.label, v.at FROM label_request r JOIN record d ON d.id = r.record_id
JOIN label_review v ON v.request_id = r.id AND v.slot = 1 WHERE r.task = ? AND v.action = 'label' AND v.seq =
(SELECT max(w.seq) FROM label_review w WHERE w.request_id = r.id AND w.slot = 1)"""

SECONDS_NOW = "SELECT {now}"
