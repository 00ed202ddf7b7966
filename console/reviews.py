"""Reviews: cases picked at random that supervisors mark, and what operators see of it."""

from __future__ import annotations

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from console import queue
from console.accounts import me
from console.context import console
from console.i18n import gettext as _
from console.i18n import lazy_gettext
from helpline import conversations, database, reviewing
from helpline.models import Operator
from helpline.reviewing import Reviewed

blueprint = Blueprint("reviews", __name__)

QUESTION_WORDS = {
    "safety": lazy_gettext("Was safety asked about first?"),
    "consent": lazy_gettext("Was consent asked for, and kept to?"),
    "no_pressure": lazy_gettext("Was nobody pressed to tell their story?"),
    "plain": lazy_gettext("Were the words plain and short?"),
    "next_step": lazy_gettext("Was a next step given that the person can take?"),
    "told": lazy_gettext("Was the person told what happens now?"),
}
MARK_WORDS = {"yes": lazy_gettext("Yes"), "no": lazy_gettext("No"), "na": lazy_gettext("Does not apply")}
REFUSED = {
    "done": lazy_gettext("Somebody has reviewed this case already."),
    "erased": lazy_gettext("This conversation was erased. It cannot be reviewed."),
    "own": lazy_gettext("This is your own case: another supervisor must review it."),
}


@blueprint.get("/reviews")
def page() -> ResponseReturnValue:
    with database.transaction(console().make) as session:
        some = reviewing.newest(session)
        return render_template(
            "reviews.html",
            status=queue.status_of(session, me().id),
            waiting=[one for one in some if one.review.done_at is None],
            done=[one for one in some if one.review.done_at is not None],
            my_id=me().id,
        )


@blueprint.get("/reviews/<int:review_id>")
def one(
    review_id: int, error: str | None = None, marks: dict[str, str] | None = None, note: str = ""
) -> ResponseReturnValue:
    with database.transaction(console().make) as session:
        found = reviewing.find(session, review_id)
        if found is None:
            abort(404)
        shown = render_template(
            "review.html",
            status=queue.status_of(session, me().id),
            found=found,
            questions=QUESTION_WORDS,
            mark_words=MARK_WORDS,
            marks=marks or found.review.marks,
            note=note or _note(found),
            own=found.case.operator_id == me().id,
            most=reviewing.NOTE_MOST,
            error=error,
        )
    return shown, 422 if error else 200


@blueprint.post("/reviews/<int:review_id>")
def save(review_id: int) -> ResponseReturnValue:
    marks = {name: request.form[name] for name in reviewing.QUESTIONS if name in request.form}
    note = request.form.get("note", "").replace("\r\n", "\n")
    try:
        with database.transaction(console().make) as session:
            supervisor = session.get_one(Operator, me().id)
            reviewing.mark(session, console().keys, review_id, supervisor, marks, note)
    except ValueError:
        return one(review_id, _("Answer all six questions, then save."), marks, note)
    except reviewing.NotReviewable as refusal:
        flash(str(REFUSED[str(refusal)]), "warning")
        return redirect(url_for("reviews.page"), 303)
    flash(_("The review is saved. The operator can read it."))
    return redirect(url_for("reviews.page"), 303)


@blueprint.get("/me/reviews")
def mine() -> ResponseReturnValue:
    """What supervisors marked in cases of mine."""
    with database.transaction(console().make) as session:
        some = reviewing.newest(session, me().id)
        return render_template(
            "reviews_mine.html",
            status=queue.status_of(session, me().id),
            some=[(found, _note(found)) for found in some],
            questions=QUESTION_WORDS,
            mark_words=MARK_WORDS,
        )


def _note(found: Reviewed) -> str:
    try:
        return reviewing.note_of(console().keys, found)
    except conversations.Erased:
        return ""
