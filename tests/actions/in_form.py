"""A form as Rasa runs it: validation, asking and submitting, in its order."""

from tests.actions.call import Answered, Caller


class InForm:
    """One form of one customer; `slots` are those it needs, in the order of its questions."""

    def __init__(self, caller: Caller, form: str, trigger: str, submit: str, slots: tuple[str, ...]) -> None:
        self.caller, self.form, self.trigger, self.submit, self.slots = caller, form, trigger, submit, slots
        self.is_open = False
        self._actions = caller.executor.actions

    async def open(self, text: str = "", intent: str | None = None, **entities: str) -> Answered:
        validated = await self.caller.hear(
            f"validate_{self.form}", text, intent or self.trigger, form=self.form, opening=True, **entities
        )
        self.is_open = True
        return await self._go_on(validated)

    async def follow(self) -> Answered:
        """Open it in the turn in which another one has ended."""
        self.caller.events.append({"event": "active_loop", "name": self.form})
        self.is_open = True
        return await self._go_on(await self.caller.run(f"validate_{self.form}", form=self.form))

    async def hear(self, text: str, intent: str = "inform", **more: object) -> Answered | None:
        """None: the form takes it for a digression."""
        validated = await self.caller.hear(f"validate_{self.form}", text, intent, form=self.form, **more)
        if not validated.events and not validated.said:
            return None
        return await self._go_on(validated)

    async def _go_on(self, validated: Answered) -> Answered:
        slots = self.caller.slots
        ended = "requested_slot" in validated.slots
        requested = None if ended else next((slot for slot in self.slots if slots.get(slot) is None), None)
        slots["requested_slot"] = requested
        if requested is None:
            self.is_open = False
            then = await self.caller.run(self.submit)
        elif asking := {f"action_ask_{requested}", f"action_ask_{self.form}_{requested}"} & set(self._actions):
            then = await self.caller.run(asking.pop(), form=self.form)
        else:
            return validated
        return Answered((*validated.said, *then.said), {**validated.slots, **then.slots}, then.events)
