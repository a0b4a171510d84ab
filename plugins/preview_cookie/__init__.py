"""Puts testers on an arm: a signed token that expires, in a cookie or a header."""

import sys
from typing import Annotated, Literal
from urllib.parse import parse_qsl

from proxy.api import (
    AdminRouter,
    Application,
    Commands,
    Duration,
    EndpointRouter,
    Reply,
    ReplyHead,
    Request,
    Secret,
    Services,
    Settings,
    SignatureError,
    Signed,
    Signer,
    Use,
    hook,
    json_reply,
    problem_reply,
    setting,
)

_PRIVATE = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}  # a token is in the URL
_WANTED = 'wanted {"arm": "legacy" or "new", "route": its name or "*", "expires_in": "1h" or null}'

Name = Annotated[str, setting(pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}$")]


class PreviewSettings(Settings):
    """How tokens are made, and where they come."""

    secret: Secret = setting(min_length=32, description="Signs the tokens.")
    max_age: Duration = setting(default=8 * 3600, ge=1, description="A token's longest life.")
    cookie: Name = setting(default="crossfade_preview", description="The cookie for tokens.")
    header: Name = setting(default="X-Crossfade-Preview", description="The header for tokens.")
    path: str = setting(default="/.crossfade/preview", pattern=r"^/[0-9A-Za-z._~/-]{1,200}$")
    secure: bool = setting(default=True, description="Whether the cookie is for https alone.")


class Wanted(Settings):
    """What is asked of `POST /tokens`."""

    arm: Literal["legacy", "new"]
    route: str = setting(pattern=r"^([0-9A-Za-z._-]{1,64}|\*)$")
    expires_in: Duration | None = setting(default=None, ge=1)


class Preview(Application):
    """Makes tokens and reads them."""

    settings: PreviewSettings

    @hook
    async def startup(self, services: Services) -> None:
        """Take the clock, and a counter for what comes."""
        self._now = services.now
        self._tokens = services.counter("tokens", "Tokens that came, by what they were.", ("was",))
        self._signer = Signer(self.settings.secret, "preview_cookie")

    @hook
    def provide_endpoints(self, router: EndpointRouter) -> None:
        """Where links lead."""
        router.add("GET", self.settings.path, self._enter)

    @hook
    def provide_admin(self, router: AdminRouter) -> None:
        """Where tokens are made."""
        router.add("POST", "/tokens", self._mint, role="operator")

    @hook
    def provide_commands(self, cli: Commands) -> None:
        """The same by hand."""

        def mint(arm: str = "new", route: str = "", expires_in: str = "") -> None:
            """Make a token that puts a tester on an arm of a route; of every route with `*`."""
            wanted = {"arm": arm, "route": route, "expires_in": expires_in or None}
            made = cli.ask("POST", "/tokens", wanted)
            sys.stdout.write(f"token: {made['token']}\nlink:  {made['link']}\n")

        cli.add(mint)

    def read(self, text: str, route: str | None = None) -> Signed | None:
        """Return what a token says if it counts now, and on the route if one is given."""
        try:
            token = self._signer.opened(text, self._now())
        except SignatureError as error:
            self._tokens.add(was=error.why)
            return None
        here = route is None or token.fields[1] in (route, "*")
        self._tokens.add(was="valid" if here else "elsewhere")
        return token if here else None

    async def _enter(self, request: Request, _: bytes) -> Reply:
        text = dict(parse_qsl(request.query)).get("token", "")
        token = self.read(text) if text else None
        if text and token is None:
            return problem_reply(403, "This is no token, or no longer; ask for one.", _PRIVATE)
        seconds = int(token.expires - self._now()) if token else 0  # 0 removes the cookie
        cookie = f"{self.settings.cookie}={text}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax"
        secure = "; Secure" if self.settings.secure else ""
        return Reply(303, {"Location": "/", "Set-Cookie": cookie + secure, **_PRIVATE})

    async def _mint(self, _: Request, body: bytes) -> Reply:
        try:
            wanted = Wanted.model_validate_json(body)
        except ValueError:
            return problem_reply(400, _WANTED)
        longest = self.settings.max_age
        life = longest if wanted.expires_in is None else wanted.expires_in
        if life > longest:
            return problem_reply(400, f"expires_in: at most {longest:g}s, the max_age")
        expires = int(self._now() + life)
        text = self._signer.sign((wanted.arm, wanted.route), expires)
        link = f"{self.settings.path}?token={text}"
        return json_reply({"token": text, "link": link, "expires": expires}, 200, _PRIVATE)


class PreviewCookie(Use):
    """Asks for a token on one route."""

    application: Preview

    @hook
    def assign(self, request: Request, arms: tuple[str, ...]) -> str | None:
        """Pin the arm of a token that counts here."""
        ours = self.application.settings
        for text in (request.headers.get(ours.header), request.cookie(ours.cookie)):
            token = self.application.read(text, request.route) if text else None
            if token and token.fields[0] in arms:
                request.notes[PreviewCookie] = token
                return token.fields[0]
        return None

    @hook
    def edit_response(self, request: Request, reply: ReplyHead) -> None:
        """Keep what a tester gets out of every cache."""
        if PreviewCookie in request.notes:
            reply.headers.set("Cache-Control", "private, no-store")
            for name in ("CDN-Cache-Control", "Surrogate-Control"):  # go before it: RFC 9213
                reply.headers.remove(name)
