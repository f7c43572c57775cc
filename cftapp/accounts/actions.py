"""What can happen to an account. What gives power (a role, a link to choose a password) is asked for by one admin and
confirmed by another; what takes it away is done at once.

PostgreSQL checks the two admins once more, and that every change leaves its event, whoever writes (`guards/`).
"""

from collections.abc import Collection

from django.contrib.auth.models import Group, User
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from audit.actions import record
from cftapp.accounts.models import LINK, Request
from cftapp.base.accounts import ROLES, has_role
from cftapp.base.actors import Actor
from cftapp.base.locks import lock_until_commit
from cftapp.base.refusal import Blocked, Conflict, Forbidden, Refused

SUPERUSER = "superuser"
OPERATOR = "Ask the operator, who makes another admin on the command line: manage.py account NAME --role admin"


@transaction.atomic
def create_account(name: str, roles: Collection[str] = (), *, by: User) -> User:
    """Make an account without a password, and ask for its roles and its first link. Another admin confirms them."""
    begin(by)
    must_be_free(name)
    wanted = [must_be_wanted(one) for one in dict.fromkeys([LINK, *roles])]
    must_have_second(None, by)
    account = User.objects.create_user(name)
    asked = [Request.objects.create(account=account, wanted=one, asked_by=by) for one in wanted]
    edges = [("account", account.pk), *(("account_request", each.pk) for each in asked)]
    record("account.created", by=by, generated=edges, detail={"wanted": wanted})
    return account


@transaction.atomic
def request_role(account: User, role: str, *, by: User) -> Request:
    """Ask that the account be given a role. Conflict where it has it, or nobody else could confirm."""
    begin(by)
    if role == LINK or has_now(account, must_be_wanted(role)):
        raise Conflict.because("wanted", f"{account.username} holds the role {role} already.", "Choose another role.")
    asked = ask(account, role, by)
    used = [("account", account.pk)]
    record("account.role_requested", by=by, used=used, generated=[("account_request", asked.pk)], detail={"role": role})
    return asked


@transaction.atomic
def request_link(account: User, *, by: User) -> Request:
    """Ask for a link with which the holder chooses a password. Conflict where one is on its way."""
    begin(by)
    asked = ask(account, LINK, by)
    record("account.link_requested", by=by, used=[("account", account.pk)], generated=[("account_request", asked.pk)])
    return asked


@transaction.atomic
def confirm_request(pk: int, *, by: User) -> Request:
    """Say yes as the second admin: a role is given at once, a link works for a day. Raises Forbidden for whoever asked
    and for whom it is about.
    """
    begin(by)
    asked = open_request(pk)
    if by.pk == asked.asked_by_id:
        raise Forbidden.because("request", "You asked for this yourself.", "Another admin confirms it.")
    if by.pk == asked.account_id:
        raise Forbidden.because("request", "This is about your own account.", "Another admin confirms it.")
    if not (asked.asked_by and has_role(asked.asked_by, "admin") and asked.asked_by.is_active):
        raise Conflict.because("request", "Whoever asked is no admin any more.", "Decline it, and ask for it anew.")
    if not asked.account.is_active:
        raise Conflict.because("request", f"{asked.account.username} is closed.", "Reopen the account, or decline.")
    answer(asked, Request.State.CONFIRMED, by)
    edges = about(asked)
    if asked.wanted == LINK:
        record("account.link_confirmed", by=by, used=edges)
    else:
        record("account.role_granted", by=by, used=edges, detail={"role": asked.wanted})
    return asked


@transaction.atomic
def decline_request(pk: int, *, by: User) -> Request:
    """Say no as another admin."""
    begin(by)
    asked = open_request(pk)
    if by.pk == asked.asked_by_id:
        raise Forbidden.because("request", "You asked for this yourself.", "Take it back instead.")
    answer(asked, Request.State.DECLINED, by)
    record("account.request_declined", by=by, used=about(asked), detail={"wanted": asked.wanted})
    return asked


@transaction.atomic
def withdraw_request(pk: int, *, by: User) -> Request:
    """Take back what one asked for oneself."""
    begin(by)
    asked = open_request(pk)
    if by.pk != asked.asked_by_id:
        raise Forbidden.because("request", "Somebody else asked for this.", "Decline it instead.")
    answer(asked, Request.State.WITHDRAWN, by)
    record("account.request_withdrawn", by=by, used=about(asked), detail={"wanted": asked.wanted})
    return asked


@transaction.atomic
def take_role(account: User, role: str, *, by: User) -> None:
    """Take a role (or `superuser`) away, at once. Conflict for the last admin, and where it is not held."""
    begin(by)
    account.refresh_from_db()
    if role == SUPERUSER and account.is_superuser:
        account.is_superuser = account.is_staff = False
        account.save(update_fields=["is_superuser", "is_staff"])
    elif not (role in ROLES and account.groups.through.objects.filter(user=account, group__name=role).delete()[0]):
        raise Conflict.because("role", f"{account.username} does not hold the role {role}.", "Nothing is left to do.")
    must_leave_an_admin()
    record("account.role_taken", by=by, used=[("account", account.pk)], detail={"role": role})


@transaction.atomic
def close_account(account: User, *, by: User) -> None:
    """Nobody signs in with it any more: its sessions end, its roles, password and open requests go. Its acts stay."""
    begin(by)
    account.refresh_from_db()
    if not account.is_active:
        raise Conflict.because("account", f"{account.username} is closed already.", "Nothing is left to do.")
    account.groups.clear()
    account.set_unusable_password()
    account.is_active = account.is_superuser = account.is_staff = False
    account.save(update_fields=["password", "is_active", "is_superuser", "is_staff"])
    must_leave_an_admin()
    record("account.closed", by=by, used=[("account", account.pk)])


@transaction.atomic
def reopen_account(account: User, *, by: User) -> None:
    """Open it again, without a role and without a password: those are asked for."""
    begin(by)
    account.refresh_from_db()
    if account.is_active:
        raise Conflict.because("account", f"{account.username} is open.", "Nothing is left to do.")
    account.is_active = True
    account.save(update_fields=["is_active"])
    record("account.reopened", by=by, used=[("account", account.pk)])


@transaction.atomic
def choose_password(pk: int, password: str, *, by: User) -> User:
    """Use a link, as the holder of its account. It works once: Conflict from then on. All sessions end."""
    lock_until_commit("accounts")
    asked = Request.objects.usable().select_for_update(of=["self"]).select_related("account").filter(pk=pk).first()
    if asked is None or by.pk != asked.account_id:
        raise Conflict.because("link", "This link was used, or is too old.", "Ask an admin for another one.")
    asked.used_at = timezone.now()
    asked.save(update_fields=["used_at"])
    set_password(asked.account, password)
    record("account.password_chosen", by=by, used=about(asked))
    return asked.account


@transaction.atomic
def change_password(account: User, password: str, *, by: User) -> None:
    """Set another password, as its holder. Every other session ends."""
    if by.pk != account.pk:
        raise Forbidden.because("account", "A password is its holder's.", "Ask for a link instead.")
    if not User.objects.select_for_update().filter(pk=account.pk, is_active=True).exists():
        raise Conflict.because("account", f"{account.username} is closed.", "Ask an admin to reopen it.")
    set_password(account, password)
    record("account.password_changed", by=by, used=[("account", account.pk)])


def record_new_hash(account: User) -> None:
    """Django hashed the password anew, in this transaction, because the way to do so has changed."""
    record("account.password_rehashed", by=account, used=[("account", account.pk)])


@transaction.atomic
def set_up_account(name: str, roles: Collection[str] = (), password: str | None = None, *, by: Actor) -> User:
    """What the operator alone may do, on the command line: an account, new, closed or not, is open, gets roles, and a
    password if one is given. PostgreSQL refuses it to every process.
    """
    lock_until_commit("accounts")
    account = User.objects.filter(username=name).first()
    if account is None:
        must_be_free(name)
        account = User.objects.create_user(name)
    if not account.is_active:
        account.is_active = True
        account.save(update_fields=["is_active"])
    account.groups.add(*Group.objects.filter(name__in=[must_be_role(role) for role in roles]))
    if password is not None:
        set_password(account, password)
    detail = {"roles": sorted(roles), "password": password is not None, "login": operator()}
    record("account.set_up", by=by, generated=[("account", account.pk)], detail=detail)
    return account


@transaction.atomic
def issue_link(account: User, *, by: Actor) -> Request:
    """A link of the operator's, on the command line: it needs no second person, and so no code."""
    now = timezone.now()
    asked = Request.objects.create(account=account, wanted=LINK, state=Request.State.CONFIRMED, answered_at=now)
    asked.refresh_from_db()
    record("account.link_confirmed", by=by, used=about(asked), detail={"login": operator()})
    return asked


def operator() -> str:
    """The login of PostgreSQL that does it."""
    return str(connection.settings_dict["USER"])


# --- what they share ---
def begin(by: User) -> None:
    """One change of power at a time, so that two admins cannot take each other's role. Raises Forbidden."""
    lock_until_commit("accounts")
    if not admins().filter(pk=by.pk).exists():
        raise Forbidden.because("account", "This takes the role admin.", "Ask an admin.")


def admins() -> QuerySet[User]:
    """Accounts that may answer for accounts now."""
    return User.objects.filter(is_active=True).filter(Q(is_superuser=True) | Q(groups__name="admin")).distinct()


def ask(account: User, wanted: str, by: User) -> Request:
    account.refresh_from_db()
    if not account.is_active:
        raise Conflict.because("account", f"{account.username} is closed.", "Reopen the account first.")
    if Request.objects.waiting().filter(account=account, wanted=wanted).exists():
        raise Conflict.because("wanted", "This waits for a second admin already.", "Ask another admin to answer it.")
    must_have_second(account, by)
    return Request.objects.create(account=account, wanted=wanted, asked_by=by)


def open_request(pk: int) -> Request:
    asked = Request.objects.with_people().filter(pk=pk).first()
    if asked is None or asked.state != Request.State.REQUESTED:
        how = asked.get_state_display().lower() if asked else "not there"
        raise Conflict.because("request", f"The request is {how} by now.", "Reload the page.")
    return asked


def answer(asked: Request, state: str, by: User) -> None:
    asked.state, asked.answered_by, asked.answered_at = state, by, timezone.now()
    asked.save(update_fields=["state", "answered_by", "answered_at"])
    asked.refresh_from_db(fields=["answered_at"])


def about(asked: Request) -> list[tuple[str, object]]:
    return [("account", asked.account_id), ("account_request", asked.pk)]


def set_password(account: User, password: str) -> None:
    account.set_password(password)
    account.save(update_fields=["password"])


def has_now(account: User, role: str) -> bool:
    return account.groups.filter(name=role).exists()


def must_be_free(name: str) -> None:
    try:
        UnicodeUsernameValidator()(name)
    except ValidationError as problem:
        raise Refused(Blocked("name", problem.messages[0], "Use letters, digits and @ . + - _ only.")) from problem
    if len(name) > 150:
        raise Refused.because("name", "The name is longer than 150 characters.", "Shorten it.")
    if User.objects.filter(username__iexact=User.normalize_username(name)).exists():
        raise Refused.because("name", f"There is an account named {name} already.", "Choose another name.")


def must_be_wanted(wanted: str) -> str:
    return wanted if wanted == LINK else must_be_role(wanted)


def must_be_role(role: str) -> str:
    if role not in ROLES:
        raise Refused.because("role", f"{role} is no role.", f"Roles are {', '.join(ROLES)}.")
    return role


def must_have_second(account: User | None, by: User) -> None:
    """Whoever asks learns at once that nobody could confirm."""
    others = admins().exclude(pk=by.pk)
    if account is not None:
        others = others.exclude(pk=account.pk)
    if not others.exists():
        raise Conflict.because("request", "A second admin has to confirm this, and there is none.", f"{OPERATOR}.")


def must_leave_an_admin() -> None:
    if not admins().exists():
        raise Conflict.because("account", "Nobody would be left to answer for accounts.", "Make another admin first.")
