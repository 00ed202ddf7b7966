"""The rehearsal: scripts are checked before anything starts, reports say what came, and all six people pass."""

from __future__ import annotations

import os
import re
import socket
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from helpline import model
from helpline.settings import load as load_settings
from locales import LANGUAGES
from rehearsal import hearing, people, report, script, stage, steps
from rehearsal.__main__ import rehearse
from rehearsal.report import Acted, Came, Checked, Played
from rehearsal.script import CHANNELS, READERS, load, read
from rehearsal.source import BadScript
from tests.providers.twilio import SentMessage, TwilioServer

ROOT = Path(__file__).parent.parent
DOC = (ROOT / "docs" / "rehearsal.md").read_text(encoding="utf-8")
WHO = 'who: {name: a test, shows: something, channel: sms, language: en, phone: "+447700900150"}\n'


def written(folder: Path, text: str, name: str = "mine") -> Path:
    file = folder / f"{name}.yml"
    file.write_text(text, encoding="utf-8")
    return file


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "mine.yml: is empty"),
        (WHO, 'line 1: a script needs "steps"'),
        (WHO + "steps: []\n", "line 2: steps is a list with at least one entry"),
        (WHO + "steps:\n- sais: hello\n", 'line 3 (step 1): "sais" is not known in a step; allowed: says, taps,'),
        (
            WHO + "steps:\n- says: hi\n- hears: {respons: utter_ok}\n",
            '(step 2): "respons" is not known in hears',
        ),
        (WHO + "steps:\n- hears: {response: utter_wellcome}\n", 'no response "utter_wellcome"; near it: utter_welcome'),
        (
            WHO + "steps:\n- says: hi\n  taps: 'Yes'\n",
            "line 3 (step 1): a step does or expects one thing; found",
        ),
        (WHO + "steps:\n- says: hi\n- says: [a, '']\n", "line 4 (step 2): says is a text"),
        (WHO + "steps:\n- says: hi\n  within: 5\n", "within stands only with hears"),
        (WHO + "steps:\n- hears: hi\n  within: soon\n", "within is a number"),
        (WHO + "steps:\n- taps: 'Yes'\n", "an SMS has no buttons"),
        (WHO + "steps:\n- sends: voice\n", "nothing but text can be sent on sms"),
        (WHO + "steps:\n- picks: 1.5\n", "picks is a whole number"),
        (WHO + "steps:\n- holder: nobody\n", '"nobody" is no holder; allowed: bot, waiting, operator'),
        (WHO + "steps:\n- case: {priority: urgent}\n", '"urgent" is no priority; allowed: danger, child, high, normal'),
        (WHO + "steps:\n- case: {consent: yes}\n", "allowed: shared, confidential, anonymous, none"),
        (WHO + "steps:\n- screening: {path: job_offer, matched: [rich]}\n", '"rich" is no indicator'),
        (WHO + "steps:\n- screening: {path: job_offer, skipped: [job_pay]}\n", '"job_pay" is no question of this path'),
        (WHO + "steps:\n- operator: waves\n", '"waves" is no act of an operator'),
        (WHO + "steps:\n- operator: {replies: a, reads: b}\n", "an operator does one thing a step"),
        (
            WHO + "steps:\n- operator:\n    replies: who?\n    says: x\n",
            '(step 1): "says" is not known in operator',
        ),
        (WHO + "never: []\nsteps:\n- says: hi\n", "line 2: never is a list"),
        (WHO + "steps:\n- hears: {words: [Shall I?]}\n", "line 3: is no YAML"),
        (WHO + "steps:\n- says: hi\n- says: hi\nsteps:\n- says: hi\n", 'line 5: "steps" stands twice in a script'),
        (WHO.replace("sms", "telegram") + "steps:\n- says: hi\n", 'somebody on telegram has no "phone"'),
        (WHO.replace("sms", "fax") + "steps:\n- says: hi\n", '"fax" is no channel; allowed: telegram, sms'),
        (WHO.replace("en,", "xx,") + "steps:\n- says: hi\n", '"xx" is no language; allowed: en'),
        (WHO.replace("+447700900150", "+48600100200") + "steps:\n- says: hi\n", "take a number that nobody has"),
    ],
)
def test_a_script_is_refused_with_its_place_and_what_is_allowed(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(BadScript) as refused:
        read(written(tmp_path, text))
    assert why in str(refused.value)
    assert str(refused.value).startswith("mine.yml")


def test_words_are_read_as_they_are_written(tmp_path: Path) -> None:
    made = read(written(tmp_path, WHO + "steps:\n- says: no\n- says: [yes, '1']\n- hears: [5, null]\n  within: 2\n"))
    assert [step.what for step in made.steps] == [
        steps.Says(("no",)),
        steps.Says(("yes", "1")),
        steps.Hears((), ("5", "null"), 2.0),
    ]
    assert [step.line for step in made.steps] == [3, 4, 5]


def test_scripts_are_chosen_by_name(tmp_path: Path) -> None:
    for name in ("one", "two"):
        written(tmp_path, WHO + "steps:\n- says: hi\n", name)
    assert [found.name for found in load(tmp_path)] == ["one", "two"]
    assert [found.name for found in load(tmp_path, ["two"])] == ["two"]
    with pytest.raises(BadScript, match='no script "three"; there are: one, two'):
        load(tmp_path, ["three"])
    with pytest.raises(BadScript, match="no scripts"):
        load(tmp_path / "empty")


def test_every_step_is_documented_and_nothing_else() -> None:
    documented = re.findall(r"^\| `([a-z_]+): ", DOC, re.MULTILINE)
    assert set(documented) == set(READERS)


def test_the_people_cover_all_channels_and_languages() -> None:
    cast = [found.who for found in load()]
    assert {who.channel for who in cast} == set(CHANNELS)
    assert {"en", "uk", "ar"} <= {who.language for who in cast} <= set(LANGUAGES)
    addresses = [who.address for who in cast if who.address] + [who.address for who in stage.GREETERS]
    assert len(set(addresses) - {""}) == len([address for address in addresses if address]) - 1  # SMS and WhatsApp


def test_a_response_is_found_by_its_words_with_any_value() -> None:
    said = "Call somebody? In an emergency, call 15 / 17\n(police, ambulance, fire). Say first where you are."
    assert hearing.is_in("utter_emergency", "en", said)
    assert not hearing.is_in("utter_emergency", "uk", said)
    assert not hearing.is_in("utter_emergency_where", "en", said)
    assert hearing.named("All right. You can write at any time.", "en") == ["utter_no_problem"]
    assert hearing.named("All right. You can write at any time.", "uk") == ["utter_no_problem (en)"]
    assert hearing.named("Hello from a person", "en") == []


@pytest.mark.parametrize(
    ("offered", "field"),
    [(("Keep", "Share"), "ButtonPayload"), (("Keep", "Share", "Anonymous", "Not now"), "ListId")],
)
def test_a_whatsapp_button_is_tapped_and_a_list_is_chosen_from(offered: tuple[str, ...], field: str) -> None:
    delivered: list[dict[str, str]] = []

    class Twilio(TwilioServer):
        def choices(self, message: SentMessage) -> list[tuple[str, str]]:
            return [(title, f"c7:{number}") for number, title in enumerate(offered)]

        def deliver(self, web_url: str, path: str, fields: Mapping[str, str], public_url: str | None = None) -> int:
            delivered.append(dict(fields))
            return 200

    with Twilio() as provider:
        who = script.Who("a test", "", "whatsapp", "en", "+447700900150")
        person = people.OnWhatsApp(who, url="http://127.0.0.1:1", provider=provider)
        provider.sent.append(SentMessage("SM1", "whatsapp:+447700900150", "", "May I?", None, "HX1", {"m": "7"}))
        assert [heard.text for heard in person.look()] == ["May I?"]
        share = person.button("share")
        assert share is not None
        person.presses(share)
    assert delivered[0][field] == "c7:1"
    assert person.offered() == offered


def played(tmp_path: Path, *entries: report.Entry) -> Played:
    return Played(read(written(tmp_path, WHO + "steps:\n- says: hi\n")), list(entries), 3.2)


def test_a_report_reads_like_the_conversation(tmp_path: Path) -> None:
    shown = report.render(
        played(
            tmp_path,
            Acted("Person", "hi"),
            Came("Hello. What do you need?\n1 A\n2 B", (), 0.42),
            Checked(True, "hears utter_ok", "0.4 s"),
            Acted("Operator", note="claims the case"),
            Came("Choose.", ("A job offer", "Something else"), 1.0),
            Checked(False, "holder: bot", "operator"),
            Checked(False, "from line 7 to 9: not reached", count=3),
        )
    )
    assert shown.splitlines() == [
        "── mine: a test (SMS, English) ".ljust(report.WIDTH, "─"),
        "   something",
        "",
        " Person   ▸ hi",
        " Wayline  ◂ Hello. What do you need?",
        "            1 A",
        "            2 B  0.4 s",
        "          ✓ hears utter_ok  (0.4 s)",
        " Operator ▸ (claims the case)",
        " Wayline  ◂ Choose.  1.0 s",
        "            [A job offer] [Something else]",
        "          ✗ holder: bot  (operator)",
        "          ✗ from line 7 to 9: not reached",
        "",
        "   mine: NOT as expected, 1 of 5, 3 s",
    ]


def test_words_that_read_leftwards_are_isolated_line_by_line(tmp_path: Path) -> None:
    arabic = "مرحبا. هنا خط المساعدة. " * 9
    lines = report.render(played(tmp_path, Came(arabic, ("عرض عمل", "Passport"), 1.0))).splitlines()
    spoken = [line for line in lines if "مرحبا" in line or "عرض" in line]
    assert len(spoken) > 3
    assert all(line.count(report.FSI) == line.count(report.PDI) == 1 for line in spoken)
    assert report.isolated("Passport") == "Passport"


def test_the_last_line_counts_people_and_expectations(tmp_path: Path) -> None:
    good = played(tmp_path, Checked(True, "a"), Checked(True, "b"))
    bad = played(tmp_path, Checked(True, "a"), Checked(False, "b"), Checked(False, "c", count=2))
    assert report.closing([good, bad], 86.6) == "1 of 2 people, 3 of 6 expectations, 87 s"
    assert good.passed
    assert not bad.passed


def test_only_harmless_settings_of_the_deployer_are_passed_on() -> None:
    deployers = {
        "WAYLINE_NAME": "Line",
        "WAYLINE_COUNTRY": "PL",
        "WAYLINE_HOURS": "Mo-Fr 09:00-18:00",
        "WAYLINE_TIMEZONE": "Europe/Warsaw",
        "WAYLINE_LANGUAGE": "uk",
        "WAYLINE_DATABASE_URL": "postgresql://theirs",
        "WAYLINE_MASTER_KEYS_FILE": "/theirs",
        "WAYLINE_TELEGRAM_TOKEN": "theirs",
        "WAYLINE_PUBLIC_URL": "https://theirs.example",
        "WAYLINE_SOMETHING_NEW": "theirs",
        "https_proxy": "http://theirs",
        "HTTP_PROXY": "http://theirs",
        "PATH": "/bin",
    }
    made = stage.environment(deployers, {"WAYLINE_DEMO": "1"})
    assert "theirs" not in " ".join(made.values())
    assert made["PATH"] == "/bin"
    settings = load_settings({name: value for name, value in made.items() if name.startswith("WAYLINE_")})
    assert (settings.name, settings.country, settings.language) == ("Line", "PL", "uk")
    assert (settings.hours, settings.timezone.key) == ("Mo-Fr 09:00-18:00", "Europe/Warsaw")


def wayline(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "WAYLINE_UNKNOWN": "1", "WAYLINE_DATABASE_URL": "nonsense"}
    command = ["./wayline", "rehearse", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=180)


def test_the_command_lists_and_refuses_without_starting_anything(tmp_path: Path) -> None:
    listed = wayline("--list")
    assert listed.returncode == 0
    assert [line.split()[0] for line in listed.stdout.splitlines()] == [found.name for found in load()]
    unknown = wayline("nobody")
    assert unknown.returncode == 1
    assert 'wayline: there is no script "nobody"; there are: calm, ' in unknown.stderr
    written(tmp_path, WHO + "steps:\n- shouts: hi\n")
    broken = wayline("--folder", str(tmp_path))
    assert (broken.returncode, broken.stdout) == (1, "")
    assert 'wayline: mine.yml, line 3 (step 1): "shouts" is not known in a step' in broken.stderr


WRONG = """
who: {name: wrong, shows: what a failure looks like, channel: web, language: en}
never: [machine]
steps:
- hears: {response: utter_welcome}
- says: hello
- hears: {response: utter_thank}
  within: 5
- at_most: 0
- case: {priority: danger}
- holder: operator
- taps: Nothing of this kind
- hears: {response: utter_ok}
- case: none
"""


def patient(one: script.Script) -> script.Script:
    """The promises of the scripts are for a machine of one's own; here others work on it too."""
    return replace(
        one,
        steps=tuple(
            replace(step, what=replace(step.what, seconds=30.0)) if isinstance(step.what, steps.Hears) else step
            for step in one.steps
        ),
    )


def test_all_people_are_answered_as_their_scripts_expect_and_a_wrong_script_fails(tmp_path: Path) -> None:
    model.train(lambda line: None)  # its minute is not the rehearsal's
    said: list[str] = []
    wrong = read(written(tmp_path, WRONG, "wrong"))
    performances, refused = rehearse([*map(patient, load()), wrong], os.environ, said.append)
    shown = "\n".join(said)
    for one in performances[:-1]:
        assert one.passed, report.render(one)
        assert len(one.checks) >= 8, one.script.name
    assert refused == []
    welcomed, *failed = performances[-1].checks
    assert welcomed.ok
    assert not any(check.ok for check in failed)
    assert [check.note for check in failed] == [
        "came: utter_menu",
        "1 came",
        "there is no case",
        "bot",
        "no choice “Nothing of this kind” is offered",
        "",
        "machine",
    ]
    assert said[0].startswith("Starting the helpline")
    assert shown.index("── calm:") < shown.index("── child:") < shown.index("── wrong:")


def test_nothing_is_left_of_a_rehearsal_that_could_not_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = int(other.getsockname()[1])
        monkeypatch.setattr(stage, "free_ports", lambda: (taken, taken, taken))
        with pytest.raises(stage.NotStarted, match=f"port {taken} .* is in use"), stage.helpline(os.environ, print):
            pass
    assert list(tmp_path.iterdir()) == []


def test_the_scripts_hold_no_number_that_somebody_has() -> None:
    for file in script.HERE.glob("*.yml"):
        for number in re.findall(r"\+[0-9]{6,}", file.read_text(encoding="utf-8")):
            assert script.FAKE.fullmatch(number), f"{file.name}: {number}"
