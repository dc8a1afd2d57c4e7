"""Settings: read once, refused with one clear line."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from rushes.settings import BadSetting, Settings, load_settings, setting_names

EXAMPLE = Path(__file__).parent.parent / ".env.example"


@pytest.fixture(autouse=True)
def _no_settings_around(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("RUSHES_"):
            monkeypatch.delenv(name)


def test_defaults_listen_on_this_machine_only() -> None:
    settings = load_settings(None)

    assert (settings.host, settings.port) == ("127.0.0.1", 8000)
    settings.require_safe_bind()


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "127.9.9.9"])
def test_loopback_needs_no_override(host: str) -> None:
    settings = load_settings(None, host=host)
    settings.require_safe_bind()

    assert not settings.allow_public_bind


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "video.example"])  # noqa: S104
def test_listening_beyond_this_machine_is_refused_without_the_override(
    host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(BadSetting, match="RUSHES_ALLOW_PUBLIC_BIND"):
        load_settings(None, host=host).require_safe_bind()

    monkeypatch.setenv("RUSHES_ALLOW_PUBLIC_BIND", "yes")
    load_settings(None, host=host).require_safe_bind()


def test_with_a_password_it_may_listen_beyond_this_machine() -> None:
    settings = load_settings(None, host="0.0.0.0", auth="password", password_hash="$argon2id$")  # noqa: S104
    settings.require_safe_bind()

    assert not settings.allow_public_bind


def test_the_hash_leaves_the_environment_and_shows_nowhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("RUSHES_AUTH", "password")
    monkeypatch.setenv("RUSHES_PASSWORD_HASH", "canary-5553")

    settings = load_settings(None)

    assert "RUSHES_PASSWORD_HASH" not in os.environ
    assert "canary-5553" not in f"{settings!r} {settings} {settings.model_dump()}"
    assert settings.hashed_password() == "canary-5553"


def test_only_the_first_line_of_the_password_file_counts(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("  the hash \n\na note\n")

    settings = load_settings(None, auth="password", password_file=file)

    assert settings.hashed_password() == "the hash"


def test_trusted_proxies_are_addresses_and_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUSHES_TRUSTED_PROXIES", "127.0.0.1, fd00::/8")

    assert [str(network) for network in load_settings(None).trusted_proxies] == [
        "127.0.0.1/32",
        "fd00::/8",
    ]


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("RUSHES_PORT", "70000", "RUSHES_PORT"),
        ("RUSHES_BACKEND_URL", "ftp://files", "http://host"),
        ("RUSHES_BACKEND_URL", "http://me:pw@host", "no user"),
        ("RUSHES_LANGUAGE", "tlh", "RUSHES_LANGUAGE"),
        ("RUSHES_PASSWORD_FILE", "/nowhere", "RUSHES_AUTH=password"),
        ("RUSHES_TRUSTED_PROXIES", "10.0.0.5/8", "RUSHES_TRUSTED_PROXIES"),
        ("RUSHES_TRUSTED_PROXIES", "0.0.0.0/0", "RUSHES_TRUSTED_PROXIES: name your proxy"),
        ("RUSHES_BAKEND_URL", "http://host", "did you mean RUSHES_BACKEND_URL"),
        ("RUSHES_BACKEND_KEY_FILE", "/nowhere/key", "RUSHES_BACKEND_KEY_FILE cannot be read"),
    ],
)
def test_a_bad_setting_is_one_line_that_names_it(
    name: str, value: str, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)

    with pytest.raises(BadSetting) as caught:
        load_settings(None).key()

    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_typo_in_the_env_file_is_found(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("RUSHES_PROT=9000\n")

    with pytest.raises(BadSetting, match="did you mean RUSHES_PORT"):
        load_settings(file)


def test_the_environment_wins_over_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / ".env"
    file.write_text("RUSHES_PORT=9000\nRUSHES_LANGUAGE=fr\n")
    monkeypatch.setenv("RUSHES_PORT", "9001")

    settings = load_settings(file)

    assert (settings.port, settings.language) == (9001, "fr")


def test_the_key_leaves_the_environment_and_shows_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUSHES_BACKEND_KEY", "canary-5551")

    settings = load_settings(None)

    assert "RUSHES_BACKEND_KEY" not in os.environ
    assert "canary-5551" not in f"{settings!r} {settings} {settings.model_dump()}"
    assert settings.key() == "canary-5551"


def test_the_key_file_is_read_without_its_newline(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("canary-5552\n")

    assert load_settings(None, backend_key_file=file).key() == "canary-5552"


def test_two_keys_are_one_too_many(tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match="not both"):
        load_settings(None, backend_key="x", backend_key_file=tmp_path / "key")


def test_the_example_file_changes_nothing() -> None:
    assert load_settings(EXAMPLE).model_dump() == load_settings(None).model_dump()


def test_the_example_file_lists_every_setting_and_no_other() -> None:
    listed = re.findall(r"^(?:# )?(RUSHES_[A-Z_]+)=", EXAMPLE.read_text(), re.MULTILINE)

    assert sorted(listed) == sorted(setting_names())


def test_told_settings_mask_secrets_and_say_where_they_came_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / ".env"
    file.write_text("RUSHES_LANGUAGE=fr\nRUSHES_MAX_QUEUED=7\n")
    monkeypatch.setenv("RUSHES_BACKEND_KEY", "canary-5556")
    monkeypatch.setenv("RUSHES_BACKEND_COOKIES", '{"session": "canary-5557"}')
    monkeypatch.setenv("RUSHES_MAX_QUEUED", "8")
    monkeypatch.setenv("RUSHES_METRICS_NETWORKS", "10.0.0.0/8, ::1")

    lines = load_settings(file, port=9000).told()
    told = {name: (value, origin) for name, value, origin in lines}

    assert [name for name, _, _ in lines] == setting_names()
    assert "canary" not in str(lines)
    assert told["RUSHES_BACKEND_KEY"] == ("***", "environment")
    assert told["RUSHES_BACKEND_COOKIES"] == ("***", "environment")
    assert told["RUSHES_LANGUAGE"] == ("fr", ".env")
    assert told["RUSHES_MAX_QUEUED"] == ("8", "environment")
    assert told["RUSHES_PORT"] == ("9000", "command line")
    assert told["RUSHES_METRICS_NETWORKS"] == ("10.0.0.0/8, ::1/128", "environment")
    assert told["RUSHES_ALLOW_PUBLIC_BIND"] == ("no", "")
    assert told["RUSHES_PUBLIC_URL"] == ("", "")


def test_whatever_sounds_like_a_secret_is_masked_or_names_a_file() -> None:
    sounding = ("key", "secret", "password", "token", "cookies", "headers", "hash")
    told_plainly = [
        name
        for name, field in Settings.model_fields.items()
        if any(part in sounding for part in name.split("_"))
        and not name.endswith("_file")
        and "SecretStr" not in str(field.annotation)
    ]

    assert told_plainly == []


CANARIES = '{"Authorization": "Bearer canary-5553", "x-sentinel": "canary-5554"}'


def test_headers_and_cookies_leave_the_environment_and_show_nowhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("RUSHES_BACKEND_HEADERS", CANARIES)
    monkeypatch.setenv("RUSHES_BACKEND_COOKIES", '{"session": "canary-5555"}')

    settings = load_settings(None)

    assert not any("canary" in value for value in os.environ.values())
    assert "canary" not in f"{settings!r} {settings} {settings.model_dump()}"
    assert settings.headers()["x-sentinel"] == "canary-5554"
    assert settings.cookies() == {"session": "canary-5555"}


def test_headers_may_lie_in_a_file_of_one_s_own(tmp_path: Path) -> None:
    file = tmp_path / "headers.json"
    file.write_text(CANARIES)
    file.chmod(0o600)

    assert load_settings(None, backend_headers=str(file)).headers()["x-sentinel"] == "canary-5554"


def test_headers_in_a_file_that_others_can_read_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "headers.json"
    file.write_text(CANARIES)
    file.chmod(0o640)

    with pytest.raises(BadSetting, match="chmod 600"):
        load_settings(None, backend_headers=str(file)).headers()


@pytest.mark.parametrize(
    "given",
    [
        "canary",
        '["canary"]',
        '{"a": "canary"',
        '{"a": 1, "b": "canary"}',
        '{"a": {"b": "canary"}}',
        "canary\0",
        "canary" * 1000,
    ],
)
def test_headers_that_are_no_table_of_texts_are_refused_and_not_repeated(given: str) -> None:
    with pytest.raises(BadSetting, match="RUSHES_BACKEND_HEADERS") as caught:
        load_settings(None, backend_headers=given).headers()

    assert "canary" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_result_hosts_are_a_comma_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUSHES_BACKEND_RESULT_HOSTS", "minio:9000, cdn.lan ,")

    assert load_settings(None).backend_result_hosts == ("minio:9000", "cdn.lan")
