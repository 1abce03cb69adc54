"""What WeCom's servers know and enforce for 微信客服: accounts, sessions, their states and windows, the list."""

import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from connectors.fakes.wecom_rules import Bubble, Platform, Refused

NEW, BOT, POOL, SERVICER, ENDED = range(5)
MAY_BECOME: dict[int, set[int]] = {
    NEW: {BOT, POOL, SERVICER},
    BOT: {POOL, SERVICER},
    POOL: {SERVICER},
    SERVICER: {SERVICER, ENDED},
    ENDED: set(),
}
SESSION_SECONDS = 48 * 3600
MESSAGES = 5
WELCOME_SECONDS = 20
TOKEN_SECONDS = 600
LIST_SECONDS = 3 * 24 * 3600
LIMIT = 1000
CALLS_WITHOUT_TOKEN = 10  # a minute
MSGID = re.compile(r"[0-9a-zA-Z_-]{1,32}")


@dataclass
class Session:
    """A customer of an account."""

    customer: str
    state: int = ENDED
    servicer: str | None = None
    left: int = 0
    until: float = 0.0
    welcomed_at: float = 0.0
    takes_messages: bool = True
    bubbles: list[Bubble] = field(default_factory=list)


@dataclass
class Code:
    """Good for one message: in this state (None: any), until then, of these types."""

    session: Session
    state: int | None
    until: float
    kinds: tuple[str, ...]


@dataclass
class Account:
    items: list[dict[str, Any]] = field(default_factory=list)
    sessions: dict[str, Session] = field(default_factory=dict)
    tokens: dict[str, float] = field(default_factory=dict)
    msg_ids: set[str] = field(default_factory=set)


class CustomerService:
    """`fail_next`: the next message is taken and reported as failed, with this `fail_type`.

    `happened` is called with the account at which something happened that no customer wrote.
    """

    def __init__(self, platform: Platform, accounts: tuple[str, ...], servicers: tuple[str, ...] = ()) -> None:
        self._platform = platform
        self.accounts = {name: Account() for name in accounts}
        self.servicers = servicers
        self.unionids: dict[str, str] = {}
        self.page_size = LIMIT
        self.fail_next: int | None = None
        self.happened: Callable[[str], None] = lambda account: None
        self._codes: dict[str, Code] = {}
        self._calls: list[float] = []

    def session(self, account: str, customer: str) -> Session:
        """Made on first sight."""
        return self.accounts[account].sessions.setdefault(customer, Session(customer))

    def token(self, account: str) -> str:
        """For a callback."""
        token = f"ENC{secrets.token_urlsafe(32)}"
        self.accounts[account].tokens[token] = self._platform.clock() + TOKEN_SECONDS
        return token

    # What customers and servicers do

    def write(self, account: str, customer: str, kind: str, content: dict[str, Any], msgid: str = "") -> None:
        session = self.session(account, customer)
        session.left, session.until = MESSAGES, self._platform.clock() + SESSION_SECONDS
        if session.state == ENDED:
            session.state = NEW
        self._list(account, customer, 3, kind, content, msgid)

    def enter(self, account: str, customer: str) -> None:
        session, now = self.session(account, customer), self._platform.clock()
        event = {"event_type": "enter_session", "open_kfid": account, "external_userid": customer, "scene": "123"}
        if now - max(session.welcomed_at, session.until - SESSION_SECONDS) > SESSION_SECONDS:
            event["welcome_code"] = self._code(session, None, WELCOME_SECONDS, ("text", "msgmenu"))
        self._list(account, customer, 4, "event", event)

    def serve(self, account: str, customer: str, servicer: str) -> None:
        """A servicer takes the customer out of the pool, or writes to one whose session is over."""
        session = self.session(account, customer)
        change = 1 if session.state == POOL else 4
        session.state, session.servicer = SERVICER, servicer
        self._changed(account, customer, change, servicer)

    def answer(self, account: str, customer: str, text: str) -> None:
        """The servicer writes in WeCom's app."""
        session = self.session(account, customer)
        session.bubbles.append(Bubble(text, at=self._platform.clock()))
        self._list(account, customer, 5, "text", {"content": text}, servicer=session.servicer)

    def end(self, account: str, customer: str) -> None:
        """The servicer ends the session."""
        self.session(account, customer).state = ENDED
        self._changed(account, customer, 3, None)

    # What we call

    def sync_msg(self, body: dict[str, Any]) -> dict[str, Any]:
        account, now = self._account(body), self._platform.clock()
        limit, cursor = body.get("limit", LIMIT), body.get("cursor", "")
        if not isinstance(limit, int) or not 1 <= limit <= LIMIT:
            raise Refused(40058, "limit out of range")
        if not re.fullmatch(r"|c[0-9a-f]{1,16}", str(cursor)):
            raise Refused(40058, "invalid cursor")
        if token := body.get("token"):
            if account.tokens.get(token, 0.0) < now:
                raise Refused(95007, "invalid msg token")
        else:
            self._calls = [at for at in self._calls if now - at < 60] + [now]
            if len(self._calls) > CALLS_WITHOUT_TOKEN:
                raise Refused(45009, "api freq out of limit")
        start = int(cursor[1:], 16) if cursor else 0
        end = min(start + limit, start + self.page_size, len(account.items))
        shown = [item for item in account.items[start:end] if now - item["send_time"] < LIST_SECONDS]
        more = int(end < len(account.items))
        return {"errcode": 0, "errmsg": "ok", "next_cursor": f"c{end:x}", "has_more": more, "msg_list": shown}

    def send_msg(self, body: dict[str, Any]) -> dict[str, Any]:
        account = self._account(body)
        session = self._session(account, body.get("touser"))
        bubble = self._platform.bubble(body, ("text", "image", "msgmenu"))
        msgid = self._msgid(account, body)
        if session.state == ENDED:
            raise Refused(95013, "session is over")
        if session.state not in (NEW, BOT):
            raise Refused(95018, "send msg session status invalid")
        if session.until < self._platform.clock():
            raise Refused(95002, "send msg time limit")
        if session.left == 0:
            raise Refused(95001, "send msg count limit")
        session.left -= 1
        return self._sent(account, session, bubble, msgid, body["open_kfid"])

    def send_msg_on_event(self, body: dict[str, Any]) -> dict[str, Any]:
        code = self._codes.get(str(body.get("code")))
        if code is None or code.until < self._platform.clock():
            raise Refused(40029, "invalid code")
        if code.state is not None and code.session.state != code.state:
            raise Refused(95018, "send msg session status invalid")
        bubble = self._platform.bubble(body, code.kinds)
        name, account = next((n, a) for n, a in self.accounts.items() if code.session in a.sessions.values())
        msgid = self._msgid(account, body)
        del self._codes[body["code"]]
        code.session.welcomed_at = self._platform.clock()
        return self._sent(account, code.session, bubble, msgid, name)

    def state_get(self, body: dict[str, Any]) -> dict[str, Any]:
        session = self._session(self._account(body), body.get("external_userid"))
        return {"errcode": 0, "errmsg": "ok", "service_state": session.state, "servicer_userid": session.servicer or ""}

    def state_trans(self, body: dict[str, Any]) -> dict[str, Any]:
        session = self._session(self._account(body), body.get("external_userid"))
        state = body.get("service_state")
        if state not in MAY_BECOME[session.state]:
            raise Refused(95016, f"not allowed: {session.state} to {state}")
        if state == SERVICER and body.get("servicer_userid") not in self.servicers:
            raise Refused(95014, "user is not servicer")
        session.state, session.servicer = state, body.get("servicer_userid")
        answer = {"errcode": 0, "errmsg": "ok"}
        if state == POOL:
            return answer | {"msg_code": self._code(session, POOL, SESSION_SECONDS, ("text",))}
        if state == ENDED:
            return answer | {"msg_code": self._code(session, ENDED, WELCOME_SECONDS, ("text", "msgmenu"))}
        return answer

    def batchget(self, body: dict[str, Any]) -> dict[str, Any]:
        wanted = body.get("external_userid_list")
        if not isinstance(wanted, list) or not 1 <= len(wanted) <= 100:
            raise Refused(40058, "invalid external_userid_list")
        known = {name for account in self.accounts.values() for name in account.sessions}
        listed = [{"external_userid": n, "nickname": n, "unionid": self.unionids.get(n)} for n in wanted if n in known]
        missing = [name for name in wanted if name not in known]
        return {"errcode": 0, "errmsg": "ok", "customer_list": listed, "invalid_external_userid": missing}

    def _account(self, body: dict[str, Any]) -> Account:
        if body.get("open_kfid") not in self.accounts:
            raise Refused(95000, "invalid open_kfid")
        return self.accounts[body["open_kfid"]]

    def _session(self, account: Account, customer: Any) -> Session:
        if customer not in account.sessions:
            raise Refused(40096, "invalid external userid")
        return account.sessions[customer]

    def _msgid(self, account: Account, body: dict[str, Any]) -> str:
        msgid = body.get("msgid") or secrets.token_hex(16)
        if not MSGID.fullmatch(msgid) or msgid in account.msg_ids:
            raise Refused(40058, "invalid msgid, or one that was used before")
        account.msg_ids.add(msgid)
        return msgid

    def _sent(self, account: Account, session: Session, bubble: Bubble, msgid: str, name: str) -> dict[str, Any]:
        fail_type, self.fail_next = self.fail_next, None
        if not session.takes_messages:
            fail_type = 10
        if fail_type is None:
            session.bubbles.append(bubble)
        else:
            event = {"event_type": "msg_send_fail", "open_kfid": name, "external_userid": session.customer}
            self._list(name, session.customer, 4, "event", event | {"fail_msgid": msgid, "fail_type": fail_type})
        return {"errcode": 0, "errmsg": "ok", "msgid": msgid}

    def _code(self, session: Session, state: int | None, seconds: float, kinds: tuple[str, ...]) -> str:
        code = secrets.token_urlsafe(24)
        self._codes[code] = Code(session, state, self._platform.clock() + seconds, kinds)
        return code

    def _changed(self, account: str, customer: str, change: int, servicer: str | None) -> None:
        event = {"event_type": "session_status_change", "open_kfid": account, "external_userid": customer}
        more = {"change_type": change, "old_servicer_userid": "", "new_servicer_userid": servicer or ""}
        self._list(account, customer, 4, "event", event | more)

    def _list(
        self,
        account: str,
        customer: str,
        origin: int,
        kind: str,
        content: dict[str, Any],
        msgid: str = "",
        servicer: str | None = None,
    ) -> None:
        item = {"msgid": msgid or secrets.token_hex(16), "send_time": int(self._platform.clock()), "origin": origin}
        item |= {"msgtype": kind, kind: content}
        if kind != "event":
            item |= {"open_kfid": account, "external_userid": customer}
        if servicer:
            item["servicer_userid"] = servicer
        self.accounts[account].items.append(item)
        if origin == 4:
            self.happened(account)
