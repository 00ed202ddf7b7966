"""Cases as months of work leave them, and the way into the console to time its pages."""

from __future__ import annotations

import re
import time

from flask.testing import FlaskClient
from sqlalchemy import Engine, text

from helpline import database, operators
from helpline.database import transaction
from helpline.models import Operator

PAGES = ("/", "/queue/rows", "/desk", "/calls")
TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')

FILL = """
INSERT INTO teams (name) SELECT 'team ' || t FROM generate_series(1, 5) t;
INSERT INTO operators (username, email, alias, fs_uniquifier, team_id, seen_at, active_at, most_cases)
SELECT 'op' || n, 'op' || n, 'Op ' || n, md5('operator' || n), (SELECT min(id) FROM teams) + n % 5, now(), now(), 0
FROM generate_series(1, 50) n;
INSERT INTO roles (name) VALUES ('operator'), ('supervisor') ON CONFLICT DO NOTHING;
INSERT INTO operators_roles (operator_id, role_id)
SELECT o.id, r.id FROM operators o
JOIN roles r ON r.name = CASE WHEN o.username = 'op50' THEN 'supervisor' ELSE 'operator' END
WHERE o.username LIKE 'op%';
CREATE TEMP TABLE desk AS SELECT id, team_id, row_number() OVER (ORDER BY id) - 1 AS n FROM operators
WHERE username LIKE 'op%';
INSERT INTO conversations (code, channel, address_index, key_wrapped, language, holder, created_at, last_inbound_at)
SELECT 'v' || n, (ARRAY['web', 'telegram', 'sms', 'whatsapp'])[1 + n % 4], decode(md5('p' || n), 'hex'), '\\x00',
       (ARRAY['en', 'uk', 'ar', 'fr', 'ru'])[1 + n % 5],
       CASE WHEN n > :open THEN 'bot' WHEN n > :waiting THEN 'operator' ELSE 'waiting' END,
       now() - n * interval '7 s', now() - n * interval '7 s'
FROM generate_series(1, :open + :closed) n;
INSERT INTO cases (code, conversation_id, operator_id, team_id, state, priority, reason, topic, language, skill,
                   consent, outcome, opened_at, claimed_at, closed_at, announce_at, second_reader_id)
SELECT 'd' || i, v.id, o.id, o.team_id,
       CASE WHEN i > :open THEN 'closed' WHEN i > :waiting THEN (ARRAY['claimed', 'claimed', 'claimed', 'paused'])
            [1 + i % 4] ELSE 'waiting' END,
       (ARRAY[3, 3, 2, 3, 2, 3, 1, 3, 3, 0])[1 + i % 10],
       CASE WHEN i % 100 = 7 THEN 'complaint' ELSE 'asked' END, 'ask_job_offer', v.language,
       CASE WHEN i % 10 = 6 THEN 'children' END, 'shared', CASE WHEN i > :open THEN 'helped' END,
       v.created_at, CASE WHEN i > :waiting THEN v.created_at + interval '4 min' END,
       CASE WHEN i > :open THEN v.created_at + interval '50 min' END, CASE WHEN i <= :waiting THEN now() END,
       CASE WHEN i % 500 = 1 THEN (SELECT min(id) FROM desk) + i / 500 % 50 END
FROM generate_series(1, :open + :closed) g(i)
JOIN conversations v ON v.code = 'v' || i
LEFT JOIN desk o ON i > :waiting AND o.n = i / 4 % 50;
INSERT INTO messages (conversation_id, case_id, author, channel, body_sealed, state, created_at)
SELECT conversation_id, id, (ARRAY['person', 'operator', 'person'])[k], 'web', '\\x00', 'handled',
       opened_at + k * interval '5 min'
FROM cases, generate_series(1, 3) k WHERE k < 3 OR state = 'claimed' AND id % 2 = 0;
INSERT INTO audit (at, operator_id, act, case_code)
SELECT claimed_at, operator_id, 'claimed', code FROM cases WHERE claimed_at IS NOT NULL;
INSERT INTO audit (at, operator_id, act, case_code)
SELECT closed_at, operator_id, 'closed', code FROM cases WHERE state = 'closed';
INSERT INTO notes (case_id, operator_id, body_sealed) SELECT id, operator_id, '\\x00' FROM cases WHERE id % 10 = 0;
INSERT INTO mentions (note_id, operator_id, seen_at)
SELECT n.id, (SELECT min(id) FROM desk) + n.id / 20 % 50, CASE WHEN c.state = 'closed' AND n.id % 20 > 0 THEN now() END
FROM notes n JOIN cases c ON c.id = n.case_id WHERE n.id % 2 = 0;
INSERT INTO overrides (case_id, rule, reason_sealed, asked_by, decided_at, granted)
SELECT id, 'silent', '\\x00', operator_id, CASE WHEN state = 'closed' AND id % 5 > 0 THEN now() END, true
FROM cases WHERE operator_id IS NOT NULL AND id % 50 = 0;
"""
"""Cases as months of work leave them: 5 teams of 10, each fourth held one paused, two messages and two acts of the
audit for each, notes, calls that nobody has followed, and requests that nobody decided before the case closed."""


def fill(engine: Engine, waiting: int, held: int, closed: int) -> None:
    """Put so many cases into an empty database, by SQL: nothing of it can be read."""
    with engine.begin() as connection:
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        for statement in FILL.split(";\n"):
            wanted = {name: value for name, value in
                      {"waiting": waiting, "open": waiting + held, "closed": closed}.items()
                      if f":{name}" in statement}  # fmt: skip
            if statement.strip():
                connection.execute(text(statement), wanted)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("SET statement_timeout = 0"))
        connection.execute(text("VACUUM ANALYZE"))


def invited(engine: Engine, username: str) -> str:
    """A one-time link's token for this operator."""
    with transaction(database.sessions(engine)) as session:
        return operators.invite(session, session.query(Operator).filter_by(username=username).one())


def enter(client: FlaskClient, engine: Engine, username: str) -> None:
    """Sign this operator in."""
    token = invited(engine, username)
    found = TOKEN.search(client.get(f"/once/{token}").text)
    assert found
    assert client.post(f"/once/{token}", data={"csrf_token": found.group(1)}).status_code == 303


def page_times(client: FlaskClient, path: str, rounds: int = 9) -> list[float]:
    """Milliseconds until the page was made, each time; the first is thrown away."""
    took = []
    for _ in range(rounds + 1):
        began = time.perf_counter()
        assert client.get(path).status_code == 200, path
        took.append(1000 * (time.perf_counter() - began))
    return took[1:]
