"""What a person sent, and who may open it."""

from __future__ import annotations

import pytest

from channels.contract import GiveUp, Media, MediaKind
from console import attached
from helpline import attachments
from helpline.attachments import Wanted
from helpline.database import Sessions, transaction
from helpline.filetypes import KINDS
from tests.console.conftest import Field, SignIn, picture, sound

SVG = b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"><script>alert(1)</script></svg>'
HTML = b"<!doctype html><html><body><script>alert(1)</script></body></html>"
PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj 2 0 obj<</Type/Pages/Kids[]/Count 0>>endobj\n%%EOF\n"


def path(code: str, attachment_id: int) -> str:
    return f"/cases/{code}/files/{attachment_id}"


@pytest.mark.parametrize(("kind", "content", "content_type", "way"), [
    ("image", picture(), "image/png", "inline"),
    ("document", picture("JPEG"), "image/jpeg", "inline"),
    ("voice", sound(), "audio/x-wav", "inline"),
    ("document", PDF, "application/pdf", "attachment"),
])
def test_a_file_is_served_as_what_it_is_and_nothing_in_it_can_run(
    sign_in: SignIn, field: Field, kind: MediaKind, content: bytes, content_type: str, way: str
) -> None:
    code = field.case("hello", channel="telegram")
    answer = sign_in("sam").get(path(code, field.send(code, kind, content)))
    assert (answer.status_code, answer.data) == (200, content)
    headers = answer.headers
    assert headers["Content-Type"] == content_type
    assert headers["Content-Disposition"].startswith(f"{way}; filename=\"file.")
    assert headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Frame-Options"] == "DENY"


def test_a_player_gets_the_range_that_it_asks_for(sign_in: SignIn, field: Field) -> None:
    code, content, sam = field.case("hello"), sound(), sign_in("sam")
    address = path(code, field.send(code, "voice", content))
    part = sam.get(address, headers={"Range": "bytes=100-199"})
    assert (part.status_code, part.data) == (206, content[100:200])
    assert part.headers["Content-Range"] == f"bytes 100-199/{len(content)}"
    assert part.headers["Content-Type"] == "audio/x-wav"
    assert part.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert sam.get(address).headers["Accept-Ranges"] == "bytes"
    assert sam.get(address, headers={"Range": "bytes=0-"}).data == content
    assert sam.get(address, headers={"Range": f"bytes={len(content)}-"}).status_code == 416


@pytest.mark.parametrize("kind", ["image", "document", "sticker"])
@pytest.mark.parametrize("content", [SVG, HTML])
def test_what_is_disguised_as_a_picture_is_refused_and_never_rendered(
    sign_in: SignIn, field: Field, kind: MediaKind, content: bytes
) -> None:
    code, sam = field.case("hello"), sign_in("sam")
    attachment_id = field.send(code, kind, content)
    page = sam.get(f"/cases/{code}").text
    assert "Not kept: a type of file that we cannot show safely." in page
    assert "<img" not in page
    assert "/files/" not in page
    answer = sam.get(path(code, attachment_id))
    assert answer.status_code == 404
    assert b"alert(1)" not in answer.data


def test_everything_that_is_kept_is_a_picture_a_sound_a_film_or_saved() -> None:
    shown = {name for name in KINDS if name.partition("/")[0] in ("image", "audio", "video")}
    assert set(KINDS) - shown == {"application/pdf"}
    assert not any("svg" in name or "html" in name or "xml" in name for name in KINDS)
    assert set(attached.UNPLAYED) <= shown


def test_a_file_that_one_may_not_see_does_not_exist(sign_in: SignIn, field: Field, make: Sessions) -> None:
    mine, other, complaint = field.case("a"), field.case("b"), field.case("c", reason="complaint", take=False)
    files = {code: field.send(code, "image", picture()) for code in (mine, other, complaint)}
    sam, ines = sign_in("sam"), sign_in("ines")
    assert sam.get(path(mine, files[mine])).status_code == 200
    assert ines.get(path(complaint, files[complaint])).status_code == 200
    missing = sam.get(path(mine, 10**9))
    for code, attachment_id in (
        (mine, files[other]), (complaint, files[complaint]), ("abc234", files[mine]), (mine, 10**30),
    ):
        hidden = sam.get(path(code, attachment_id))
        assert hidden.status_code == missing.status_code == 404
        assert hidden.text == missing.text
        assert hidden.headers["Content-Security-Policy"] == missing.headers["Content-Security-Policy"]


def test_a_closed_case_shows_only_its_own_files(sign_in: SignIn, field: Field) -> None:
    code, sam = field.case("hello"), sign_in("sam")
    before = field.send(code, "image", picture())
    late = field.send(code, "image")
    sam.post(f"/cases/{code}/claim")
    sam.post(f"/cases/{code}/close", {"outcome": "helped"})
    after = field.send(code, "image", picture())
    page = sam.get(f"/cases/{code}").text
    assert path(code, before) in page
    assert path(code, after) not in page
    assert "was not fetched before the case was closed" in page
    assert sam.get(path(code, before)).status_code == 200
    assert sam.get(path(code, after)).status_code == 404
    assert sign_in("olha").get(path(code, before)).status_code == 404
    news = sam.get(f"/cases/{code}/news?shown=1&fetching={late},{after}").text
    assert path(code, after) not in news


def test_an_erased_conversation_has_no_files(sign_in: SignIn, field: Field, make: Sessions) -> None:
    code = field.case("hello")
    attachment_id = field.send(code, "image", picture())
    with transaction(make) as session:
        field.find(session, code).conversation.key_wrapped = None
    sam = sign_in("sam")
    assert sam.get(path(code, attachment_id)).status_code == 404
    assert sam.get(f"/cases/{code}/news?fetching={attachment_id}").status_code == 200


def test_a_view_is_logged_and_what_was_seen_is_not(
    sign_in: SignIn, field: Field, capsys: pytest.CaptureFixture[str]
) -> None:
    code = field.case("hello")
    attachment_id = field.send(code, "document", PDF, name="passport of Olena.pdf")
    sign_in("sam").get(path(code, attachment_id))
    said = capsys.readouterr().out
    assert "file viewed" in said
    assert f"attachment={attachment_id}" in said or f"attachment\x1b[0m=\x1b[35m{attachment_id}" in said
    for secret in ("Olena", "PDF", "file-id", "pdf"):
        assert secret not in said


def test_a_file_that_arrives_replaces_its_notice_without_reload(sign_in: SignIn, field: Field) -> None:
    code, sam = field.case("hello"), sign_in("sam")
    picture_id, voice_id = field.send(code, "image"), field.send(code, "voice")
    page = sam.get(f"/cases/{code}").text
    assert page.count("is being fetched…") == 2
    assert f'name="fetching" value="{picture_id},{voice_id}"' in page
    field.fetch(picture_id, picture())
    news = sam.get(f"/cases/{code}/news?shown=1,2,3&fetching={picture_id},{voice_id}").text
    assert f'id="f{picture_id}" hx-swap-oob="true">' in news
    assert f'id="f{voice_id}"' not in news
    assert path(code, picture_id) in news
    assert f'name="fetching" value="{voice_id}" hx-swap-oob="true"' in news
    for nonsense in ("drop table", "1" * 50, ",".join("1" for _ in range(500))):
        assert sam.get(f"/cases/{code}/news?shown=1,2,3&fetching={nonsense}").status_code == 200


@pytest.mark.parametrize(("error", "words"), [
    (GiveUp("gone"), "The provider does not have it any more."),
    (GiveUp("too large"), "Not fetched: it is larger than 20 MB."),
    (GiveUp("host"), "Not fetched: its address is not the provider&#39;s."),
    (GiveUp("400"), "could not be fetched (400)"),
])
def test_why_there_is_no_file_is_said(
    sign_in: SignIn, field: Field, make: Sessions, error: GiveUp, words: str
) -> None:
    code = field.case("hello")
    attachment_id = field.send(code, "voice")
    with transaction(make) as session:
        attachments.not_fetched(session, Wanted(attachment_id, "telegram", Media("voice", "x")), error)
    assert words in sign_in("sam").get(f"/cases/{code}").text


def test_an_empty_file_and_one_without_an_address_are_said_too(sign_in: SignIn, field: Field) -> None:
    code = field.case("hello")
    field.send(code, "image", b"")
    field.send(code, "voice", reference="")
    page = sign_in("sam").get(f"/cases/{code}").text
    assert "The file is empty." in page
    assert "has no file that could be fetched" in page


def test_a_place_and_a_contact_are_text_to_copy(sign_in: SignIn, field: Field) -> None:
    code = field.case("hello")
    field.send(code, "location", reference="52.22977,-21.01178", name="Dworzec <b>")
    field.send(code, "contact", reference="+48\u202e999888777", name="\u202eBoss")
    field.send(code, "location", reference='1,2"onmouseover="alert(1)')
    page = sign_in("sam").get(f"/cases/{code}").text
    assert '<code dir="ltr">52.22977, -21.01178</code>' in page
    assert 'href="geo:52.22977,-21.01178"' in page
    assert "Dworzec &lt;b&gt;" in page
    assert 'RLO</span>999888777</code>' in page
    assert 'RLO</span>Boss' in page
    assert 'onmouseover="' not in page
    assert page.count('class="copy"') == 2


def test_a_sticker_is_small_and_a_picture_veiled(sign_in: SignIn, field: Field) -> None:
    code = field.case("hello")
    field.send(code, "sticker", picture("WEBP"))
    page = sign_in("sam").get(f"/cases/{code}").text
    assert 'class="media picture small veiled"' in page
    assert 'alt="Picture from the person"' in page
    assert "Show picture" in page


def test_what_no_browser_plays_can_be_saved(sign_in: SignIn, field: Field) -> None:
    code = field.case("hello")
    field.send(code, "voice", b"#!AMR\n" + b"\x3c" * 64)
    page = sign_in("sam").get(f"/cases/{code}").text
    assert 'preload="none"' in page
    assert "Save it, if it does not play here" in page


def test_an_edited_message_says_so(sign_in: SignIn, field: Field, make: Sessions) -> None:
    code = field.case("hello")
    with transaction(make) as session:
        field.write(session, field.find(session, code).conversation, {"text": "hello again", "edited": True})
    page = sign_in("sam").get(f"/cases/{code}").text
    assert page.count("changed what they wrote before to:") == 1
    assert page.index("changed what they wrote") < page.index("hello again")


def test_pages_may_load_sound_from_us_only(sign_in: SignIn) -> None:
    assert "media-src 'self';" in sign_in("sam").get("/").headers["Content-Security-Policy"]
