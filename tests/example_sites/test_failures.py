"""The sites when the store of their sessions fails."""

from pathlib import Path

from example_sites.flask_site import create_app
from kvcore import DictStore
from kvcore.testing import FaultyStore


def test_a_failure_of_the_sessions_is_told_once(tmp_path: Path) -> None:
    """The page of the error asks no session; static files and strangers do not notice."""
    sessions = FaultyStore(DictStore())
    stores = {"default": f"fs://{tmp_path}/pictures", "sessions": sessions}
    app = create_app({"KVCORE_STORES": stores})
    client = app.test_client()
    client.post("/sign-in", data={"name": "Ann"})
    assert client.get("/signed-in").status_code == 200
    sessions.fail_next("fetch", times=4)
    for path in ("/", "/signed-in", "/nowhere"):
        assert client.get(path).status_code == 500
    assert client.post("/sign-out").status_code == 500
    sessions.fail_next("fetch", times=1)
    with client.get("/static/shelf.css") as answer:
        assert answer.status_code == 200
    assert app.test_client().get("/sign-in").status_code == 200
    assert client.get("/").status_code == 500
    assert client.get("/").status_code == 200
