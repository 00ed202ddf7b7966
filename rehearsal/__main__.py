"""`wayline rehearse`: scripted people write to a helpline of their own; what they are told is held to the scripts."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import FrameType

from helpline import availability
from helpline.settings import BadSetting
from locales import native_name
from rehearsal import report, stage
from rehearsal.play import Play, Stopped
from rehearsal.report import CHANNELS, Checked, Played
from rehearsal.script import HERE, Script, load
from rehearsal.source import BadScript
from rehearsal.stage import NotStarted, Stage

AT_ONCE = 4
"""People who write at the same time: more would time their own crowd, on a small machine."""


class Performance:
    """One script, played in a thread of its own."""

    def __init__(self, script: Script, stage: Stage, places: threading.Semaphore, stopping: threading.Event) -> None:
        self.script, self.played = script, Played(script)
        self._stage, self._places, self._stopping = stage, places, stopping
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def result(self) -> Played:
        while self._thread.is_alive():
            self._thread.join(0.2)  # in pieces, so that Ctrl-C is heard
        return self.played

    def _run(self) -> None:
        play = None
        with self._places:
            try:
                person = self._stage.person(self.script.who)
                play = Play(self.script, person, self._stage.records, self._stage.desk, self._stopping)
                self.played = play.played
                play.run()
                person.close()
            except Stopped:
                pass
            except Exception as error:  # one broken script must not end the others
                self.played.entries.append(Checked(False, "the script was played to its end", type(error).__name__))


def rehearse(
    scripts: Sequence[Script], deployers: Mapping[str, str], say: Callable[[str], None]
) -> tuple[list[Played], list[str]]:
    """Play all scripts on one helpline. Returns how each went, and what the providers refused."""
    say("Starting the helpline (some 20 s).")
    began, stopping = time.monotonic(), threading.Event()
    with stage.helpline(deployers, say) as running:
        say(f"Ready after {time.monotonic() - began:.0f} s. {_with_what(running)}")
        running.greet()
        say(f"{len(scripts)} to play, up to {AT_ONCE} at the same time.\n")
        places = threading.Semaphore(AT_ONCE)
        performances = [Performance(script, running, places, stopping) for script in scripts]
        try:
            played = []
            for performance in performances:
                played.append(performance.result())
                say(report.render(played[-1]))
            say("Stopping the helpline.")
            return played, running.refused
        finally:
            stopping.set()


def _with_what(running: Stage) -> str:
    """The settings that are rehearsed, and whether the desk is within its hours now."""
    settings = running.settings
    with running.records.make() as session:
        now = availability.state(session, settings)
    opens = f"closed now, opens {now.opens_at:%A %H:%M}" if now.opens_at else "closed now"
    return (
        f"Name {settings.name}, country {settings.country or 'not set'}, language {native_name(settings.language)}, "
        f"hours {settings.hours} {settings.timezone.key} ({'open now' if now.open else opens})."
    )


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="wayline rehearse", description=__doc__)
    made.add_argument("names", nargs="*", metavar="NAME", help="scripts to play; all if none is named")
    made.add_argument("--list", action="store_true", help="list the scripts and play none")
    made.add_argument("--folder", type=Path, default=HERE, help="a folder with scripts of your own")
    return made


def main(arguments: list[str] | None = None) -> int:
    """0 if everything was as expected, else 1."""
    asked = parser().parse_args(arguments)
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, _interrupt)
    sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]  # a terminal without these letters
    began = time.monotonic()
    try:
        scripts = load(asked.folder, asked.names)
        if asked.list:
            for script in scripts:
                who = script.who
                print(f"{script.name:14} {CHANNELS[who.channel]:9} {who.language}  {who.name}")
            return 0
        played, refused = rehearse(scripts, os.environ, lambda line: print(line, flush=True))
    except (BadScript, BadSetting, NotStarted) as error:
        print(f"wayline: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped; nothing is left of the rehearsal.", flush=True)
        return 130
    if failed := [each.script.name for each in played if not each.passed]:
        print(f"Not as expected: {', '.join(failed)}")
    for refusal in refused:
        print(f"✗ a provider would refuse a request: {refusal}")
    print(report.closing(played, time.monotonic() - began))
    return 0 if not refused and all(each.passed for each in played) else 1


def _interrupt(number: int, frame: FrameType | None) -> None:
    """End in order. A second Ctrl-C must not break that off: processes would be left."""
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, signal.SIG_IGN)
    os.write(sys.stdout.fileno(), b"Stopping the helpline.\n")
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
