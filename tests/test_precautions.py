"""Settings that would not be safe together: refused with one line that says what to do."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest

from rushes.precautions import require_safe
from rushes.settings import BadSetting, load_settings

PROXY = {"auth": "proxy", "trusted_proxies": "127.0.0.1", "auth_header": "Remote-User"}
SECRET = "0123456789abcdef"
ROOT = Path(__file__).parent.parent
TOLD = {
    name: re.findall(r"\b(RUSHES_(?:PUBLIC_URL|TRUSTED_PROXIES|AUTH))=([^\s`]+)", text)[:3]
    for name in ("nginx.conf", "apache.conf", "Caddyfile", "haproxy.cfg", "traefik/rushes.yml")
    if (text := (ROOT / "deploy" / name).read_text())
}
"""What the shipped files and the documents tell to set, at the first place where they do."""
for document, begin in (("README.md", "\ntogether with"), ("docs/hosting.md", "and in `.env`")):
    after = (ROOT / document).read_text().partition(begin)[2]
    TOLD[document] = re.findall(r"\b(RUSHES_[A-Z_]+)=([^\s`]+)", after)[:3]


@pytest.fixture(autouse=True)
def _no_settings_around(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("RUSHES_"):
            monkeypatch.delenv(name)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"host": "0.0.0.0"}, "RUSHES_HOST=0.0.0.0"),  # noqa: S104 - refused
        (
            {"public_url": "https://example.org/video"},
            "RUSHES_PUBLIC_URL=https://example.org/video",
        ),
        ({"public_url": "http://192.168.1.5:8000"}, "RUSHES_AUTH=password"),
        ({"public_url": "http://rushes.lan"}, "RUSHES_ALLOW_PUBLIC_BIND=yes"),
        ({"trusted_proxies": "127.0.0.1"}, "RUSHES_TRUSTED_PROXIES means that others reach"),
        ({"allowed_hosts": "localhost, video.lan"}, "RUSHES_ALLOWED_HOSTS=video.lan"),
        ({**PROXY, "trusted_proxies": None}, "RUSHES_TRUSTED_PROXIES"),
        ({**PROXY, "trusted_proxies": "0.0.0.0/0"}, "RUSHES_TRUSTED_PROXIES"),
        ({**PROXY, "trusted_proxies": "0.0.0.0/1,128.0.0.0/1"}, "RUSHES_TRUSTED_PROXIES"),
        ({**PROXY, "trusted_proxies": "8.0.0.0/9,9.0.0.0/8"}, "RUSHES_TRUSTED_PROXIES"),
        ({**PROXY, "trusted_proxies": "127.0.0.1,2000::/15"}, "RUSHES_TRUSTED_PROXIES"),
        ({**PROXY, "trusted_proxies": "::/1"}, "RUSHES_TRUSTED_PROXIES"),
        ({**PROXY, "trusted_proxies": "::ffff:0:0/96"}, "RUSHES_TRUSTED_PROXIES"),
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


@pytest.mark.parametrize("told", TOLD.values(), ids=TOLD)
def test_what_the_documents_tell_to_set_behind_a_proxy_is_locked(
    told: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in told:
        monkeypatch.setenv(name, value)
    settings = load_settings(None)
    require_safe(settings)
    monkeypatch.delenv("RUSHES_AUTH")

    assert settings.public_url == "https://example.org/video"
    assert [str(network) for network in settings.trusted_proxies] == ["127.0.0.1/32"]
    assert settings.auth == "password"
    with pytest.raises(BadSetting, match="RUSHES_AUTH=password"):
        require_safe(load_settings(None))


@pytest.mark.parametrize(
    "header",
    [
        *("Accept", "Accept-Language", "Authorization", "Connection", "Content-Type", "Cookie"),
        *("Host", "If-None-Match", "Origin", "Range", "Referer", "Sec-Fetch-Site", "Sec-CH-UA"),
        *("TE", "User-Agent", "Via", "X-Real-IP", "X-Forwarded-Proto", "X-Forwarded-Port"),
        *("X-Forwarded-Prefix", "X-Requested-With", "X-Rushes-Doctor", "X-Proxy-Secret"),
    ],
)
@pytest.mark.parametrize("setting", ["auth_header", "auth_groups_header"])
def test_a_header_that_anybody_writes_names_nobody(setting: str, header: str) -> None:
    given = PROXY | {setting: header}

    with pytest.raises(BadSetting, match=f"RUSHES_{setting.upper()}={header.lower()}"):
        require_safe(load_settings(None, **given))


@pytest.mark.parametrize(
    "header",
    [
        *("Cf-Access-Authenticated-User-Email", "Remote-User", "Tailscale-User-Login"),
        *("X-Auth-Request-Preferred-Username", "X-Auth-Username", "X-Authentik-Username"),
        *("X-Forwarded-User", "X-Forwarded-Preferred-Username", "X-Forwarded-Email"),
        *("X-Remote-User", "X-WebAuth-User"),
    ],
)
def test_what_portals_call_their_header_may_name_people(header: str) -> None:
    settings = load_settings(None, **PROXY | {"auth_header": header})
    require_safe(settings)

    assert settings.auth_header == header


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
        {**PROXY, "trusted_proxies": "10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,fc00::/7,::1"},
        {**PROXY, "trusted_proxies": "8.0.0.0/8,2000::/16,::ffff:8.8.0.0/112"},
        {"public_url": "http://localhost:8000/video", "allowed_hosts": "127.0.0.1,video.localhost"},
        {"public_url": "http://[::1]:8000"},
        {"public_url": "http://192.168.1.5", "trusted_proxies": "::1", "allow_public_bind": "yes"},
        {"auth": "password", "public_url": "https://example.org", "trusted_proxies": "127.0.0.1"},
        {"auth": "users", "public_url": "https://example.org", "allowed_hosts": "example.net"},
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
