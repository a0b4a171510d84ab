"""No secret is ever shown: in no message, no repr, no chain of exceptions."""

import traceback
from pathlib import Path

import pytest

from proxy.config import ConfigError
from tests.config.writing import MINIMAL, load_text

SECRET = "hunter2-hunter2-hunter2"

LEAKS = [
    f"identity: {{jwt: {SECRET}}}",
    f"identity: {{jwt: [{SECRET}]}}",
    f"identity: {{jwt: {{secret: [{SECRET}]}}}}",
    f"identity: {{jwt: {{secret: {{a: {SECRET}}}}}}}",
    f"identity: {{jwt: {{secret: {SECRET}, algorithms: [RS256]}}}}",
    f"identity: {{jwt: {{secert: {SECRET}}}}}",
    f"identity: {{jwt: {{public_key: {SECRET}, algorithms: [RS256]}}}}",
    f"identity: {SECRET}",
    f"admin: {SECRET}",
    f"admin: {{tokens: {SECRET}}}",
    f"admin: {{tokens: [{SECRET}]}}",
    f"admin: {{tokens: [{{name: a, role: viewer, token: {SECRET}, toke: {SECRET}}}]}}",
    f"admin: {{tokens: [{{name: a, role: viewer, token: !{SECRET} a}}]}}",
    f"admin: {{tokens: [{{name: a, role: viewer, token: *{SECRET} }}]}}",
    f"admin: {{tokens: [{{name: a, role: viewer, token: '{SECRET}]}}",
    f"admin: {{tokens: [{{name: a, role: root, token: {SECRET}}}]}}",
    f"admin: {{tokens: [{{name: a, role: viewer, token: '${{X:-{SECRET}}}', b: 1}}]}}",
    f"log: {{level: '${{X:-{SECRET}}}'}}",
    "log: {level: '${LEAK}', format: 'x${LEAK}'}",
    f"upstreams: {{legacy: {{url: 'http://ops:{SECRET}@127.0.0.1'}}}}",
    f"upstreams: {{legacy: {{url: ['http://ops:{SECRET}/x@127.0.0.1']}}}}",
    f"routes: [{{name: a, match: {{headers: {{X-Token: [{SECRET}]}}}}, upstream: legacy}}]",
    f"rollouts: {{a: {{whitelist: [{SECRET}], blacklist: [{SECRET}]}}}}",
    f"rollouts: {{a: {{whitelist: {SECRET}}}}}",
    f"rollouts: {{a: {{ramp: {{gates: {{webhook: {{url: 'http://a:{SECRET}@b/c'}}}}}}}}}}",
    f"state: {SECRET}",
    f"state: {{url: '{SECRET}'}}",
    f"state: 'redis://:{SECRET}@127.0.0.1:port'",
    f"state: 'redis://:{SECRET}@127.0.0.1/0?password={SECRET}'",
    "state: 'redis://:${LEAK}@127.0.0.1/users'",
]


@pytest.mark.parametrize("text", LEAKS)
def test_a_misplaced_secret_is_in_no_message_and_no_traceback(tmp_path: Path, text: str) -> None:
    env = {"LEAK": SECRET}

    with pytest.raises(ConfigError) as caught:
        load_text(tmp_path, f"{MINIMAL if 'upstreams' not in text else ''}{text}\n", env)

    printed = "".join(traceback.format_exception(caught.value))
    assert caught.value.problems
    assert "hunter2" not in f"{caught.value} {caught.value!r} {printed}"


def test_a_document_that_is_nothing_but_a_secret_is_not_shown(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load_text(tmp_path, SECRET)

    assert "hunter2" not in str(caught.value)


def test_a_loaded_configuration_does_not_show_its_secrets(tmp_path: Path) -> None:
    text = MINIMAL + (
        f"identity: {{jwt: {{secret: {SECRET}}}}}\n"
        f"admin: {{tokens: [{{name: ops, role: admin, token: {SECRET}}}]}}\n"
        f"state: redis://:{SECRET}@127.0.0.1\n"
    )
    config = load_text(tmp_path, text)

    shown = f"{config!r} {config} {config.model_dump()} {config.model_dump_json()}"
    assert "hunter2" not in shown
    assert config.admin is not None
    assert config.admin.tokens[0].token.get_secret_value() == SECRET
    assert config.state == f"redis://:{SECRET}@127.0.0.1:6379/0"
