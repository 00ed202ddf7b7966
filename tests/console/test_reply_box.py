"""The reply box: what asks by itself inside of the form has its own way to be shut meanwhile."""

from __future__ import annotations

import re

from tests.console.conftest import Field, SignIn


def test_a_button_that_asks_by_itself_does_not_inherit_what_the_form_shuts(sign_in: SignIn, field: Field) -> None:
    """htmx inherits "find .main" from the form, and a button has no such thing in it: an error in every log."""
    code, sam = field.case("привіт", language="uk"), sign_in("sam")
    sam.post(f"/cases/{code}/claim")
    form = re.search(r'<form id="reply".*?</form>', sam.get(f"/cases/{code}").text, re.DOTALL)
    assert form is not None
    asking = [tag for tag in re.findall(r"<[^>]+>", form.group())[1:] if re.search(r"\shx-(get|post)=", tag)]
    assert [tag for tag in asking if "hx-disabled-elt" not in tag] == []
    assert any("add-service" in tag for tag in asking)
