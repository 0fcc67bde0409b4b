"""``sessions``: who is signed in where, ending sessions, clearing away what has expired.

Only in front ends of applications, which know where their sessions are.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import click

from kvcore.cli.group import KEYS_FAILED
from kvcore.cli.output import plain, write_json
from kvcore.sessions import SessionInfo, Sessions

EXTRA = "cli"

_LAST_SECS = 253_402_300_799  # the end of the year 9999: an application may say "never"


def session_commands(sessions: Callable[[], Sessions]) -> click.Group:
    """The subcommands, for the sessions of one application."""
    group = click.Group("sessions", help="Sessions of visitors: list, revoke, prune.")

    @group.command("list")
    @click.option("--user", metavar="ID", help="Only those of this user.")
    @click.option("--limit", default=1000, show_default=True, help="At most so many, without ID.")
    @click.option("--json", "as_json", is_flag=True, help="Write JSON lines, for programs.")
    def list_(user: str | None, limit: int, as_json: bool) -> None:
        """List the sessions that are not over; a handle opens no session."""
        kept = sessions()
        found = kept.list_sessions(limit) if user is None else kept.sessions_for(user)
        for info in found:
            if as_json:
                write_json(_json(info))
            else:
                click.echo(_line(info))

    @group.command()
    @click.argument("handle", required=False)
    @click.option("--user", metavar="ID", help="All those of this user; or whose HANDLE it is.")
    def revoke(handle: str | None, user: str | None) -> None:
        """End the session HANDLE, or all of a user, at once."""
        if handle is not None:
            if not sessions().revoke(handle, user=user):
                click.echo("kvcore: there is no such session", err=True)
                click.get_current_context().exit(KEYS_FAILED)
            _tell_ended(1)
        elif user is not None:
            _tell_ended(sessions().revoke_user(user))
        else:
            raise click.UsageError("name a HANDLE, or a user by --user")

    @group.command()
    def prune() -> None:
        """Remove what has expired, where the store does not do it itself."""
        report = sessions().prune()
        kept = f"{report.kept} {'is' if report.kept == 1 else 'are'} kept"
        click.echo(f"{_counted(report.removed)} had expired, {kept}")
        if report.unreadable:
            what = "value is no session" if report.unreadable == 1 else "values are no sessions"
            click.echo(f"kvcore: {report.unreadable} {what} of this version; left alone", err=True)

    return group


def _counted(sessions: int) -> str:
    return "1 session" if sessions == 1 else f"{sessions} sessions"


def _tell_ended(sessions: int) -> None:
    click.echo(f"{_counted(sessions)} {'was' if sessions == 1 else 'were'} ended")


def _json(info: SessionInfo) -> dict[str, Any]:
    return {
        "handle": info.handle,
        "user": info.user,
        **{name: _moment(getattr(info, name)) for name in ("created", "seen", "expires")},
        "notes": info.notes,
    }


def _line(info: SessionInfo) -> str:
    notes = ", ".join(f"{name}: {note}" for name, note in info.notes.items())
    user = "-" if info.user is None else info.user
    return plain(
        f"{info.handle}  {_moment(info.seen)}  {user}{'  ' if notes else ''}{notes}"
    ).replace("\n", "\\n")


def _moment(secs: float) -> str:
    secs = min(max(secs, 0), _LAST_SECS)
    return datetime.fromtimestamp(secs, UTC).isoformat(timespec="seconds")
