"""Secrets are named by reference, resolved at use, and masked wherever they could be read."""

from __future__ import annotations

import io
import logging
from pathlib import Path

import pytest

from components import secrets
from components.errors import InputError


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch):
    """Each test knows no secret, and leaves none."""
    factory = logging.getLogRecordFactory()
    monkeypatch.setattr(secrets, "_values", set())
    yield
    logging.setLogRecordFactory(factory)


@pytest.mark.parametrize(
    "key",
    [
        "password", "PASSWORD", "db_password", "db.password", "passwd", "pwd", "passphrase",
        "secret", "client_secret", "clientSecret", "token", "accessToken", "api_key", "apiKey",
        "apikey", "x-api-key", "access_key", "aws_secret_access_key", "accessKeyId", "private_key",
        "credentials", "credential", "Authorization", "--s3_secret_access_key", "account_key",
        "PassWord", "db.passWord",
    ],
)  # fmt: skip
def test_keys_that_name_secrets(key: str) -> None:
    assert secrets.is_secret_key(key)


@pytest.mark.parametrize(
    "key",
    ["user", "max_tokens", "token_column", "key", "keys", "passwords_file", "secretary", "table",
     "private_key_path", "monkey", "tokenizer", "compass"],
)  # fmt: skip
def test_keys_that_do_not(key: str) -> None:
    assert not secrets.is_secret_key(key)


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ({"password": "hunter2"}, "o.password"),
        ({"a": {"b": [{"apiKey": "hunter2"}]}}, "o.a.b.apiKey"),
        ({"password": 12345}, "o.password"),
        ({"url": "postgresql://me:hunter2@host/db"}, "o.url"),
        ({"url": "jdbc:x;user=me;password=hunter2;"}, "o.url"),
        ({"config": 'Login required username="a" password="hunter2";'}, "o.config"),
        ({"url": "https://a.blob.host/x?sv=2021&sig=abc%3D"}, "o.url"),
        ({"url": "https://b.host/x?X-Amz-Signature=abc"}, "o.url"),
        ({"header": "Bearer abc.def"}, "o.header"),
        ({"header": "Basic dXNlcjpwYXNz="}, "o.header"),
        ({"x": "eyJhbGciOi.eyJzdWIi.abc"}, "o.x"),
        ({"x": "-----BEGIN RSA PRIVATE KEY-----"}, "o.x"),
        ({"x": "AKIAIOSFODNN7EXAMPLE"}, "o.x"),
        ({"header": "Bearer ${TOKEN}"}, None),
        ({"url": "https://a.blob.host/x?sv=2021&sig=${SIG}"}, None),
        ({"query": "select sig, basic from statistics where bearer = 1"}, None),
        ({"password": "x${DB_PASSWORD}"}, "o.password"),
        ({"password": "${DB_PASSWORD}"}, None),
        ({"password": "${file:/run/secrets/db}"}, None),
        ({"url": "postgresql://me:${DB_PASSWORD}@host/db"}, None),
        ({"url": "jdbc:x;password=${DB_PASSWORD};"}, None),
        ({"url": "https://host:8080/a@b"}, None),
        ({"password": ""}, None),
        ({"use_token": True}, None),
        ({"query": "SELECT 1"}, None),
    ],
)
def test_literal_values(value: dict, found: str | None) -> None:
    assert next(secrets.literals(value, "o"), None) == found
    if found:
        with pytest.raises(ValueError, match=r"looks like a secret.* \$\{NAME\}") as caught:
            secrets.refuse_literals(value, "o")
        assert "hunter2" not in str(caught.value)
        assert "hunter2" not in str(secrets.shown(value))


def test_references_are_resolved_where_they_stand(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("DB_PASSWORD", "hunter2")
    (tmp_path / "token").write_text("line one\n")
    value = {
        "url": "db://me:${DB_PASSWORD}@host", "t": [f"${{file:{tmp_path}/token}}"], "n": 3,
        "plain": "$HOME ${not a name} $${",
    }  # fmt: skip
    assert secrets.resolve(value, "log.options") == {
        "url": "db://me:hunter2@host", "t": ["line one"], "n": 3,
        "plain": "$HOME ${not a name} $${",
    }  # fmt: skip
    assert secrets.masked("hunter2, line one") == "***, ***"


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("${NO_SUCH_VARIABLE}", "`o.p` refers to ${NO_SUCH_VARIABLE}, but there is no such"),
        ("${file:/no/such}", "which cannot be read (No such file"),
        ("${file:/}", "which cannot be read (Is a directory"),
    ],
)
def test_a_reference_to_nothing(value: str, words: str) -> None:
    with pytest.raises(InputError) as caught:
        secrets.resolve({"p": value}, "o")
    assert words in str(caught.value)


def test_what_was_resolved_is_in_no_log_not_even_in_a_traceback(monkeypatch) -> None:
    monkeypatch.setenv("DB_PASSWORD", 'p"a ss')
    secrets.resolve("${DB_PASSWORD}", "o")
    stream = io.StringIO()
    logger = logging.Logger("beam")
    logger.addHandler(logging.StreamHandler(stream))
    # `Logger.makeRecord` asks the factory of the module, as all loggers do.
    logger.warning("Discarding unparseable args: %s", ['--password=p"a ss'])
    try:
        raise RuntimeError('no access with p"a ss')
    except RuntimeError:
        logger.exception("failed: %s", "p%22a%20ss")
    assert "Discarding" in stream.getvalue()
    assert "Traceback" in stream.getvalue()
    for form in ('p"a ss', 'p\\"a ss', "p%22a%20ss"):
        assert form not in stream.getvalue()
