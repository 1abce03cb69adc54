"""What must be known of 微信客服, from WeCom's administration page (微信客服 → API)."""

from typing import Literal

from pydantic import Field, SecretStr

from connectors.wecom.settings import API_URL, CallbackSettings

People = Literal["kefu", "wecom"]


class WeComKfSettings(CallbackSettings):
    """`secret` belongs to the application that may call the interfaces of 微信客服."""

    secret: SecretStr
    api_url: str = API_URL
    people: People = "kefu"
    """Who talks to customers that the bot hands over: our own desk, or the servicers in WeCom's app (接待人员)."""
    ask_unionid: bool = True
    poll_seconds: float = Field(300, gt=0)
    """How often we look for messages whose callback got lost; WeCom takes few of such calls."""
