"""Settings from the environment and `.env`. An unknown or wrong one is an error that names the way out."""

import difflib
import os
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import unquote, urlsplit

from dotenv import dotenv_values
from pydantic import Field, PrivateAttr, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from webhook_ui import guard, plugin_search, plugin_settings
from webhook_ui.errors import UsageError
from webhook_ui.indexed_fields import IndexedFields
from webhook_ui.indexed_fields import parse as parse_fields
from webhook_ui.languages import mark

PREFIX = "WEBHOOK_UI_"
LEASE_GRACE = 10.0  # seconds between the longest attempt and the end of its claim
ENV_FILE = ".env"

Origin = Literal["command", "environment", "file", "default"]

Seconds = Annotated[float, Field(ge=0, le=30 * 86400, allow_inf_nan=False)]


class Settings(BaseSettings):
    """Every field is a setting; its description is the README's table."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_file=ENV_FILE, extra="ignore", hide_input_in_errors=True)

    data_dir: Path = Field(Path("data"), description=mark("Folder of the database and the secret key."))
    database_url: SecretStr | None = Field(
        None, description=mark("Default: SQLite, `webhook_ui.db` in `DATA_DIR`. `postgresql://…` for many workers.")
    )
    plugins_dir: Path = Field(Path("plugins"), description=mark("Folder of plugin files."))
    secret_key: SecretStr | None = Field(
        None,
        description=mark(
            "Seals secrets in the database; at least 16 characters. Default: made in `DATA_DIR/secret.key`."
        ),
        min_length=16,
    )
    host: str = Field("127.0.0.1", description=mark("Address the dashboard listens at."))
    port: int = Field(8080, ge=0, le=65535, description=mark("Port the dashboard listens at; 0 takes a free one."))
    public_url: str | None = Field(
        None, description=mark("Address of the dashboard as browsers see it, when a proxy stands before it.")
    )
    allowed_networks: Annotated[tuple[guard.Network, ...], NoDecode] = Field(
        (), description=mark("Networks (CIDR, comma separated) that deliveries may reach although they are not public.")
    )
    outbound_proxy: SecretStr | None = Field(
        None,
        description=mark(
            "HTTP proxy that makes all deliveries' connections, for example `http://user:password@proxy:3128`. "
            "Targets are resolved and judged here first. Default: none; the environment's proxies are never used."
        ),
    )
    require_https: bool = Field(False, description=mark("Refuse webhooks whose URL is not https."))
    retry_schedule: Annotated[tuple[Seconds, ...], NoDecode] = Field(
        (5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400),
        description=mark("Seconds to wait after each failed attempt; when they are used up, the delivery is given up."),
    )
    retry_jitter: float = Field(0.1, ge=0, le=1, description=mark("Each wait is made longer by up to this part of it."))
    request_timeout: float = Field(15.0, gt=0, le=300, description=mark("Seconds one attempt may take."))
    concurrency: int = Field(64, ge=1, le=4096, description=mark("Attempts in flight per dispatcher."))
    concurrency_per_webhook: int = Field(16, ge=1, le=4096, description=mark("Attempts in flight per webhook."))
    lease: float = Field(
        60.0, gt=0, le=3600, description=mark("Seconds after which a claim of a dispatcher that died is free again.")
    )
    retention_days: int = Field(
        90,
        ge=1,
        le=3650,
        description=mark("Days an event is kept after the last thing that happened to it; what is still open expires."),
    )
    max_payload_bytes: int = Field(
        1024 * 1024, ge=1024, le=64 * 1024 * 1024, description=mark("Largest payload accepted.")
    )
    indexed_fields: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description=mark(
            "Fields of payloads by which events can be found: comma separated, `customer.id`, or "
            "`order.paid:customer.id` for one trigger alone. Of events from then on, and not of the engine's own."
        ),
    )
    log_format: Literal["console", "json"] = Field("console", description=mark("Log lines for people or for machines."))
    auth: Literal["accounts", "none"] = Field(
        "accounts",
        description=mark("`none`: whoever reaches the port is admin in the browser; only while `HOST` is loopback."),
    )

    _origins: dict[str, Origin] = PrivateAttr(default_factory=dict)

    @field_validator("allowed_networks", mode="before")
    @classmethod
    def _split_networks(cls, value: Any) -> Any:
        return guard.parse_networks(value) if isinstance(value, str) else value

    @field_validator("retry_schedule", mode="before")
    @classmethod
    def _split_schedule(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        return tuple(part.strip() for part in value.split(",") if part.strip())

    @field_validator("indexed_fields", mode="before")
    @classmethod
    def _split_fields(cls, value: Any) -> Any:
        entries = value.split(",") if isinstance(value, str) else value
        named = tuple(entry.strip() for entry in entries if entry.strip())
        parse_fields(named)
        return named

    @field_validator("public_url")
    @classmethod
    def _check_public_url(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/"):
            raise ValueError("it must be an address without a path, for example https://hooks.example.com")
        return value.rstrip("/")

    @field_validator("outbound_proxy")
    @classmethod
    def _check_outbound_proxy(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            _check_proxy(value.get_secret_value())
        return value

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        if self.lease < self.request_timeout + LEASE_GRACE:
            raise ValueError(
                f"{PREFIX}LEASE ({self.lease:g}) must be at least {LEASE_GRACE:g} seconds longer than "
                f"{PREFIX}REQUEST_TIMEOUT ({self.request_timeout:g}), or running attempts would be made twice"
            )
        if self.auth == "none" and self.host not in ("127.0.0.1", "::1", "localhost"):
            raise ValueError(
                f"{PREFIX}AUTH=none lets everybody in, so it works only with HOST 127.0.0.1, ::1 or localhost"
            )
        return self

    @cached_property
    def indexed(self) -> IndexedFields:
        """The fields of payloads by which events can be found."""
        return parse_fields(self.indexed_fields)

    def origin(self, name: str) -> Origin:
        """Where the value of the field `name` came from when the settings were loaded."""
        return self._origins.get(name, "command" if name in self.model_fields_set else "default")

    @property
    def policy(self) -> guard.Policy:
        """What deliveries may reach."""
        return guard.Policy(allowed_networks=self.allowed_networks, require_https=self.require_https)

    @property
    def proxy(self) -> str | None:
        """The URL of the proxy for deliveries, with its credentials."""
        return self.outbound_proxy.get_secret_value() if self.outbound_proxy else None

    @property
    def database(self) -> str:
        """The database's URL in SQLAlchemy's words."""
        if self.database_url is None:
            return f"sqlite:///{self.data_dir.absolute() / 'webhook_ui.db'}"
        url = self.database_url.get_secret_value()
        for scheme in ("postgres://", "postgresql://"):
            if url.startswith(scheme):
                return "postgresql+psycopg://" + url.removeprefix(scheme)
        return url


def _check_proxy(url: str) -> None:
    """Raises ValueError, with a message that does not repeat credentials."""
    try:
        parts = urlsplit(url)
        port, user = parts.port, unquote(parts.username or "")
    except ValueError:
        raise ValueError("its port or its host cannot be read; write it like http://proxy.example.com:3128") from None
    if parts.scheme != "http" or not parts.hostname or port == 0 or parts.path.strip("/") or parts.query:
        raise ValueError("it must be an http:// address with a host and no path, for example http://proxy:3128")
    if ":" in user or not url.isprintable() or " " in url:
        raise ValueError("its user must not contain a colon, and it must not contain white space: write %20")


SETTINGS = frozenset(PREFIX + name.upper() for name in Settings.model_fields)
"""The names of all settings; what else begins like them can only be a plugin's."""


def load(**overrides: Any) -> Settings:
    """The settings in force; `overrides` (a command's options) win. Raises UsageError."""
    named = {name.upper(): value for name, value in (*dotenv_values(ENV_FILE).items(), *os.environ.items())}
    _refuse_unknown_names(named, Path(overrides.get("plugins_dir") or named.get(f"{PREFIX}PLUGINS_DIR") or "plugins"))
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        settings = Settings(**given)
    except ValidationError as error:
        raise UsageError(_explain(error)) from None
    settings._origins = {name: _origin(name, given) for name in Settings.model_fields}
    return settings


class _Apart(Settings):
    """Settings that are given by the program alone."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings,)


def apart(**given: Any) -> Settings:
    """Settings in which neither the environment nor `.env` has a say."""
    return _Apart(**given)


def _origin(name: str, given: Mapping[str, Any]) -> Origin:
    """The nearest place that names it, in the order in which they win."""
    variable = PREFIX + name.upper()
    if name in given:
        return "command"
    if variable in {one.upper() for one in os.environ}:
        return "environment"
    return "file" if variable in {one.upper() for one in dotenv_values(ENV_FILE)} else "default"


def _refuse_unknown_names(given: Mapping[str, str | None], folder: Path) -> None:
    """A plugin's settings are judged when it is loaded."""
    unknown = sorted(name for name in given if name.startswith(PREFIX) and name not in SETTINGS)
    plugins = plugin_search.names(folder) if unknown else []
    for name in unknown:
        if plugin_settings.belongs_to(name, plugins):
            continue
        near = difflib.get_close_matches(name, SETTINGS, n=1)
        hint = f"Did you mean {near[0]}?" if near else "The README's table of settings lists the known ones."
        raise UsageError(f"Unknown setting {name}. {hint}")


def _explain(error: ValidationError) -> str:
    problems = []
    for one in error.errors():
        message = one["msg"].removeprefix("Value error, ")
        name = PREFIX + str(one["loc"][0]).upper() if one["loc"] else ""
        problems.append(f"{name}: {message}" if name else message)
    return ". ".join(problems) + "."
