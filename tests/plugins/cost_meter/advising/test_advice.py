"""What is approved is in the configuration, what is undone is not, and nothing is half done."""

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plugins.cost_meter.advising.advice import Advice, AdviceError
from plugins.cost_meter.advising.recommendation import NoAdvice
from plugins.cost_meter.advising.records import KIND
from proxy.api import Change, Choices, Deployments
from tests.plugins.cost_meter.advising.advised import CHEAP, CHOICES, DAY, attempts
from tests.plugins.cost_meter.advising.followed import (
    END,
    FILE,
    Configured,
    Followed,
    followed,
)

TRIED = (
    "- {types: [message_generation], priority: [low, medium, high], "
    "models: [gpt-4o-mini, gpt-4o], share: "
)


async def test_what_is_found_is_kept_until_it_is_not_found_any_more() -> None:
    async with followed() as found:
        advice = found.advice()
        looked = await advice.look()
        assert looked.at == END
        assert any(one.rule == "cache" for one in looked.missing)
        [record] = await advice.records()
        assert (record.state, record.advice.rule) == ("open", "model")
        assert found.services.value("advice_open") == 1
        found.services.at += 40 * DAY
        await advice.look()
        assert await advice.records() == ()


async def test_without_a_plugin_that_asks_providers_that_is_what_is_missing() -> None:
    async with followed() as found:
        found.services._offers.clear()
        assert found.services.shared(Deployments) is None
        missing = (await found.advice().look()).missing
        assert missing == (NoAdvice("", "", "a plugin that tells which deployments there are"),)


async def test_advice_that_is_switched_off_looks_for_nothing() -> None:
    async with followed(enabled=False) as found:
        advice = found.advice()
        await advice.look()
        assert await advice.records() == ()


async def test_approved_it_is_in_the_file_and_undone_it_never_was() -> None:
    async with followed() as found:
        advice = found.advice()
        await advice.look()
        name = await found.model_id(advice)
        record = await advice.approve(name, "ada")
        assert (record.state, record.by, record.share) == ("approved", "ada", 5.0)
        assert f"{TRIED}5}}".encode() in found.services.file
        assert found.services.file.count(b"# ") == FILE.count(b"# ")
        record = await advice.undo(name, "bob")
        assert (record.state, record.by) == ("undone", "bob")
        assert found.services.file == FILE
        assert [(line["state"], line["by"]) for line in record.history] == [
            ("approved", "ada"),
            ("undone", "bob"),
        ]
        [(first, why), (second, undone)] = found.services.why
        assert (first, second) == ("ada", "bob")
        assert name in why
        assert name in undone


async def test_what_is_tried_is_given_more_users_and_all_of_it_is_undone_at_once() -> None:
    async with followed() as found:
        advice = found.advice()
        await advice.look()
        name = await found.model_id(advice)
        await advice.approve(name, "ada", 1)
        await advice.approve(name, "ada", 20)
        record = await advice.approve(name, "ada", 100)
        assert record.share == 100
        assert f"{TRIED}100}}".encode() in found.services.file
        await advice.undo(name, "ada")
        assert found.services.file == FILE


@pytest.mark.parametrize("share", [None, 5.0, 3.0])
async def test_what_is_followed_is_not_approved_again(share: float | None) -> None:
    async with followed() as found:
        advice = found.advice()
        await advice.look()
        name = await found.model_id(advice)
        await advice.approve(name, "ada", 5)
        file = found.services.file
        with pytest.raises(AdviceError, match=r"followed already for 5 % of users") as refused:
            await advice.approve(name, "ada", share)
        assert refused.value.status == 409
        assert found.services.file == file


async def test_what_is_not_followed_cannot_be_undone() -> None:
    async with followed() as found:
        advice = found.advice()
        await advice.look()
        with pytest.raises(AdviceError, match="is not followed: it is open"):
            await advice.undo(await found.model_id(advice), "ada")
        with pytest.raises(AdviceError, match="no such advice") as refused:
            await advice.undo("model-00000000", "ada")
        assert refused.value.status == 404


@pytest.mark.parametrize("share", [0.0, 0.01, 101.0])
async def test_a_share_is_a_percentage(share: float) -> None:
    async with followed() as found:
        advice = found.advice()
        await advice.look()
        with pytest.raises(AdviceError, match=r"from 0\.1 to 100"):
            await advice.approve(await found.model_id(advice), "ada", share)


async def test_what_cannot_be_tried_on_some_users_takes_no_share() -> None:
    async with followed(attempts(1000)) as found:
        advice = found.advice()
        await advice.look()
        [record] = [one for one in await advice.records() if one.advice.rule == "length"]
        with pytest.raises(AdviceError, match="for all users or none") as refused:
            await advice.approve(record.advice.id, "ada", 5)
        assert refused.value.status == 400
        await advice.approve(record.advice.id, "ada")
        assert b"max_tokens: 192\n" in found.services.file


async def test_what_is_refused_leaves_the_file_and_the_record_as_they_were() -> None:
    async with followed() as found:
        advice = found.advice()
        await advice.look()
        name = await found.model_id(advice)
        found.services.refuse_changes = ("no such key",)
        with pytest.raises(AdviceError, match="Nothing was changed: no such key"):
            await advice.approve(name, "ada")
        assert (await advice.record(name)).state == "open"
        found.services.refuse_changes = ()
        await advice.approve(name, "ada")
        found.services.refuse_changes = ("no such key",)
        with pytest.raises(AdviceError, match="Nothing was changed"):
            await advice.undo(name, "ada")
        assert (await advice.record(name)).state == "approved"


async def test_what_somebody_has_edited_since_is_not_undone() -> None:
    async with followed() as found:
        advice = found.advice()
        await advice.look()
        name = await found.model_id(advice)
        await advice.approve(name, "ada")
        edited = found.services.file.replace(b"share: 5", b"share: 9")
        found.services.file = edited
        with pytest.raises(AdviceError, match="somebody has changed it since"):
            await advice.undo(name, "ada")
        assert found.services.file == edited
        assert (await advice.record(name)).state == "approved"


async def test_after_a_kill_amid_it_nobody_pretends_to_know_and_it_can_be_undone() -> None:
    async with followed() as found:
        advice = found.advice()
        await advice.look()
        name = await found.model_id(advice)
        await advice.approve(name, "ada")
        # As the shelf was left before the file's change was told.
        begun = dict(await found.shelf.get(KIND, name) or {}) | {"state": "approving"}
        await found.shelf.put(KIND, name, begun)
        again = found.advice()
        with pytest.raises(AdviceError, match="nobody knows whether it was done"):
            await again.approve(name, "bob")
        await again.look()
        assert (await again.undo(name, "bob")).state == "undone"
        assert found.services.file == FILE


async def test_before_the_file_is_changed_it_is_written_down_that_it_will_be() -> None:
    async with followed() as found:
        advice = found.advice()
        await advice.look()
        name = await found.model_id(advice)
        states = []

        async def slow(changes: Sequence[Change], by: str, why: str) -> tuple[Change, ...]:
            states.append((await advice.record(name)).state)
            return await Configured.reconfigure(found.services, changes, by, why)

        found.services.reconfigure = slow  # type: ignore[method-assign]
        await advice.approve(name, "ada")
        await advice.undo(name, "ada")
        assert states == ["approving", "undoing"]


async def test_who_leaves_before_the_end_leaves_nothing_half_done() -> None:
    async with followed() as found:
        advice = found.advice()
        await advice.look()
        name = await found.model_id(advice)
        asked = asyncio.create_task(advice.approve(name, "ada"))
        await asyncio.sleep(0)
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
        with pytest.raises(AdviceError, match="followed already"):
            await advice.approve(name, "bob")
        assert TRIED.encode() in found.services.file


async def test_what_was_saved_is_measured_and_told_beside_the_promise() -> None:
    async with followed() as found:
        advice = found.advice()
        await advice.look()
        name = await found.model_id(advice)
        await advice.approve(name, "ada", 100)
        then = found.services.at
        later = [
            one._replace(id=f"later-{one.id}", at=one.at + 10 * DAY + 3600, model="gpt-4o-mini")
            for one in attempts(400, usage=attempts(1)[0].usage, nano_usd=180_000)
        ]
        await found.journal.write(later)
        found.services.at = then + 0.5 * DAY
        await advice.measure()
        assert (await advice.record(name)).realised is None, "half a day tells nothing"
        found.services.at = then + 10 * DAY + 3600
        await advice.measure()
        record = await advice.record(name)
        assert record.realised is not None
        assert (record.realised.before, record.realised.after) == (3_000_000, 180_000)
        assert 0.9 * record.promised < record.realised.p50 < 1.1 * record.promised
        assert CHEAP.output_text < record.realised.p50


async def test_a_promise_that_was_not_kept_makes_the_next_one_less_sure() -> None:
    async with followed() as found:
        advice = found.advice()
        await advice.look()
        name = await found.model_id(advice)
        sure = (await advice.record(name)).advice.confidence
        await advice.approve(name, "ada", 100)
        later = [one._replace(id=f"l{one.id}", at=one.at + 10 * DAY) for one in attempts(400)]
        await found.journal.write(later)
        found.services.at += 10 * DAY
        await advice.measure()
        record = await advice.undo(name, "ada")
        assert record.realised is not None
        assert record.realised.p50 == 0
        await advice.look()
        assert (await advice.record(name)).advice.confidence == sure // 10
        assert (await advice.record(name)).state == "undone", "who has undone it is not asked again"


class Without:
    """What the orchestrator offers when the smaller model is gone."""

    def choices(self) -> Choices:
        return CHOICES._replace(deployments=CHOICES.deployments[:2])


REPEATED = [
    one._replace(digest="d", workflow_id=f"{number}") for number, one in enumerate(attempts(2000))
]


async def ids(advice: Advice) -> dict[str, str]:
    """What is advised, by rule."""
    return {one.advice.rule: one.advice.id for one in await advice.records()}


async def test_what_was_done_since_may_have_made_it_needless_then_it_is_not_approved() -> None:
    async with followed(REPEATED) as found:
        advice = found.advice()
        await advice.look()
        known = await ids(advice)
        await advice.approve(known["cache"], "ada")
        found.services.share(Deployments, Without())
        file = found.services.file
        with pytest.raises(AdviceError, match="not advised any more") as refused:
            await advice.approve(known["model"], "ada")
        assert refused.value.status == 409
        assert found.services.file == file
        assert "model" not in await ids(advice)


async def test_what_is_still_so_after_another_approval_is_approved() -> None:
    async with followed(REPEATED) as found:
        advice = found.advice()
        await advice.look()
        known = await ids(advice)
        await advice.approve(known["cache"], "ada")
        assert (await advice.approve(known["model"], "ada")).state == "approved"


async def test_what_is_known_by_the_hour_alone_makes_nothing_less_sure() -> None:
    """Of an hour's cost nobody knows how much of it is volume."""
    async with followed(REPEATED) as found:
        advice = found.advice()
        await advice.look()
        name = (await ids(advice))["cache"]
        sure = (await advice.record(name)).advice.confidence
        await advice.approve(name, "ada")
        later = [one._replace(id=f"l{one.id}", at=one.at + 10 * DAY) for one in REPEATED]
        for begin in range(0, len(later), 250):
            await found.journal.write(later[begin : begin + 250])
        found.services.at += 10 * DAY
        await advice.measure()
        record = await advice.record(name)
        assert record.realised is not None
        assert record.realised.p50 < record.promised
        assert record.advice.confidence == sure


async def test_what_was_undone_is_proposed_again_when_all_evidence_is_new() -> None:
    async with followed() as found:
        advice = found.advice()
        await advice.look()
        name = await found.model_id(advice)
        await advice.approve(name, "ada")
        await advice.undo(name, "ada")
        found.services.at += 30 * DAY
        await found.journal.write(
            [one._replace(id=f"l{one.id}", at=one.at + 20 * DAY) for one in attempts(400)]
        )
        await advice.look()
        assert (await advice.record(name)).state == "open"


async def test_it_looks_again_and_again() -> None:
    async with followed(every="1h") as found:
        advice = found.advice()
        found.services.spawn(advice.watch(), "look")
        while not advice.looked.at:
            await found.services.jumping.jump(0)
        found.services.at += 3600
        while advice.looked.at < found.services.at:  # it may not have gone to sleep yet
            await found.services.jumping.jump(3600)
        assert advice.looked.at == END + 3600


OPERATIONS = st.sampled_from(["approve", "more", "undo", "look", "refuse", "edit", "restart"])


@settings(max_examples=25, deadline=None)
@given(st.lists(OPERATIONS, min_size=1, max_size=10))
def test_whatever_is_done_the_record_and_the_file_agree(operations: list[str]) -> None:
    outcome = asyncio.run(_walked(operations))
    assert outcome == []


async def _walked(operations: list[str]) -> list[str]:
    """Do all of it; where record and file disagree, after what."""
    wrong: list[str] = []
    async with followed() as found:
        advice = found.advice()
        await advice.look()
        name, hands = await found.model_id(advice), 0
        for operation in operations:
            before = found.services.file
            try:
                if operation == "approve":
                    await advice.approve(name, "ada")
                elif operation == "more":
                    await advice.approve(name, "ada", 50)
                elif operation == "undo":
                    await advice.undo(name, "ada")
                elif operation == "look":
                    await advice.look()
                elif operation == "restart":
                    advice = found.advice()
                elif operation == "refuse":
                    found.services.refuse_changes = () if found.services.refuse_changes else ("no",)
                else:
                    hands += 1
                    found.services.file += f"# by hand {hands}\n".encode()
            except AdviceError:
                if found.services.file != before:
                    wrong.append(f"{operation} was refused and changed the file")
            wrong += await _disagreeing(found, advice_state=(await advice.record(name)).state)
    return wrong


async def _disagreeing(found: Followed, advice_state: str) -> list[str]:
    services: Configured = found.services
    untouched = b"".join(line for line in services.file.splitlines(True) if b"by hand" not in line)
    if (TRIED.encode() in untouched) != (advice_state == "approved"):
        return [f"it is {advice_state}, and the file says otherwise"]
    if advice_state != "approved" and untouched != FILE:
        return [f"it is {advice_state}, and the file is not what it was"]
    return []
