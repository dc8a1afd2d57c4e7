"""Settings that would not be safe together: refused with one line that says what to do."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from rushes.precautions import require_safe
from rushes.settings import BadSetting, load_settings

if TYPE_CHECKING:
    from pathlib import Path

PROXY = {"auth": "proxy", "trusted_proxies": "127.0.0.1", "auth_header": "Remote-User"}
SECRET = "0123456789abcdef"


@pytest.fixture(autouse=True)
def _no_settings_around(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("RUSHES_"):
            monkeypatch.delenv(name)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"host": "0.0.0.0"}, "RUSHES_HOST=0.0.0.0"),  # noqa: S104 - refused
        ({**PROXY, "trusted_proxies": None}, "RUSHES_TRUSTED_PROXIES"),
        ({**PROXY, "trusted_proxies": "0.0.0.0/0"}, "RUSHES_TRUSTED_PROXIES"),
        ({**PROXY, "auth_header": None}, "RUSHES_AUTH_HEADER"),
        ({**PROXY, "auth_header": "Remote_User"}, "RUSHES_AUTH_HEADER"),
        ({**PROXY, "auth_header": "X-Forwarded-For"}, "RUSHES_AUTH_HEADER"),
        ({**PROXY, "auth_header": "Cookie"}, "RUSHES_AUTH_HEADER"),
        ({**PROXY, "auth_groups_header": "remote-user"}, "must be two headers"),
        ({**PROXY, "admin_group": "admins"}, "RUSHES_AUTH_GROUPS_HEADER"),
        ({**PROXY, "logout_url": "javascript:alert(1)"}, "RUSHES_LOGOUT_URL"),
        ({**PROXY, "proxy_secret_file": "short"}, "RUSHES_PROXY_SECRET_FILE"),
        ({**PROXY, "proxy_secret_file": "none-such"}, "RUSHES_PROXY_SECRET_FILE cannot be read"),
        ({**PROXY, "admin_password_file": "secret"}, "RUSHES_ADMIN_PASSWORD_FILE"),
        ({**PROXY, "auth": "open"}, "RUSHES_AUTH_HEADER means nothing with RUSHES_AUTH=open"),
        ({"auth": "users", "auth_header": "Remote-User"}, "RUSHES_AUTH_HEADER means nothing"),
        ({"auth": "users", "admin_group": "admins"}, "RUSHES_ADMIN_GROUP means nothing"),
        ({"auth": "users", "admin_name": "ann"}, "belong together"),
        ({"auth": "users", "admin_password_file": "secret"}, "belong together"),
        ({"auth": "users", "logout_url": "https://portal.example"}, "RUSHES_LOGOUT_URL"),
        ({"auth": "users", "password_hash": "$argon2id$"}, "nobody is asked for it"),
        ({"admin_name": "ann"}, "RUSHES_ADMIN_NAME means nothing"),
        ({"proxy_secret_file": "secret"}, "RUSHES_PROXY_SECRET_FILE means nothing"),
        ({"auth": "sso"}, "RUSHES_AUTH"),
    ],
)
def test_what_would_not_be_safe_is_refused(
    given: dict[str, Any], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "short").write_text("0123456789abcde\n")
    (tmp_path / "secret").write_text(SECRET)

    with pytest.raises(BadSetting) as refused:
        require_safe(load_settings(None, **given))

    assert says in str(refused.value)
    assert "\n" not in str(refused.value)
    assert "0123456789abcde" not in str(refused.value)


@pytest.mark.parametrize(
    "given",
    [
        {},
        PROXY,
        {**PROXY, "host": "0.0.0.0"},  # noqa: S104 - nobody else is believed
        {**PROXY, "auth_groups_header": "Remote-Groups", "admin_group": "admins"},
        {**PROXY, "logout_url": "https://portal.example/logout", "admin_name": "ann"},
        {**PROXY, "proxy_secret_file": "secret"},
        {"auth": "users"},
        {"auth": "users", "host": "::", "admin_name": "ann", "admin_password_file": "secret"},
        {"auth": "password", "password_hash": "$argon2id$", "host": "192.168.1.5"},
    ],
)
def test_what_is_safe_is_not(
    given: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "secret").write_text(f"{SECRET}\na note\n")

    settings = load_settings(None, **given)
    require_safe(settings)

    assert settings.proxy_secret() in {"", SECRET}
