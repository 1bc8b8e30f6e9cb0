"""A gateway with its admin port, inside the test's event loop."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2 as httpx

from tests.gateway.harness import Harness, running

ADMIN_KEY = "an admin key"
ACCOUNTS = "/admin/v1/accounts"
EXPLAIN = "/admin/v1/route/explain"


class Admin:
    """A gateway and a client for its admin port."""

    def __init__(self, gateway: Harness, port: int) -> None:
        self.gateway = gateway
        self.port = port
        self.base = f"http://127.0.0.1:{port}"
        self.http = httpx.AsyncClient(
            base_url=self.base,
            headers={"authorization": f"Bearer {ADMIN_KEY}"},
            trust_env=False,
            timeout=20,
        )

    async def account(self, name: str) -> dict[str, Any]:
        """One account as the admin API lists it."""
        answer = await self.http.get(f"{ACCOUNTS}/{name}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def add(self, **fields: Any) -> httpx.Response:
        return await self.http.post(ACCOUNTS, json=fields)

    async def edit(self, name: str, **fields: Any) -> httpx.Response:
        return await self.http.patch(f"{ACCOUNTS}/{name}", json=fields)

    @property
    def audit(self) -> list[str]:
        """Messages of the audit log so far."""
        lines = self.gateway.lines.all
        return [line["message"] for line in lines if line["event"] == "audit"]


@asynccontextmanager
async def administered(folder: Path, **config: Any) -> AsyncIterator[Admin]:
    """A gateway with this configuration and an open admin port."""
    config["admin"] = {"port": 0, "key": ADMIN_KEY, **config.get("admin", {})}
    async with running(folder, **config) as gateway:
        _, port = await gateway.app.open_admin()
        admin = Admin(gateway, port)
        try:
            yield admin
        finally:
            await admin.http.aclose()
