"""A small API that says its own name, for both sides of the demonstration.

    python app.py legacy 3000
    python app.py new 3001 --host 0.0.0.0

It needs nothing but aiohttp, so that deploy/compose.yaml can mount this one file.
"""

import argparse
from collections.abc import Iterator
from itertools import count

from aiohttp import web

NAME = web.AppKey("name", str)
NUMBERS = web.AppKey("numbers", Iterator[int])


async def health(request: web.Request) -> web.Response:
    """Answer the proxy's active health check."""
    return web.json_response({"status": "healthy", "service": request.app[NAME]})


async def list_campaigns(request: web.Request) -> web.Response:
    """Answer GET /api/campaigns."""
    return web.json_response({"served_by": request.app[NAME], "campaigns": []})


async def create_campaign(request: web.Request) -> web.Response:
    """Answer POST /api/campaigns as the legacy API does: an action is carried out."""
    sent = await request.json()
    platforms = sent.get("platforms") or ["instagram"]
    numbers = request.app[NUMBERS]
    content = f"Content number {next(numbers)}"
    result = {"content": content, "platforms": platforms, "provider": "legacy-content-service"}
    return web.json_response(
        {"status": "success", "result": result, "data": result},
        headers={"X-API-Version": "v1-legacy-compatible", "X-Provider": request.app[NAME]},
    )


async def anything_else(request: web.Request) -> web.Response:
    """Answer every other path, so that the route to legacy can be seen."""
    return web.json_response({"served_by": request.app[NAME], "path": request.path})


def application(name: str) -> web.Application:
    """Make the app that answers as `name`."""
    app = web.Application()
    app[NAME] = name
    app[NUMBERS] = count(1)
    app.router.add_get("/api/health", health)
    app.router.add_get("/api/campaigns", list_campaigns)
    app.router.add_post("/api/campaigns", create_campaign)
    app.router.add_route("*", "/{path:.*}", anything_else)
    return app


def main() -> None:
    parser = argparse.ArgumentParser(description="A small API that says its own name.")
    parser.add_argument("name")
    parser.add_argument("port", type=int)
    parser.add_argument("--host", default="127.0.0.1")
    arguments = parser.parse_args()
    web.run_app(
        application(arguments.name),
        host=arguments.host,
        port=arguments.port,
        access_log=None,
        print=None,
    )


if __name__ == "__main__":
    main()
